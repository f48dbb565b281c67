"""The strict base of every model that people write, and the translation of its errors into places."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema

from harness.core.errors import ConfigError, Location
from harness.core.source import Document, nearest

__all__ = ["Strict", "known", "matching_files", "relative_file", "validate"]


class Strict(BaseModel):
    """A model in which an unknown key, a wrong type or a second spelling is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    short_forms: ClassVar[list[dict[str, Any]]] = []
    """JSON Schemas of the shorter ways to write the same, which a validator expands."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        full = handler(core)
        return {"anyOf": [*cls.short_forms, full]} if cls.short_forms else full


_M = TypeVar("_M", bound=Strict)


def validate(model: type[_M], document: Document) -> _M:
    """``document`` as ``model``; every problem is listed in one ``ConfigError``, the first with its place."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        # an unknown key first: the one that is missing beside it is often the same, misspelt
        errors = sorted(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
        problems = [_explain(model, document, item) for item in errors]
    unique = list(dict.fromkeys(problems))
    location, problem, remedy = unique[0]
    others = "".join(f"\n{place}: {text}{f' ({hint})' if hint else ''}" for place, text, hint in unique[1:8])
    raise ConfigError(problem + others, location=location, remedy=remedy)


def _explain(model: type[Strict], document: Document, item: Any) -> tuple[Location, str, str]:
    path = _document_path(item["loc"], document.data)
    kind, message = item["type"], str(item["msg"])
    if kind == "extra_forbidden":
        name = str(path[-1])
        return document.locate(path, key=True), f"unknown key {name!r}", _suggest(model, path, name)
    if kind == "missing":
        parent = ".".join(map(str, path[:-1])) or "the file"
        return document.locate(path), f"{parent} lacks the key {str(path[-1])!r}", "add it"
    message = message.removeprefix("Value error, ")
    shown = ".".join(map(str, path)) or "the file"
    return document.locate(path), f"{shown}: {message}", _remedy(kind, item)


def _remedy(kind: str, item: Any) -> str:
    if kind == "literal_error":
        options = re.findall(r"'([^']*)'", str(item["ctx"]["expected"]))
        return nearest(str(item["input"])[:80], options) or f"write one of: {', '.join(options)}"
    if kind == "string_type":
        return "write text; put quotes around what YAML takes for a number, a date or true and false"
    return _TYPE_REMEDIES.get(kind, "")


_TYPE_REMEDIES = {
    "int_type": "write a whole number, without quotes",
    "float_type": "write a number, without quotes",
    "bool_type": "write true or false",
    "list_type": "write a list: [a, b]",
    "dict_type": "write a mapping: {key: value}",
    "model_type": "write a mapping: {key: value}",
    "model_attributes_type": "write a mapping: {key: value}",
}


def _document_path(loc: Sequence[str | int], data: Any) -> tuple[str | int, ...]:
    """Pydantic's location without the steps that name members of a union instead of keys."""
    path: list[str | int] = []
    for index, step in enumerate(loc):
        if _holds(data, step):
            data = data[step]
        elif index < len(loc) - 1 or not isinstance(data, dict) or step == "[key]":
            continue
        path.append(step)
    return tuple(path)


def _holds(data: Any, step: str | int) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and step < len(data)


def _suggest(model: type[Strict], path: Sequence[str | int], name: str) -> str:
    known = _keys_at(model, path[:-1])
    return nearest(name, known) or (f"known keys here: {', '.join(sorted(known))}" if known else "remove it")


def _keys_at(model: type[Strict], path: Sequence[str | int]) -> set[str]:
    options: list[Any] = [model]
    for step in path:
        options = [child for option in options for child in _step(option, step)]
    return {
        info.alias or name
        for option in options
        for kind in _flatten(option)
        if _is_model(kind)
        for name, info in kind.model_fields.items()
    }


def _step(annotation: Any, step: str | int) -> Iterable[Any]:
    for kind in _flatten(annotation):
        if _is_model(kind):
            yield from (i.annotation for n, i in kind.model_fields.items() if step in {n, i.alias})
        elif get_origin(kind) in {dict, list}:
            yield get_args(kind)[-1]


def _flatten(annotation: Any) -> Iterable[Any]:
    if _is_model(annotation) or get_origin(annotation) in {dict, list}:
        yield annotation
    else:
        for argument in get_args(annotation):
            yield from _flatten(argument)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and get_origin(kind) is None and issubclass(kind, Strict)


def relative_file(folder: Path, name: str, document: Document, path: Sequence[str | int]) -> Path:
    """The existing file ``name`` beside the document; a missing one is an error at ``path``."""
    where = document.locate(path)
    try:
        file = (folder / name).resolve()
        if file.is_file():
            return file
        siblings = [item.name for item in file.parent.iterdir()] if file.parent.is_dir() else []
    except (OSError, ValueError) as error:
        raise ConfigError(f"{name!r} cannot be the path of a file: {error}", location=where) from None
    raise ConfigError(
        f"no file {name}",
        location=where,
        remedy=nearest(file.name, siblings) or "paths are relative to the file that names them",
    )


def known(name: str, table: Any, what: str, where: Location) -> None:
    """Raise ``ConfigError`` at ``where`` unless ``table`` holds ``name``, with the nearest that it does hold."""
    if name not in table:
        known = ", ".join(table) or "none is declared"
        remedy = nearest(name, table) or f"known: {known}"
        raise ConfigError(f"there is no {what} {name!r}", location=where, remedy=remedy)


def matching_files(folder: Path, pattern: str) -> tuple[Path, ...]:
    """Files below ``folder`` that ``pattern`` matches, in order of their names; a plain name is that file."""
    if not glob.has_magic(pattern):
        return ((folder / pattern).resolve(),)
    found = glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207 (Path.glob refuses what leads upwards)
    return tuple((folder / name).resolve() for name in sorted(found))
