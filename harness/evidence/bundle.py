"""The evidence of one campaign on disk: a folder that can be zipped, mailed and judged again anywhere.

::

    manifest.json            what was run: request, versions, speed, schema
    events.ndjson            the event stream as it was reported
    inputs/                  contract, profile, scenarios and artefacts as they were, by relative path
    bound/                   what the components really ran, and the list of edits
    records/<type>.ndjson    the records, one JSON object a line
    logs/                    the tails of the components' own logs

A bundle whose campaign was killed stays readable: a half-written last line is ignored.
"""

from __future__ import annotations

import dataclasses
import math
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import orjson

from harness.core.errors import HarnessError, Location, MachineError
from harness.evidence.records import RECORD_TYPES, Record, Series
from harness.evidence.store import Evidence

__all__ = ["BUNDLE_SCHEMA", "BundleWriter", "open_bundle", "read_evidence", "read_manifest"]

BUNDLE_SCHEMA: Final = 1
_LINE: Final = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
_NAMES: Final = {kind: name for name, kind in RECORD_TYPES.items()}


class BundleWriter:
    """Appends records to a bundle folder; a context manager, used by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, IO[bytes]] = {}
        self._stack = ExitStack()
        try:
            (folder / "records").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Write ``manifest.json``; the schema number is added."""
        try:
            (self.folder / "manifest.json").write_bytes(
                orjson.dumps({"schema": BUNDLE_SCHEMA, **manifest}, option=orjson.OPT_INDENT_2)
            )
        except OSError as error:
            raise _unwritable(self.folder, error) from None

    def add(self, record: Record) -> None:
        """Append one record (buffered: see ``flush``)."""
        name = _NAMES[type(record)]
        try:
            file = self._files.get(name) or self._open(name)
            file.write(orjson.dumps(_as_dict(record), option=_LINE))
        except OSError as error:
            raise _unwritable(self.folder, error) from None

    def flush(self) -> None:
        """Hand everything added so far to the operating system."""
        try:
            for file in self._files.values():
                file.flush()
        except OSError as error:
            raise _unwritable(self.folder, error) from None

    def _open(self, name: str) -> IO[bytes]:
        file = self._stack.enter_context((self.folder / "records" / f"{name}.ndjson").open("ab"))
        self._files[name] = file
        return file


def open_bundle(path: Path, scratch: Path) -> Path:
    """Folder of the bundle at ``path``; a ``.zip`` is unpacked below ``scratch`` first."""
    folder = path
    if path.is_file() and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(scratch)
        found = sorted(scratch.rglob("manifest.json"), key=lambda item: len(item.parts))
        folder = found[0].parent if found else scratch
    if not (folder / "manifest.json").is_file():
        raise HarnessError(
            "this is not a bundle: it holds no manifest.json",
            location=Location(str(path)),
            remedy="give the folder (or its .zip) that a gate printed on its last line",
        )
    return folder


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest; raises ``HarnessError`` when a newer harness wrote it or it cannot be read."""
    where = Location(str(folder / "manifest.json"))
    try:
        manifest: dict[str, Any] = orjson.loads((folder / "manifest.json").read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise HarnessError(f"the manifest cannot be read: {error}", location=where) from None
    if manifest.get("schema") != BUNDLE_SCHEMA:
        raise HarnessError(
            f"the bundle has schema {manifest.get('schema')}, this version reads {BUNDLE_SCHEMA}",
            location=where,
            remedy="replay it with the harness version that recorded it",
        )
    return manifest


def read_evidence(folder: Path) -> Evidence:
    """All records of the bundle in ``folder``."""
    evidence = Evidence()
    for name, kind in RECORD_TYPES.items():
        for record in _read_records(folder / "records" / f"{name}.ndjson", kind):
            evidence.add(record)
    return evidence


def _read_records(path: Path, kind: type[Any]) -> Iterator[Record]:
    if not path.is_file():
        return
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            yield _from_dict(kind, orjson.loads(line))
        except (orjson.JSONDecodeError, TypeError) as error:
            raise HarnessError(
                f"not a record of this version: {error}",
                location=Location(str(path), number),
                remedy="the bundle was edited or damaged; take the original",
            ) from None


def _as_dict(record: Record) -> dict[str, Any]:
    fields = {item.name: getattr(record, item.name) for item in dataclasses.fields(record)}
    if isinstance(record, Series):
        # JSON has no word for NaN and infinity: they are written as Prometheus writes them
        fields["points"] = [(t, value if math.isfinite(value) else str(value)) for t, value in record.points]
    return fields


def _from_dict(kind: type[Any], fields: dict[str, Any]) -> Any:
    for name, value in fields.items():
        if isinstance(value, list) and name != "body":
            fields[name] = tuple(tuple(item) if isinstance(item, list) else item for item in value)
    if kind is Series:
        fields["points"] = tuple((t, float(value)) for t, value in fields["points"])
    return kind(**fields)


def _unwritable(folder: Path, error: OSError) -> MachineError:
    return MachineError(
        f"the bundle cannot be written: {error.strerror}",
        location=Location(str(folder)),
        remedy="free disk space or choose another folder with --bundle-dir",
    )
