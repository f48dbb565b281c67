"""An Elasticsearch composable index template as data: which indices it shapes and the type of each field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from harness.artefacts.reading import Node
from harness.core.source import Document, DocumentPath

__all__ = ["IndexTemplate", "read_index_template"]


@dataclass(frozen=True, slots=True)
class IndexTemplate:
    """One index template; ``fields`` gives the type of each dotted field; ``dynamic`` is how unknown ones are met."""

    file: str
    patterns: tuple[str, ...]
    is_data_stream: bool
    dynamic: str
    fields: dict[str, str]
    priority: int
    mappings_path: DocumentPath

    def covers(self, index: str) -> bool:
        """Whether an index of this name is shaped by the template."""
        return any(fnmatchcase(index, pattern) for pattern in self.patterns)


def read_index_template(document: Document) -> IndexTemplate:
    """View of an index template (JSON or YAML); raises ``ConfigError`` where its shape is wrong."""
    root = Node.root(document)
    mappings = root.get("template").get("mappings")
    mappings.mapping()
    return IndexTemplate(
        file=document.file,
        patterns=root.need("index_patterns").texts(),
        is_data_stream=root.get("data_stream").value is not None,
        dynamic=mappings.get("dynamic").text("true"),
        fields=dict(_fields(mappings.get("properties").value or {}, "")),
        priority=int(root.get("priority").text("0")),
        mappings_path=mappings.path,
    )


def _fields(properties: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, body in properties.items():
        nested = body.get("properties") if isinstance(body, dict) else None
        if nested is not None:
            yield from _fields(nested, f"{prefix}{name}.")
        elif isinstance(body, dict):
            yield f"{prefix}{name}", str(body.get("type", "object"))
            for extra, sub in (body.get("fields") or {}).items():
                yield f"{prefix}{name}.{extra}", str(sub.get("type", ""))
