"""filebeat.yml as data: which files are read, what is done to each event, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.artefacts import dotted
from harness.core.errors import ConfigError, Location
from harness.core.source import Document, DocumentPath

__all__ = ["FilebeatConfig", "FilebeatInput", "Processor", "read_filebeat"]

DEFAULT_INDEX = "filebeat-%{[agent.version]}"


@dataclass(frozen=True, slots=True)
class Processor:
    """One processor: its name and its settings as written."""

    name: str
    settings: Any
    path: DocumentPath
    location: Location


@dataclass(frozen=True, slots=True)
class FilebeatInput:
    """One input: its type, its file patterns as written, and its own processors."""

    kind: str
    name: str
    enabled: bool
    paths: tuple[str, ...]
    processors: tuple[Processor, ...]
    path: DocumentPath
    location: Location
    filters: tuple[Processor, ...] = ()
    """``include_lines`` and ``exclude_lines``, in the order in which Filebeat applies them."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The whole input as written."""


@dataclass(frozen=True, slots=True)
class FilebeatConfig:
    """One filebeat.yml; ``output`` is the kind of the output that is switched on, such as ``elasticsearch``."""

    file: str
    inputs: tuple[FilebeatInput, ...]
    processors: tuple[Processor, ...]
    output: str
    hosts: tuple[str, ...]
    index: str
    location: Location
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The whole file as written."""


def read_filebeat(document: Document) -> FilebeatConfig:
    """View of a filebeat.yml, nested or dotted; raises ``ConfigError`` for two outputs or none."""
    data = document.data if isinstance(document.data, dict) else {}
    output = _output(document, data)
    return FilebeatConfig(
        file=document.file,
        inputs=tuple(_inputs(document, data)),
        processors=_processors(document, data, ()),
        output=output,
        hosts=_texts(_value(data, f"output.{output}.hosts")),
        index=str(_value(data, f"output.{output}.index") or DEFAULT_INDEX),
        location=document.locate(_first_path(data, f"output.{output}")),
        settings=data,
    )


def outputs(data: Any) -> dict[str, bool]:
    """Kinds of outputs that ``data`` writes, and whether each is switched on."""
    kinds = {name.split(".")[1] for name, _path in dotted.flat(data) if name.startswith("output.")}
    return {kind: _value(data, f"output.{kind}.enabled") is not False for kind in sorted(kinds)}


def _output(document: Document, data: Any) -> str:
    live = [kind for kind, on in outputs(data).items() if on]
    if len(live) != 1:
        problem = f"exactly one output must be switched on, not {len(live)}: {', '.join(live) or 'none'}"
        raise ConfigError(problem, location=document.locate(()))
    return live[0]


def _inputs(document: Document, data: Any) -> list[FilebeatInput]:
    path = dotted.find(data, "filebeat.inputs")
    if path is None:
        return []
    return [_input(document, (*path, index)) for index in range(len(dotted.value_at(data, path) or []))]


def _input(document: Document, path: DocumentPath) -> FilebeatInput:
    data = dotted.value_at(document.data, path)
    if not isinstance(data, dict):
        raise ConfigError("an input must be a mapping", location=document.locate(path))
    return FilebeatInput(
        kind=str(data.get("type", "log")),
        name=str(data.get("id", "")),
        enabled=data.get("enabled") is not False,
        paths=_texts(data.get("paths")),
        processors=_processors(document, data, path),
        path=path,
        location=document.locate(path),
        filters=tuple(
            Processor(name, data[name], (*path, name), document.locate((*path, name), key=True))
            for name in ("include_lines", "exclude_lines")
            if data.get(name)
        ),
        settings=data,
    )


def _processors(document: Document, data: Any, above: DocumentPath) -> tuple[Processor, ...]:
    found = []
    for index, entry in enumerate(data.get("processors") or []):
        path = (*above, "processors", index)
        names = [key for key in entry if key not in ("if", "then", "else")] if isinstance(entry, dict) else []
        name = str(names[0]) if names else "if"
        settings = entry.get(name) if name != "if" and isinstance(entry, dict) else entry
        found.append(Processor(name, settings, path, document.locate(path)))
    return tuple(found)


def _value(data: Any, name: str) -> Any:
    path = dotted.find(data, name)
    return None if path is None else dotted.value_at(data, path)


def _first_path(data: Any, name: str) -> DocumentPath:
    exact = dotted.find(data, name)
    return exact or next((path for key, path in dotted.flat(data) if key.startswith(name)), ())


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(str(each) for each in value) if isinstance(value, list) else (str(value),)
