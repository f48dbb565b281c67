"""The evidence of one campaign on disk: a folder that can be zipped, mailed and judged again anywhere.

::

    manifest.json            what was run: request, versions, speed, schema
    events.ndjson            the event stream as it was reported
    inputs/                  contract, profile, scenarios and artefacts as they were, by relative path
    bound/                   what the components really ran, and the list of edits
    records/<type>.ndjson    the records, one JSON object a line
    logs/                    the tails of the components' own logs
    attempts/<n>/            records of an earlier attempt that was unfit; no verdict counts them

A bundle whose campaign was killed stays readable: a half-written last line is ignored.
"""

from __future__ import annotations

import dataclasses
import math
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import orjson

from harness.core.errors import HarnessError, Location, MachineError
from harness.evidence.records import RECORD_TYPES, Gaps, Reading, Record, Request, RuleState, Series
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
        try:
            self._stack.close()
        except OSError as full:
            if error is None:
                raise _unwritable(self.folder, full) from None

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Write ``manifest.json``; the schema number is added."""
        whole = orjson.dumps({"schema": BUNDLE_SCHEMA, **manifest}, option=orjson.OPT_INDENT_2)
        half = self.folder / "manifest.json.part"
        try:
            half.write_bytes(whole)
            half.replace(self.folder / "manifest.json")
        except OSError as error:
            raise _unwritable(self.folder, error) from None

    def add(self, record: Record) -> None:
        """Append one record and hand it to the operating system at once.

        So a campaign that is killed leaves everything up to one instant, never the requests of a phase
        without its start.
        """
        name = _NAMES[type(record)]
        try:
            file = self._files.get(name) or self._open(name)
            file.write(orjson.dumps(_as_dict(record), option=_LINE))
            file.flush()
        except OSError as error:
            raise _unwritable(self.folder, error) from None

    def begin_again(self, kept: Iterable[Record]) -> None:
        """Set the records so far aside, as ``attempts/<n>/``, and begin anew with those that are kept."""
        self._stack.close()
        self._files.clear()
        try:
            aside = self.folder / "attempts"
            aside.mkdir(exist_ok=True)
            (self.folder / "records").rename(aside / str(len(list(aside.iterdir())) + 1))
            (self.folder / "records").mkdir()
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        for record in kept:
            self.add(record)

    def _open(self, name: str) -> IO[bytes]:
        file = self._stack.enter_context((self.folder / "records" / f"{name}.ndjson").open("ab"))
        self._files[name] = file
        return file


def open_bundle(path: Path, scratch: Path) -> Path:
    """Folder of the bundle at ``path``; a ``.zip`` is unpacked below ``scratch`` first."""
    folder = path
    if path.is_file() and zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(scratch)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise HarnessError(f"the archive is damaged: {error}", location=Location(str(path))) from None
        except OSError as error:
            raise _unwritable(scratch, error) from None
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
    found = manifest.get("schema") if isinstance(manifest, dict) else None
    if found != BUNDLE_SCHEMA:
        raise HarnessError(
            f"the bundle has schema {found}, this version reads {BUNDLE_SCHEMA}",
            location=where,
            remedy="replay it with the harness version that recorded it",
        )
    return manifest


def read_evidence(folder: Path) -> Evidence:
    """All records of the bundle in ``folder``."""
    evidence = Evidence(planned=_planned(folder))
    for name, kind in RECORD_TYPES.items():
        for record in _read_records(folder / "records" / f"{name}.ndjson", kind):
            evidence.add(record)
    return evidence


def _planned(folder: Path) -> tuple[str, ...]:
    if not (folder / "manifest.json").is_file():
        return ()
    cells = read_manifest(folder).get("cells")
    return tuple(map(str, cells)) if isinstance(cells, list) else ()


def _read_records(path: Path, kind: type[Any]) -> Iterator[Record]:
    if not path.is_file():
        return
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            yield _from_dict(kind, orjson.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise HarnessError(
                f"not a record of this version: {error}",
                location=Location(str(path), number),
                remedy="the bundle was edited or damaged; take the original",
            ) from None


def _as_dict(record: Record) -> dict[str, Any]:
    fields = {item.name: getattr(record, item.name) for item in dataclasses.fields(record)}
    # JSON has no word for NaN and infinity: they are written as Python and Prometheus read them
    if isinstance(record, Series):
        fields["points"] = [(t, _number(value)) for t, value in record.points]
    elif isinstance(record, RuleState):
        fields["active"] = [{name: _number(value) for name, value in alert.items()} for alert in record.active]
    elif isinstance(record, Reading):
        fields["value"] = _number(record.value)
    return fields


def _number(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _from_dict(kind: type[Any], fields: dict[str, Any]) -> Any:
    for name, value in fields.items():
        if isinstance(value, list) and name != "body":
            fields[name] = tuple(tuple(item) if isinstance(item, list) else item for item in value)
    if kind is Series:
        fields["points"] = tuple((t, float(value)) for t, value in fields["points"])
    elif kind is RuleState:
        fields["active"] = tuple(
            {name: float(value) if name == "value" else value for name, value in alert.items()}
            for alert in fields.get("active", ())
        )
    elif kind is Reading:
        fields["value"] = float(fields["value"])
    elif kind is Request and fields.get("gaps") is not None:
        fields["gaps"] = Gaps(**fields["gaps"])
    return kind(**fields)


def _unwritable(folder: Path, error: OSError) -> MachineError:
    return MachineError(
        f"the bundle cannot be written: {error.strerror}",
        location=Location(str(folder)),
        remedy="free disk space or choose another folder with --bundle-dir",
    )
