"""Edits on a document, recorded one by one, so that the original can be had back.

What is not edited keeps its very characters: a label written ``yes`` or ``1.10`` is still that text to
the tool that reads the result, whatever Python takes it for.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from harness.artefacts.clock import Scaled
from harness.artefacts.secrets import public
from harness.core.errors import ConfigError, Location
from harness.core.source import Document, DocumentPath

__all__ = ["ABSENT", "BoundArtefact", "Edit", "Editor", "undo"]

_MERGE = "tag:yaml.org,2002:merge"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Absent:
    """The missing side of an edit that adds or removes."""

    def __repr__(self) -> str:
        return "(absent)"

    def __deepcopy__(self, _memo: dict[int, Any]) -> _Absent:
        return self


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class Edit:
    """One change: at ``path`` of the document as it stood then, ``before`` became ``after``.

    ``ABSENT`` before means added, after means removed. ``file``, ``line`` and ``column`` are those of
    the production file, of the nearest parent where the value was not written.
    """

    file: str
    line: int
    column: int
    path: DocumentPath
    before: Any
    after: Any
    why: str

    @property
    def dotted(self) -> str:
        """The path for a person, such as ``route.routes[0].group_wait``."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return "".join(steps).lstrip(".")

    def as_data(self) -> dict[str, Any]:
        """The edit as plain data for evidence, without secrets; a missing side is a missing key."""
        sides = {"before": self.before, "after": self.after}
        shown = {name: public(value, self._key) for name, value in sides.items() if value is not ABSENT}
        place = {"file": self.file, "line": self.line, "column": self.column, "path": list(self.path)}
        return {**place, **shown, "why": self.why}

    @property
    def _key(self) -> str:
        return next((step for step in reversed(self.path) if isinstance(step, str)), "")

    def __str__(self) -> str:
        place = Location(self.file, self.line, self.column)
        before, after = (_short(public(each, self._key)) for each in (self.before, self.after))
        return f"{place}: {self.dotted}: {before} → {after}: {self.why}"


@dataclass(frozen=True, slots=True)
class BoundArtefact:
    """A production file as it runs here: plain ``data``, the ``text`` to write, and every edit in order.

    ``scaled`` maps paths of PromQL expressions to their scaled forms; ``warnings`` name what a test
    with this file cannot show.
    """

    file: str
    data: Any
    text: str
    edits: tuple[Edit, ...]
    warnings: tuple[str, ...] = ()
    scaled: Mapping[DocumentPath, Scaled] = field(default_factory=dict)


def undo(bound: BoundArtefact) -> Any:
    """The original's parsed data, from the bound data and its edits alone."""
    data = copy.deepcopy(bound.data)
    for edit in reversed(bound.edits):
        *above, last = edit.path
        parent = data
        for step in above:
            parent = parent[step]
        _undo_one(parent, last, edit)
    return data


def _undo_one(parent: Any, last: str | int, edit: Edit) -> None:
    if edit.before is ABSENT:
        del parent[last]
    elif edit.after is ABSENT and isinstance(parent, list):
        parent.insert(int(last), copy.deepcopy(edit.before))
    else:
        parent[last] = copy.deepcopy(edit.before)


@dataclass(frozen=True, slots=True)
class _Leaf:
    value: Any
    node: yaml.ScalarNode


class Editor:
    """A working copy of one document; every change goes through it and is recorded.

    Problems that must stop the binding are collected, so that a person sees all of them at once.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.edits: list[Edit] = []
        self.warnings: list[str] = []
        self.scaled: dict[DocumentPath, Scaled] = {}
        self._problems: list[tuple[Location, str]] = []
        node = yaml.compose(document.text, Loader=_Loader)
        self._tree: Any = {} if node is None else _tree(node, document.data)

    @property
    def data(self) -> Any:
        """The document as it stands now, as plain data."""
        return _plain(self._tree)

    def get(self, path: DocumentPath, default: Any = None) -> Any:
        """Plain value at ``path``, or ``default`` where there is none."""
        try:
            return _plain(self._at(path))
        except (KeyError, IndexError, TypeError):
            return default

    def set(self, path: DocumentPath, value: Any, why: str, *, source: DocumentPath | None = None) -> None:
        """Put ``value`` at ``path``, whose parent exists; a value equal to the present one is no edit.

        ``source`` is the path in the original file to point at, where it differs from ``path``.
        """
        before = self.get(path, ABSENT)
        if before == value and type(before) is type(value):
            return
        self._at(path[:-1])[path[-1]] = copy.deepcopy(value)
        self._record(path, before, value, why, source)

    def remove(self, path: DocumentPath, why: str, *, source: DocumentPath | None = None) -> None:
        """Take away what stands at ``path``; nothing happens where nothing stands."""
        before = self.get(path, ABSENT)
        if before is not ABSENT:
            del self._at(path[:-1])[path[-1]]
            self._record(path, before, ABSENT, why, source)

    def insert(self, path: DocumentPath, value: Any, why: str, *, source: DocumentPath | None = None) -> None:
        """Insert ``value`` into a list before the index that ends ``path``."""
        self._at(path[:-1]).insert(path[-1], copy.deepcopy(value))
        self._record(path, ABSENT, value, why, source)

    def duplicate(self, path: DocumentPath, why: str, *, source: DocumentPath | None = None) -> DocumentPath:
        """Repeat the list element at ``path`` right behind it, character for character; answers the copy's path."""
        *above, index = path
        target = (*above, int(index) + 1)
        self._at(tuple(above)).insert(target[-1], _shallow_copy(self._at(path)))
        self._record(target, ABSENT, self.get(path), why, source or path)
        return target

    def locate(self, path: DocumentPath) -> Location:
        """Where the production file writes ``path``."""
        return self.document.locate(path)

    def problem(self, path: DocumentPath, text: str) -> None:
        """Note that the artefact cannot be bound because of what stands at ``path``."""
        self._problems.append((self.locate(path), text))

    def finish(self, remedy: str, *, as_json: bool = False) -> BoundArtefact:
        """The bound artefact; raises ``ConfigError`` with every problem noted."""
        if self._problems:
            first = self._problems[0]
            others = [f"\n  {place}: {text}" for place, text in self._problems[1:]]
            raise ConfigError(first[1] + "".join(others), location=first[0], remedy=remedy)
        data = self.data
        text = json.dumps(data, indent=2) + "\n" if as_json else _emit(self._tree)
        file = self.document.file
        return BoundArtefact(file, data, text, tuple(self.edits), tuple(self.warnings), dict(self.scaled))

    def _at(self, path: DocumentPath) -> Any:
        found = self._tree
        for step in path:
            found = found[step]
        return found

    def _record(self, path: DocumentPath, before: Any, after: Any, why: str, source: DocumentPath | None) -> None:
        place = self.locate(path if source is None else source)
        after = copy.deepcopy(after)
        self.edits.append(Edit(place.file, place.line, place.column, path, before, after, why))


def _short(value: Any) -> str:
    text = repr(value) if value is ABSENT else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 120 else text[:117] + "..."


def _tree(node: yaml.Node, data: Any) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping_tree(node, data)
    if isinstance(node, yaml.SequenceNode):
        return [_tree(item, value) for item, value in zip(node.value, data, strict=True)]
    assert isinstance(node, yaml.ScalarNode)
    return _Leaf(data, node)


def _mapping_tree(node: yaml.MappingNode, data: Mapping[Any, Any]) -> dict[Any, Any]:
    """Merged and own keys as one mapping; ``data`` has already decided which value wins."""
    nodes = dict(zip(_plain_keys(node), _value_nodes(node), strict=True))
    return {key: _tree(nodes[key], value) for key, value in data.items()}


def _pairs(node: yaml.MappingNode) -> list[tuple[yaml.Node, yaml.Node]]:
    merged: list[tuple[yaml.Node, yaml.Node]] = []
    own: list[tuple[yaml.Node, yaml.Node]] = []
    for key, value in node.value:
        if key.tag == _MERGE:
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in reversed(sources):
                merged += _pairs(source)
        else:
            own.append((key, value))
    return merged + own


def _plain_keys(node: yaml.MappingNode) -> list[Any]:
    loader = _Loader("")
    try:
        return [loader.construct_object(key, deep=True) for key, _value in _pairs(node)]
    finally:
        loader.dispose()


def _value_nodes(node: yaml.MappingNode) -> list[yaml.Node]:
    return [value for _key, value in _pairs(node)]


def _plain(tree: Any) -> Any:
    if isinstance(tree, _Leaf):
        return tree.value
    if isinstance(tree, dict):
        return {key: _plain(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_plain(value) for value in tree]
    return tree


def _shallow_copy(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _shallow_copy(value) for key, value in tree.items()}
    return [_shallow_copy(value) for value in tree] if isinstance(tree, list) else tree


def _emit(tree: Any) -> str:
    text: str = yaml.serialize(_node(tree), Dumper=_Dumper, allow_unicode=True, width=4096)
    return text


def _node(tree: Any) -> yaml.Node:
    if isinstance(tree, _Leaf):
        return yaml.ScalarNode(tree.node.tag, tree.node.value, style=tree.node.style)
    if isinstance(tree, dict):
        pairs = [(_new_scalar(key), _node(value)) for key, value in tree.items()]
        return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=not pairs)
    if isinstance(tree, list):
        return yaml.SequenceNode("tag:yaml.org,2002:seq", [_node(value) for value in tree], flow_style=not tree)
    return _new_scalar(tree)


def _new_scalar(value: Any) -> yaml.Node:
    node: yaml.Node = yaml.representer.SafeRepresenter(sort_keys=False).represent_data(value)
    if isinstance(node, yaml.ScalarNode) and "\n" in node.value:
        node.style = "|"
    return node
