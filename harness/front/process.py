"""Start a campaign as its own process, follow what it says, cancel it, and never leave it behind."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.core.errors import HarnessError, Location, MachineError
from harness.core.events import Event
from harness.front.follow import EventFile, is_last
from harness.request import CampaignRequest

__all__ = ["COMMAND", "POLL_S", "CampaignProcess", "death", "written_pid"]

COMMAND = (sys.executable, "-P", "-m", "harness.run.campaign")
"""What is started; the path of the request follows. ``-P``: a user's folder may hold a harness of its own."""
POLL_S = 0.03
CANCEL_S = 60.0
"""Wall seconds that a cancelled campaign gets to judge what it has and to end its components."""
END_S = 30.0
"""Wall seconds between the last event and the end of the process."""

_FULL_BYTES = 64 * 1024
_TAIL_LINES = 12


class CampaignProcess:
    """A campaign that runs for as long as its standard input, which this object holds, stays open.

    It has a session of its own: a terminal's Ctrl-C reaches the front alone, which cancels in good
    order. A context manager; leaving it cancels what still runs.
    """

    def __init__(self, request: CampaignRequest, command: Sequence[str] | None = None) -> None:
        self.bundle = Path(request.bundle)
        self._events = EventFile(self.bundle)
        self._ended = False
        self._deadline = float("inf")
        self._process = _start(request, command or COMMAND)

    def __enter__(self) -> CampaignProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process.poll() is None

    @property
    def ended(self) -> bool:
        """Whether the last event has been read."""
        return self._ended

    def poll(self) -> tuple[Event, ...]:
        """Events since the last call; raises ``HarnessError`` when the process died without its last one."""
        dead = not self.running
        events = self._events.read()
        self._ended = self._ended or any(map(is_last, events))
        if dead and not events and not self._ended:
            raise death(self.bundle, f"with exit code {self._process.returncode}")
        if not self._ended and time.monotonic() > self._deadline:
            self.kill()
            raise HarnessError(f"the campaign did not end within {CANCEL_S:g} s of its cancellation and was killed")
        return events

    def follow(self) -> Iterator[Event]:
        """Events as they come, until the last one; raises ``HarnessError`` for an end before it."""
        while not self._ended:
            events = self.poll()
            yield from events
            if not events:
                time.sleep(POLL_S)

    def cancel(self) -> None:
        """Ask the campaign to judge what it has and to end; returns at once."""
        assert self._process.stdin is not None
        self._deadline = min(self._deadline, time.monotonic() + CANCEL_S)
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def kill(self) -> None:
        """End the campaign at once; its warden ends every component and removes what it made."""
        self.cancel()
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Wait for the end of the process, cancelling it first where it has more to say."""
        self.cancel()
        try:
            self._process.wait(END_S if self._ended else CANCEL_S)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            self.kill()


def written_pid(bundle: Path) -> int | None:
    """Process id of the campaign that writes into ``bundle``, once it has been started."""
    try:
        return int((bundle / "campaign.pid").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def death(bundle: Path, how: str) -> HarnessError:
    """What to say of a campaign process that ended without its last event."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(bundle).free < _FULL_BYTES:
            return MachineError(
                "the disk is full, so the campaign could not be recorded",
                location=Location(str(bundle)),
                remedy="free disk space, or choose another folder with --bundle-dir",
            )
    problem = f"the campaign process ended {how} before its verdicts"
    tail = _tail(bundle / "campaign.log")
    remedy = f"what it said last is in {bundle / 'campaign.log'}" if tail else f"run it again; bundle: {bundle}"
    return HarnessError("\n    ".join([problem, *tail]), remedy=remedy)


def _tail(path: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
    return []


def _start(request: CampaignRequest, command: Sequence[str]) -> subprocess.Popen[bytes]:
    bundle = Path(request.bundle)
    asked = bundle / "request.json"
    try:
        request.write(asked)
        with (bundle / "campaign.log").open("ab") as log:
            process = subprocess.Popen(
                [*command, str(asked)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    except OSError as error:
        raise MachineError(
            f"the campaign cannot be started: {error.strerror}",
            location=Location(str(bundle)),
            remedy="free disk space, or choose another folder with --bundle-dir",
        ) from None
    with contextlib.suppress(OSError):
        (bundle / "campaign.pid").write_text(str(process.pid), encoding="utf-8")
    return process
