"""Series of Prometheus, written back as the texts that instances exposed."""

from __future__ import annotations

import math

from harness.clauses.exposition import parse_exposition
from harness.contract.planes import MetricFamily, Metrics
from harness.run.attach.exposed import selector_of, texts_of
from harness.run.clients.prometheus import SeriesData
from tests.unit.attach.conftest import TEXT, TYPES, vector

ADDED = {"job", "instance", "zone"}


def series(text: str) -> list[SeriesData]:
    return [SeriesData(item["metric"], ((1.0, float(item["value"][1])),)) for item in vector(text, 1.0)]


def test_a_text_comes_back_as_it_was() -> None:
    types = {name: (kind[0]["type"], kind[0]["help"]) for name, kind in TYPES.items() if name.startswith("tiny")}
    texts = texts_of(series(TEXT), types, ADDED)
    assert list(texts) == ["a:1"]
    found, wanted = parse_exposition(texts["a:1"]), parse_exposition(TEXT)
    assert {name: (family.type, family.documentation) for name, family in found.items()} == {
        name: (family.type, family.documentation) for name, family in wanted.items()
    }
    assert {name: len(family.samples) for name, family in found.items()} == {
        name: len(family.samples) for name, family in wanted.items()
    }


def test_a_family_that_has_not_counted_yet_is_there() -> None:
    texts = texts_of(series(TEXT), {"tiny_errors_total": ("counter", "None so far.")}, ADDED)
    assert parse_exposition(texts["a:1"])["tiny_errors_total"].samples == []


def test_recorded_series_and_odd_values_and_labels() -> None:
    odd = 'a"b\\c\nd'
    found = [
        SeriesData({"__name__": "tiny:rate5m", "instance": "a"}, ((1.0, 1.0),)),
        SeriesData({"__name__": "tiny_odd", "instance": "a", "path": odd}, ((1.0, math.nan),)),
        SeriesData({"__name__": "tiny_most", "instance": "b"}, ((1.0, math.inf),)),
    ]
    texts = texts_of(found, {}, ())
    assert "tiny:rate5m" not in texts["a"]
    (sample,) = parse_exposition(texts["a"])["tiny_odd"].samples
    assert sample.labels == {"path": odd}
    assert math.isnan(sample.value)
    assert parse_exposition(texts["b"])["tiny_most"].samples[0].value == math.inf


def test_a_counter_of_openmetrics_is_found_by_its_stem() -> None:
    found = [SeriesData({"__name__": "tiny_jobs_total", "instance": "a"}, ((1.0, 2.0),))]
    texts = texts_of(found, {"tiny_jobs": ("counter", "Jobs.")}, ())
    assert parse_exposition(texts["a"])["tiny_jobs_total"].type == "counter"


def test_the_selector_holds_the_families_and_what_narrows_them() -> None:
    family = MetricFamily(type="gauge")
    assert selector_of(Metrics(prefix="tiny.", families={"a": family}), {"env": 'a"b'}) == (
        '{__name__=~"tiny\\\\..+",env="a\\"b"}'
    )
    assert selector_of(Metrics(families={"up_a": family, "b": family}), {}) == (
        '{__name__=~"(?:up_a|b)(?:_bucket|_sum|_count)?"}'
    )
