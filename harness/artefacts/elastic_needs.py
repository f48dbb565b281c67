"""What artefacts ask of Elasticsearch beyond its published core: modules that only its whole distribution has.

The core takes some of it without a word, such as the name of a pipeline in an index template, and then does nothing of
it; so it is found here, in the files, before anything starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from harness.artefacts import dotted
from harness.core.errors import Location
from harness.core.source import Document, DocumentPath

__all__ = ["Need", "needs_of_filebeat", "needs_of_template"]

_TYPES: Final = frozenset(
    {
        *("aggregate_metric_double", "constant_keyword", "geo_shape", "histogram", "join", "match_only_text"),
        *("percolator", "point", "rank_feature", "rank_features", "scaled_float", "search_as_you_type", "shape"),
        *("token_count", "unsigned_long", "version", "wildcard"),
    }
)
"""Field types of modules: the core refused each of them, and took all others of the whole distribution."""
_CORE: Final[Mapping[str, frozenset[str]]] = {
    "analyzer": frozenset({"custom", "keyword", "simple", "standard", "stop", "whitespace"}),
    "tokenizer": frozenset({"standard"}),
    "filter": frozenset({"shingle", "stop"}),
    "char_filter": frozenset(),
    "normalizer": frozenset({"custom"}),
}
"""Kinds of text analysis that the core has, as it was asked."""
_NO_PIPELINE: Final = "_none"


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that is asked for: ``what`` in words; ``pipeline`` is the name of an ingest pipeline, if it is one."""

    what: str
    location: Location
    pipeline: str = ""


def needs_of_filebeat(document: Document) -> Iterator[Need]:
    """Ingest pipelines that a filebeat.yml sends events through."""
    data = document.data
    for path in dotted.find_all(data, "output.elasticsearch.pipeline"):
        yield _pipeline(document, path)
    for path in dotted.find_all(data, "output.elasticsearch.pipelines"):
        rules = enumerate(dotted.value_at(data, path) or [])
        yield from (_pipeline(document, (*path, index, "pipeline")) for index, each in rules if "pipeline" in each)
    inputs = dotted.find(data, "filebeat.inputs")
    for index, each in enumerate((dotted.value_at(data, inputs) if inputs else None) or []):
        if inputs and isinstance(each, dict) and each.get("pipeline"):
            yield _pipeline(document, (*inputs, index, "pipeline"))


def needs_of_template(document: Document) -> Iterator[Need]:
    """Data streams, lifecycles, ingest pipelines, field types and text analysis that an index template asks for."""
    root = document.data if isinstance(document.data, dict) else {}
    if root.get("data_stream") is not None:
        yield Need("a data stream", document.locate(("data_stream",), key=True))
    template = root.get("template")
    if not isinstance(template, dict):
        return
    if "lifecycle" in template:
        yield Need("the lifecycle of a data stream", document.locate(("template", "lifecycle"), key=True))
    yield from _settings(document, template.get("settings"))
    analysis = _analysers(template.get("settings"))
    mappings = template.get("mappings")
    if isinstance(mappings, dict):
        yield from _fields(document, mappings.get("properties"), ("template", "mappings", "properties"), analysis)
        yield from _scripts(document, mappings.get("runtime"))


def _pipeline(document: Document, path: DocumentPath) -> Need:
    written = dotted.value_at(document.data, path)
    name = written if isinstance(written, str) and "%{" not in written else ""
    shown = f"the ingest pipeline {name!r}" if name else "an ingest pipeline"
    return Need(shown, document.locate(path, key=True), name)


def _settings(document: Document, settings: Any) -> Iterator[Need]:
    """Settings are written nested or with dots, with ``index.`` in front or without."""
    for written, path in dotted.flat(settings):
        name, place = written.removeprefix("index."), ("template", "settings", *path)
        if name == "lifecycle.name":
            yield Need("a lifecycle policy", document.locate(place, key=True))
        elif name in {"default_pipeline", "final_pipeline"} and dotted.value_at(settings, path) != _NO_PIPELINE:
            yield _pipeline(document, place)
        elif name.startswith("analysis.") and name.endswith(".type"):
            kind, found = name.split(".")[1], dotted.value_at(settings, path)
            if found not in _CORE.get(kind, {found}):
                yield Need(f"the {kind} {found!r}", document.locate(place))


def _analysers(settings: Any) -> frozenset[str]:
    """Analysers that settings define, with those of the core."""
    own = (name.removeprefix("index.").split(".") for name, _ in dotted.flat(settings))
    return _CORE["analyzer"] | {parts[2] for parts in own if parts[:2] == ["analysis", "analyzer"] and len(parts) > 2}


def _fields(document: Document, fields: Any, above: DocumentPath, analysers: frozenset[str]) -> Iterator[Need]:
    for name, body in fields.items() if isinstance(fields, dict) else ():
        if not isinstance(body, dict):
            continue
        path = (*above, name)
        if body.get("type") in _TYPES:
            yield Need(f"the field type {body['type']!r}", document.locate((*path, "type")))
        if isinstance(body.get("analyzer"), str) and body["analyzer"] not in analysers:
            yield Need(f"the analyzer {body['analyzer']!r}", document.locate((*path, "analyzer")))
        for inner in ("properties", "fields"):
            yield from _fields(document, body.get(inner), (*path, inner), analysers)


def _scripts(document: Document, runtime: Any) -> Iterator[Need]:
    for name, body in runtime.items() if isinstance(runtime, dict) else ():
        if isinstance(body, dict) and "script" in body:
            yield Need("a script", document.locate(("template", "mappings", "runtime", name, "script"), key=True))
