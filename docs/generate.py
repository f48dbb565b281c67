"""Write the generated parts of docs/reference/: ``.venv/bin/python docs/generate.py``.

Pages are written by hand around generated parts, each between a line ``<!-- generated: NAME -->`` and a line
``<!-- end -->``. ``files.md`` gets the models of the four kinds of files; what a key means stands in ``keys.yaml``,
else below its field in the model. ``specification-coverage.md`` gets the table of the specification, ``defects.md``
the kept table of planted defects, ``commands.md`` the arguments of every verb, ``findings.md``
the checks of ``harness lint``, ``bundle.md`` records and events.
``tests/unit/docs/`` fails when anything differs.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import sys
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import yaml

from harness import cli, pytest_plugin
from harness.contract import alert, attach, beside, expectations, fields, files, load, notices, planes, subject
from harness.contract.expectations import SUBJECTS
from harness.contract.schema import schema
from harness.core import events
from harness.core.units import format_duration
from harness.evidence import records
from harness.lint.checks import CHECKS
from harness.provision import commands, image_commands
from harness.sketch import command as init
from harness.virtual import command as virtual

sys.path.insert(0, str(Path(__file__).resolve().parent))
import defects_table
import specification_table

__all__ = ["documents", "key_names", "main", "meanings", "verbs", "words_by_hand"]

REFERENCE: Final = Path(__file__).resolve().parent / "reference"
KINDS: Final = ("campaign", "profile", "contract", "scenario", "attach")
MODELS: Final = (files, planes, subject, attach, alert, beside, fields, load, notices, expectations)
GENERATED: Final = re.compile(r"(?ms)^<!-- generated: ([^\n]+?) -->\n.*?^<!-- end -->$")
UNSAID: Final = {"format": "how it is told", "clause": "id of the clause"}
"""Words for arguments that the command line explains by their name alone."""
Schema = Mapping[str, Any]


def main() -> int:
    """Write every document that differs; the number of those is told."""
    changed = [name for name, text in documents().items() if _write(REFERENCE / name, text)]
    sys.stdout.write(f"written: {', '.join(changed) or 'nothing, all is up to date'}\n")
    return 0


def _write(path: Path, text: str) -> bool:
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True


def documents() -> dict[str, str]:
    """File name below docs/reference/ → what it must hold."""
    return {
        "files.md": _filled("files.md", _files),
        "attach.md": _filled("attach.md", _files),
        "commands.md": _filled("commands.md", _commands),
        "bundle.md": _filled("bundle.md", _bundle),
        "specification-coverage.md": _filled("specification-coverage.md", lambda _: specification_table.table()),
        "defects.md": _filled("defects.md", _defects),
        "findings.md": _filled("findings.md", lambda _: "\n\n".join(_findings())),
    }


def _filled(name: str, make: Callable[[str], str]) -> str:
    text = (REFERENCE / name).read_text(encoding="utf-8")
    return GENERATED.sub(lambda found: f"<!-- generated: {found[1]} -->\n\n{make(found[1])}\n\n<!-- end -->", text)


# --- files.md -------------------------------------------------------------------------------------


@cache
def meanings() -> dict[str, dict[str, str]]:
    """What each key means, by the name of its model; every key is there, with empty words where nobody wrote any."""
    by_hand = words_by_hand()
    docs = {name: words for module in MODELS for name, words in _attribute_docs(module).items()}
    return {
        name: {key: by_hand.get(name, {}).get(key) or docs.get(name, {}).get(key, "") for key in keys}
        for name, keys in key_names().items()
    }


def words_by_hand() -> dict[str, dict[str, str]]:
    """The words of ``keys.yaml``."""
    words: dict[str, dict[str, str]] = yaml.safe_load((REFERENCE / "keys.yaml").read_text(encoding="utf-8"))
    return words


def key_names() -> dict[str, set[str]]:
    """The keys that people can write, by the name of the model that reads them."""
    return {name: set(body["properties"]) for _, found in _all_schemas() for name, body in found.items()}


def _all_schemas() -> Iterator[tuple[str, dict[str, Schema]]]:
    for kind in KINDS:
        document = schema(kind)
        yield kind, {document_name(kind): document, **_definitions(document)}
    for word, model in SUBJECTS.items():
        document = model.model_json_schema(by_alias=True)
        yield word, {model.__name__: document, **_definitions(document)}


def document_name(kind: str) -> str:
    """Name of the model of a whole file."""
    return f"{kind.capitalize()}File"


def _definitions(document: Schema) -> dict[str, Schema]:
    return {name: _full(body) for name, body in document.get("$defs", {}).items()}


def _full(body: Schema) -> Schema:
    """The long form of a model that has short forms beside it."""
    return body if "properties" in body else next(each for each in body["anyOf"] if "properties" in each)


def _files(what: str) -> str:
    return "\n\n".join(_expectations() if what == "expectations" else _kind(what))


def _expectations() -> Iterator[str]:
    about = {"alert": " NAME", "log": " STREAM", "metric": " PROMQL", "health": " NAME"}
    for word, model in SUBJECTS.items():
        yield f"### {word}{about.get(word, '')}"
        yield from _model(model.__name__, model.model_json_schema(by_alias=True), {})


def _kind(kind: str) -> Iterator[str]:
    document = schema(kind)
    places = _places(document)
    anchors = {name: _anchor(_heading(kind, paths)) for name, paths in places.items()}
    yield from _model(document_name(kind), document, anchors)
    for name, paths in places.items():
        yield f"### {_heading(kind, paths)}"
        if len(paths) > 1:
            yield f"Also at {', '.join(f'`{path}`' for path in paths[1:])}."
        body = document["$defs"][name]
        yield from _model(name, _full(body), anchors)


def _heading(kind: str, paths: list[str]) -> str:
    return f"{kind}: `{paths[0]}`"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _places(document: Schema) -> dict[str, list[str]]:
    """Model → the places that it is written at, nearest to the top first."""
    found: dict[str, list[str]] = {}
    queue: list[tuple[str, Schema]] = [("", document)]
    while queue:
        path, body = queue.pop(0)
        for key, value in body["properties"].items():
            for step, name in _references(value):
                place = f"{path}.{key}{step}".lstrip(".")
                if name not in found:
                    queue.append((place, _full(document["$defs"][name])))
                found.setdefault(name, []).append(place)
    return found


def _references(value: Schema, step: str = "") -> Iterator[tuple[str, str]]:
    if "$ref" in value:
        yield step, value["$ref"].rpartition("/")[2]
    for each in value.get("anyOf", ()):
        yield from _references(each, step)
    if isinstance(value.get("items"), dict):
        yield from _references(value["items"], f"{step}[]")
    if isinstance(value.get("additionalProperties"), dict):
        yield from _references(value["additionalProperties"], f"{step}.NAME")


def _model(name: str, body: Schema, anchors: Mapping[str, str]) -> Iterator[str]:
    if body.get("description"):
        yield _prose(body["description"])
    words, required = meanings()[name], set(body.get("required", ()))
    rows = ["| Key | Value | Default | Meaning |", "|---|---|---|---|"]
    for key, value in body["properties"].items():
        default = "required" if key in required else _default(value)
        rows.append(f"| `{key}` | {_shape(value, anchors)} | {default} | {words[key].strip()} |")
    yield "\n".join(rows)


def _prose(text: str) -> str:
    """A docstring as Markdown: reStructuredText's double backticks become single ones."""
    return inspect.cleandoc(text).replace("``", "`")


def _shape(value: Schema, anchors: Mapping[str, str]) -> str:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[keys](#{anchors[name]})" if name in anchors else "keys"
    if "anyOf" in value:
        kinds = [each for each in value["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(_shape(each, anchors) for each in kinds))
    if "const" in value or "enum" in value:
        return " ".join(f"`{each}`" for each in value.get("enum", [value.get("const")]))
    if value.get("type") == "array":
        return f"list: {_shape(value['items'], anchors)}" if value.get("items") else "list"
    if value.get("type") == "object":
        return _map(value.get("additionalProperties"), anchors)
    return _scalar(value)


def _map(inner: Any, anchors: Mapping[str, str]) -> str:
    return f"name → {_shape(inner, anchors)}" if isinstance(inner, dict) and inner else "name → anything"


def _scalar(value: Schema) -> str:
    if value.get("examples"):
        return f"such as `{value['examples'][0]}`"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` `false`"}
    return words.get(str(value.get("type")), "anything")


def _default(value: Schema) -> str:
    default = value.get("default")
    if default in (None, {}, [], "") or isinstance(default, dict):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if "wall" in str(value.get("examples", "")):
        return f"`{format_duration(default)} wall`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def _defects(what: str) -> str:
    made = {"gateways": defects_table.gateways, "defects": defects_table.table, "unplanted": defects_table.left}
    return made[what]()


# --- commands.md ----------------------------------------------------------------------------------


def _commands(verb: str) -> str:
    rows = ["| Argument | Meaning |", "|---|---|"]
    actions = [action for action in _parsers()[verb]._actions if action.dest != "help"]
    rows += [f"| {_argument(action)} | {_help(action)} |" for action in actions]
    return "\n".join(rows) if len(rows) > 2 else "No arguments."


def verbs() -> dict[str, ArgumentParser]:
    """The verbs of ``harness`` with their parsers."""
    found: Any = next(each for each in cli._parser()._actions if isinstance(each, _SubParsersAction))
    own = {
        "provision": commands._provision_parser(),
        "images": image_commands._parser(),
        "init": init.parser(),
        "test": virtual._parser(),
    }
    return {**found.choices, **own}


def _parsers() -> dict[str, ArgumentParser]:
    options = ArgumentParser()
    pytest_plugin.pytest_addoption(_PytestOptions(options))  # type: ignore[arg-type]
    return {**verbs(), "pytest": options}


class _PytestOptions:
    """What the plugin takes for pytest's own parser."""

    def __init__(self, parser: ArgumentParser) -> None:
        self._parser = parser

    def getgroup(self, *_: str) -> _PytestOptions:
        return self

    def addoption(self, *names: str, **how: Any) -> None:
        self._parser.add_argument(*names, **how)


def _argument(action: Any) -> str:
    value = "" if action.nargs == 0 else action.metavar or "{" + ",".join(action.choices or ()) + "}"
    if not action.option_strings:
        return f"`{value} …`" if action.nargs == "*" else f"`{value}`" + (", optional" if action.nargs == "?" else "")
    return ", ".join(f"`{f'{name} {value}'.strip()}`" for name in action.option_strings)


def _help(action: Any) -> str:
    default = f" (default: {action.default})" if isinstance(action.default, str) and action.default else ""
    return f"{action.help or UNSAID[action.dest]}{default}"


# --- findings.md ----------------------------------------------------------------------------------


def _findings() -> Iterator[str]:
    for check in CHECKS:
        yield f"## {check.code}"
        yield f"*{check.title[0].upper()}{check.title[1:]}.* {check.why}"


# --- bundle.md ------------------------------------------------------------------------------------


def _bundle(what: str) -> str:
    table = {"records": records.RECORD_TYPES, "events": events.EVENT_TYPES}[what]
    return "\n\n".join(_dataclass(name, kind, sys.modules[kind.__module__]) for name, kind in table.items())


def _dataclass(name: str, kind: type[Any], module: ModuleType) -> str:
    remarks = _attribute_docs(module)[kind.__name__]
    lines = []
    for field in dataclasses.fields(kind):
        remark = remarks.get(field.name, "")
        lines.append(f"- `{field.name}`: {_type(str(field.type))}" + (f". {remark}" if remark else ""))
    return "\n".join([f"### {name}", "", _prose(kind.__doc__ or ""), "", *lines])


def _type(written: str) -> str:
    literal = re.fullmatch(r"Literal\[(.*)\]", written)
    return " ".join(f"`{word.strip(' ')[1:-1]}`" for word in literal[1].split(",")) if literal else f"`{written}`"


@cache
def _attribute_docs(module: ModuleType) -> dict[str, dict[str, str]]:
    """Strings written below the fields of each class, which Python itself throws away."""
    tree = ast.parse(inspect.getsource(module))
    return {node.name: dict(_documented(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _documented(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, text in pairwise(node.body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            yield ast.unparse(field.target), " ".join(_prose(str(text.value.value)).split())


if __name__ == "__main__":
    sys.exit(main())
