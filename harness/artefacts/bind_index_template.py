"""An index template with room for the fields that say whose line a document is."""

from __future__ import annotations

from harness.artefacts.edits import BoundArtefact, Editor
from harness.artefacts.index_template import read_index_template
from harness.core.source import Document

__all__ = ["bind_index_template"]

_KEYWORD = {"type": "keyword", "ignore_above": 1024}


def bind_index_template(document: Document) -> BoundArtefact:
    """The template as it is installed here: a strict mapping would refuse the attribution, so it is declared."""
    template = read_index_template(document)
    editor = Editor(document)
    path = template.mappings_path
    why = "attribution: whose line a document is, since cells share one Elasticsearch"
    for depth in range(1, len(path) + 1):
        if editor.get(path[:depth]) is None:
            editor.set(path[:depth], {}, why)
    if editor.get((*path, "properties")) is None:
        editor.set((*path, "properties"), {}, why)
    fields = {name: dict(_KEYWORD) for name in ("cell", "instance", "stream")}
    editor.set((*path, "properties", "harness"), {"properties": fields}, why)
    as_json = document.text.lstrip().startswith("{")
    return editor.finish("declare the template as Elasticsearch does", as_json=as_json)
