"""Where a report goes: standard output, or a file that is opened before anything has run.

So a path that cannot be written is known at once, and no report of an earlier run can be taken for this one's.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from harness.core.errors import Location, MachineError

__all__ = ["Output"]


class Output:
    """UTF-8 text to a file or to standard output."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._closed = False
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb") if path is not None else None
        except OSError as error:
            raise self._unwritable(error) from None

    def write(self, data: bytes) -> None:
        """Write and hand to the operating system; a reader that went away is no error.

        Raises ``MachineError`` once; what follows a failed write is dropped.
        """
        if self._closed:
            return
        try:
            self._write(data)
        except BrokenPipeError:
            return
        except OSError as error:
            with suppress(OSError):
                self.close()
            raise self._unwritable(error) from None

    def _write(self, data: bytes) -> None:
        if self._file is not None:
            self._file.write(data)
            self._file.flush()
            return
        try:
            sys.stdout.write(data.decode("utf-8"))
            sys.stdout.flush()
        except UnicodeEncodeError:
            self._write_plain(data)

    def _write_plain(self, data: bytes) -> None:
        """A terminal of another encoding gets escapes for what it cannot show."""
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write(data.decode("utf-8").encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._closed = True
        if self._file is not None:
            self._file.close()

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def _unwritable(self, error: OSError) -> MachineError:
        place = str(self._path) if self._path is not None else "standard output"
        return MachineError(
            f"the report cannot be written: {error.strerror}",
            location=Location(place),
            remedy="free disk space or choose another path for the report",
        )
