"""Settings with dotted names put into or taken out of a document, wherever its author chose to nest them."""

from __future__ import annotations

from typing import Any

from harness.artefacts import dotted
from harness.artefacts.edits import Editor
from harness.core.source import DocumentPath

__all__ = ["drop", "put"]


def put(
    editor: Editor,
    name: str,
    value: Any,
    why: str,
    above: DocumentPath = (),
    *,
    source: DocumentPath | None = None,
) -> None:
    """Set ``name`` below ``above``, where it is written or else in the deepest mapping that it belongs to.

    ``source`` is where ``above`` stands in the production file, if it stands elsewhere there.
    """
    data = editor.get(above)
    path = dotted.find(data, name) or _home(data, name)
    editor.set((*above, *path), value, why, source=(*(above if source is None else source), *path))


def drop(editor: Editor, name: str, why: str) -> None:
    """Remove ``name`` and all that is written below it, in every spelling."""
    while True:
        names = dotted.flat(editor.data)
        found = next((path for key, path in names if key == name or key.startswith(f"{name}.")), None)
        if found is None:
            return
        editor.remove(found, why)


def _home(data: Any, name: str) -> DocumentPath:
    """The path that ``name`` gets: existing mappings as far as they go, the rest as one dotted key."""
    best: DocumentPath = (name,)
    for key, path in dotted.flat(data):
        if name.startswith(f"{key}.") and isinstance(dotted.value_at(data, path), dict) and len(path) >= len(best):
            best = (*path, name[len(key) + 1 :])
    return best
