"""Filebeat inputs bound to local log files: one copy per instance and stream, each event saying whose it is."""

from __future__ import annotations

from typing import Any

from harness.artefacts.edits import Editor
from harness.artefacts.filebeat_config import FilebeatConfig, FilebeatInput
from harness.artefacts.filebeat_parsers import as_log_input, end_records_soon, parsers_of
from harness.artefacts.settings import put
from harness.artefacts.topology import LogSource, Topology
from harness.core.source import DocumentPath

__all__ = ["bind_inputs"]

_POLL = "50ms"
_POLLING = "polling: log lag is wall time and does not shrink with the speed"
_FILE_KINDS = {
    "log": ("scan_frequency", "backoff", "max_backoff"),
    "container": ("scan_frequency", "backoff", "max_backoff"),
    "filestream": ("prospector.scanner.check_interval", "backoff.init", "backoff.max"),
}
_Owner = tuple[str, str, str]


def bind_inputs(editor: Editor, topology: Topology, config: FilebeatConfig) -> None:
    """Bind every input that is switched on; a kind that reads no files and a path that nothing binds are problems."""
    for each in reversed(config.inputs):
        if not each.enabled:
            editor.remove(each.path, "paths: an input that production has switched off")
        elif each.kind not in _FILE_KINDS:
            editor.problem(each.path, f"an input of the kind {each.kind!r} reads no files that could be bound")
        else:
            _bind_input(editor, topology, each)


def _bind_input(editor: Editor, topology: Topology, each: FilebeatInput) -> None:
    owners = _owners(editor, topology, each)
    if not owners:
        editor.remove(each.path, "paths: no log of this input is there in this run")
        return
    for _copy in list(owners)[1:]:
        editor.duplicate(each.path, "paths: the same input for another instance or stream")
    *above, index = each.path
    for offset, (owner, paths) in enumerate(owners.items()):
        _fill(editor, topology, each, (*above, int(index) + offset), owner, paths)


def _owners(editor: Editor, topology: Topology, each: FilebeatInput) -> dict[_Owner, list[str]]:
    found: dict[_Owner, list[str]] = {}
    for pattern in each.paths:
        if pattern not in topology.logs and pattern not in topology.absent:
            editor.problem((*each.path, "paths"), f"the log {pattern!r} is bound to no file")
        for source in topology.logs.get(pattern, ()):
            paths = found.setdefault(_owner(source), [])
            if source.path not in paths:
                paths.append(source.path)
    return found


def _owner(source: LogSource) -> _Owner:
    return source.cell, source.instance, source.stream


def _fill(
    editor: Editor, topology: Topology, each: FilebeatInput, path: DocumentPath, owner: _Owner, paths: list[str]
) -> None:
    cell, instance, stream = owner
    editor.set((*path, "paths"), paths, "paths: the log files of this run", source=(*each.path, "paths"))
    if each.name:
        unique = f"{each.name}-{cell}-{instance}-{stream}"
        editor.set((*path, "id"), unique, "paths: every copy of an input keeps its own state", source=each.path)
    kind = each.kind
    if kind == "filestream" and parsers_of(editor, path) and not _heeds_parsers(topology):
        as_log_input(editor, path, each.path)
        kind = "log"
    end_records_soon(editor, path, each.path)
    for name in _FILE_KINDS[kind]:
        put(editor, name, _POLL, _POLLING, path, source=each.path)
    mark: dict[str, Any] = {"add_fields": {"target": "harness", "fields": _fields(owner)}}
    processors = (*path, "processors")
    why = "attribution: whose line it is, since cells share one Filebeat"
    if editor.get(processors) is None:
        editor.set(processors, [], why, source=each.path)
    editor.insert((*processors, len(editor.get(processors))), mark, why, source=each.path)


def _fields(owner: _Owner) -> dict[str, str]:
    return dict(zip(("cell", "instance", "stream"), owner, strict=True))


def _heeds_parsers(topology: Topology) -> bool:
    return topology.filebeat is None or topology.filebeat.parses
