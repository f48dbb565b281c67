"""YAML text with the position of every key and value, so that each error can name file, line and column.

A document is parsed once by PyYAML's C scanner; plain data and a table of positions come out of the
same pass. Duplicate keys are errors: a second key of the same name would silently weaken a promise.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness.core.errors import ConfigError, Location

__all__ = ["Document", "DocumentPath", "load_yaml", "nearest", "parse_yaml", "read_text"]

DocumentPath = tuple[str | int, ...]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "tag:yaml.org,2002:merge"
_ALIASED_NODES = 200_000
"""Nodes that aliases may add to what the text itself can hold."""


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: plain ``data``, and where each path of it stands in ``file``."""

    file: str
    text: str
    data: Any
    _values: Mapping[DocumentPath, tuple[int, int]] = field(repr=False)
    _keys: Mapping[DocumentPath, tuple[int, int]] = field(repr=False)

    def locate(self, path: Iterable[str | int], *, key: bool = False) -> Location:
        """Position of the value (or, with ``key``, of the key) at ``path``; of its nearest parent if absent."""
        wanted = tuple(path)
        table = self._keys if key else self._values
        while wanted and wanted not in table:
            wanted = wanted[:-1]
            table = self._values
        line, column = table.get(wanted, (0, 0))
        return Location(self.file, line, column)


def read_text(path: Path, *, shown_as: str | None = None) -> str:
    """Text of ``path`` as UTF-8; a missing, unreadable or binary file is a ``ConfigError``."""
    name = shown_as or str(path)
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        remedy = "create it, or correct the path that names it"
        raise ConfigError("the file does not exist", location=Location(name), remedy=remedy) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"the file is not UTF-8 text: {error.reason} at byte {error.start}", location=Location(name)
        ) from None
    except OSError as error:
        raise ConfigError(f"the file cannot be read: {error.strerror}", location=Location(name)) from None


def load_yaml(path: Path, *, shown_as: str | None = None) -> Document:
    """Parse the file at ``path``; errors name it as ``shown_as`` (default: the path itself)."""
    name = shown_as or str(path)
    return parse_yaml(read_text(path, shown_as=name), name)


_YAML_REMEDY = (
    "mend it there or just before: a bracket or quote left open, an indent that does not match, a missing colon"
)


def parse_yaml(text: str, file: str) -> Document:
    """Parse one YAML document; raises ``ConfigError`` on bad syntax, duplicate keys or a second document."""
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            builder = _Builder(file, loader, budget=_ALIASED_NODES + len(text))
            data = builder.build(root, ()) if root is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file)
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError(f"not valid YAML: {problem}", location=where, remedy=_YAML_REMEDY) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"not valid YAML: {error}", location=Location(file)) from None
    except RecursionError:
        problem = "it is nested too deeply, or an alias stands inside its own anchor"
        raise ConfigError(f"not usable YAML: {problem}", location=Location(file)) from None
    return Document(file, text, data, builder.values, builder.keys)


class _Builder:
    def __init__(self, file: str, loader: Any, budget: int) -> None:
        self._file = file
        self._loader = loader
        self._budget = budget
        self.values: dict[DocumentPath, tuple[int, int]] = {}
        self.keys: dict[DocumentPath, tuple[int, int]] = {}

    def build(self, node: yaml.Node, path: DocumentPath) -> Any:
        self._budget -= 1
        if self._budget < 0:
            raise ConfigError("aliases multiply it beyond any use", location=self._location(node))
        self.values[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: DocumentPath) -> dict[Any, Any]:
        merged: dict[Any, Any] = {}
        own: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged |= self._merge(value_node, path)
                continue
            key = self._key(key_node)
            if key in own:
                raise ConfigError(
                    f"the key {key!r} appears twice in one mapping",
                    location=self._location(key_node),
                    remedy="keep one of them",
                )
            self.keys[(*path, key)] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            own[key] = self.build(value_node, (*path, key))
        return {**merged, **own}

    def _merge(self, node: yaml.Node, path: DocumentPath) -> dict[Any, Any]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        result: dict[Any, Any] = {}
        for source in reversed(sources):
            if not isinstance(source, yaml.MappingNode):
                raise ConfigError("only a mapping can be merged with <<", location=self._location(node))
            result |= self._mapping(source, path)
        return result

    def _key(self, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise ConfigError("a mapping key must be a plain value", location=self._location(node))
        return self._scalar(node)

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            return self._loader.construct_object(node, deep=True)
        except (ValueError, LookupError, TypeError, OverflowError, yaml.YAMLError) as error:
            # an explicit tag on a value of another kind makes the constructor stumble in many ways
            problem = getattr(error, "problem", None) or str(error)
            raise ConfigError(f"not a valid value: {problem}", location=self._location(node)) from None

    def _location(self, node: yaml.Node) -> Location:
        return Location(self._file, node.start_mark.line + 1, node.start_mark.column + 1)


def nearest(name: str, options: Iterable[str]) -> str:
    """Suggestion ``"did you mean 'x'?"`` for a misspelt name, or the empty string."""
    found = difflib.get_close_matches(name, list(options), n=1, cutoff=0.6)
    return f"did you mean {found[0]!r}?" if found else ""
