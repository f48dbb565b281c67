"""What artefacts ask of Elasticsearch beyond its core, each with the line that asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.artefacts.elastic_needs import needs_of_filebeat, needs_of_template
from harness.core.source import load_yaml, parse_yaml

PRODUCTION = Path(__file__).parents[3] / "fixtures"


def of_filebeat(text: str) -> list[tuple[str, int]]:
    return [(need.what, need.location.line) for need in needs_of_filebeat(parse_yaml(text, "filebeat.yml"))]


def of_template(text: str) -> list[tuple[str, int]]:
    return [(need.what, need.location.line) for need in needs_of_template(parse_yaml(text, "t.yml"))]


@pytest.mark.parametrize(
    "text",
    [
        "output.elasticsearch: {hosts: [a]}\noutput.elasticsearch.pipeline: clean\n",
        "output:\n  elasticsearch: {hosts: [a], pipeline: clean}\n",
        "filebeat.inputs:\n  - {type: log, paths: [/a], pipeline: clean}\n",
        "output.elasticsearch:\n  pipelines: [{pipeline: clean, when.contains: {a: b}}, {indices: x}]\n",
    ],
)
def test_a_pipeline_of_filebeat_is_named(text: str) -> None:
    assert of_filebeat(text) == [("the ingest pipeline 'clean'", 2)]


def test_a_pipeline_whose_name_is_made_of_an_event_has_none() -> None:
    (need,) = needs_of_filebeat(parse_yaml("output.elasticsearch.pipeline: '%{[a]}-p'\n", "f.yml"))
    assert (need.what, need.pipeline) == ("an ingest pipeline", "")


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("index_patterns: [a]\ndata_stream: {}\n", "a data stream", 2),
        ("template:\n  lifecycle: {data_retention: 7d}\n", "the lifecycle of a data stream", 2),
        ("template:\n  settings: {index.lifecycle.name: p}\n", "a lifecycle policy", 2),
        ("template:\n  settings:\n    index: {lifecycle: {name: p}}\n", "a lifecycle policy", 3),
        ("template:\n  settings:\n    default_pipeline: clean\n", "the ingest pipeline 'clean'", 3),
        ("template:\n  settings:\n    index.final_pipeline: last\n", "the ingest pipeline 'last'", 3),
        (
            "template:\n  settings:\n    analysis: {filter: {mine: {type: asciifolding}}}\n",
            "the filter 'asciifolding'",
            3,
        ),
        ("template:\n  mappings:\n    properties: {a: {type: wildcard}}\n", "the field type 'wildcard'", 3),
        (
            "template:\n  mappings:\n    properties: {a: {properties: {b: {fields: {c: {type: join}}}}}}\n",
            "the field type 'join'",
            3,
        ),
        (
            "template:\n  mappings:\n    properties: {a: {type: text, analyzer: english}}\n",
            "the analyzer 'english'",
            3,
        ),
        ("template:\n  mappings:\n    runtime: {a: {type: long, script: emit(1)}}\n", "a script", 3),
    ],
)
def test_a_template_tells_what_it_takes(text: str, what: str, line: int) -> None:
    assert of_template(text) == [(what, line)]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "index_patterns: [a]\n",
        "template: {settings: {default_pipeline: _none, number_of_shards: 1}}\n",
        "template: {settings: {analysis: {analyzer: {mine: {type: custom, tokenizer: standard}}}},\n"
        "  mappings: {properties: {a: {type: text, analyzer: mine}, b: {type: flattened}, c: 1}}}\n",
        "template: {mappings: {runtime: {a: {type: keyword}}}}\n",
    ],
)
def test_what_the_core_has_is_no_need(text: str) -> None:
    assert of_template(text) == []


@pytest.mark.parametrize("subject", ["tiny", "llm_router"])
def test_the_subjects_here_need_the_core_alone(subject: str) -> None:
    folder = PRODUCTION / subject / "production"
    assert not list(needs_of_filebeat(load_yaml(folder / "filebeat.yml")))
    assert not list(needs_of_template(load_yaml(folder / "index-template.json")))
