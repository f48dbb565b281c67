"""What every binding does alike: durations by the clock, file patterns and references by the topology."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.artefacts.clock import Clock
from harness.artefacts.edits import Editor
from harness.artefacts.topology import Topology
from harness.core.source import DocumentPath
from harness.core.units import format_duration

__all__ = ["default_duration", "files", "references", "scale_duration"]

_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<sign>[?+])?(?P<default>[^}]*))?\}")


def scale_duration(editor: Editor, clock: Clock, path: DocumentPath) -> None:
    """Divide the duration at ``path`` by the speed; nothing happens where none is written."""
    written = editor.get(path)
    if written is None or clock.speed == 1:
        return
    change = clock.duration(str(written), editor.locate(path))
    why = f"{change.why}, rounded by {change.error_ratio:.2%}" if change.error_ratio else change.why
    editor.set(path, change.after, why)


def default_duration(editor: Editor, clock: Clock, path: DocumentPath, default_s: float) -> None:
    """As ``scale_duration``; a duration that is not written is added with the scaled default."""
    if editor.get(path) is not None:
        scale_duration(editor, clock, path)
    elif clock.speed != 1:
        scaled_s = clock.seconds(default_s, editor.locate(path))
        why = f"clock: the default of {format_duration(default_s)} divided by speed"
        editor.set(path, format_duration(scaled_s), why)


def files(editor: Editor, topology: Topology, path: DocumentPath, what: str) -> None:
    """Replace the file patterns listed at ``path`` by the files that the topology gives for each."""
    patterns = editor.get(path)
    if patterns is None:
        return
    bound: list[str] = []
    for pattern in patterns:
        if pattern in topology.files:
            bound += topology.files[pattern]
        elif pattern not in topology.absent:
            editor.problem(path, f"{what} {pattern!r} is bound to no files")
    editor.set(path, bound, f"paths: {what} as prepared for this run")


def references(editor: Editor, value: Any, path: DocumentPath, environment: Mapping[str, str]) -> None:
    """Resolve ``${NAME}`` and ``${NAME:default}`` wherever the environment or a default gives a value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            references(editor, inner, (*path, key), environment)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            references(editor, inner, (*path, index), environment)
    elif isinstance(value, str) and "${" in value:
        resolved = _REFERENCE.sub(lambda found: _resolved(found, environment), value)
        editor.set(path, resolved, "environment: a test does not depend on the variables of its machine")


def _resolved(found: re.Match[str], environment: Mapping[str, str]) -> str:
    if found["name"] in environment:
        return environment[found["name"]]
    if found["default"] is not None and not found["sign"]:
        return found["default"]
    return found[0]
