"""The course of a stand-in's series, and faults of exporters that cannot be."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.contract import load_campaign
from harness.contract.exposition import Course, matching, series_names
from harness.contract.flows import Flow
from harness.core.errors import ConfigError

COMPANY = Path(__file__).parents[2] / "integration" / "company" / "data" / "company"
TEXT = '# TYPE disk gauge\ndisk{path="/",device="a"} 6e+10\ndisk{path="/b"} 5\nerrors_total 7\n'


def values(text: str) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_without_changes_the_file_is_served_as_it_is() -> None:
    course = Course(TEXT)
    assert values(course.render(100.0)) == values(TEXT)
    assert course.render(0.0).startswith("# TYPE disk gauge\n")


def test_a_value_is_set_and_set_back() -> None:
    course = Course(TEXT)
    change = {'disk{path="/"}': Flow(at=9.0, slope=-0.5)}
    course.change(change, 10.0)
    assert values(course.render(14.0))['disk{path="/",device="a"}'] == 7.0
    assert values(course.render(14.0))['disk{path="/b"}'] == 5.0
    course.restore(change, 20.0)
    assert values(course.render(30.0)) == values(TEXT)


def test_what_counts_goes_on_from_where_it_is() -> None:
    course = Course(TEXT, {"errors_total": Flow(rate=1.0)})
    assert values(course.render(3.0))["errors_total"] == 10.0
    course.change({"errors_total": Flow(rate=5.0)}, 3.0)
    assert values(course.render(5.0))["errors_total"] == 20.0
    course.restore({"errors_total": Flow()}, 5.0)
    assert values(course.render(6.0))["errors_total"] == 21.0


def test_a_counter_that_stands_still_again_keeps_what_it_counted() -> None:
    course = Course(TEXT)
    course.change({"errors_total": Flow(rate=5.0)}, 0.0)
    course.restore({"errors_total": Flow(rate=5.0)}, 2.0)
    assert values(course.render(9.0))["errors_total"] == 17.0


def test_a_series_vanishes_and_comes_back() -> None:
    course = Course(TEXT)
    course.change({"disk": Flow()}, 1.0)
    assert set(values(course.render(2.0))) == {"errors_total"}
    course.restore({"disk": Flow()}, 3.0)
    assert values(course.render(4.0)) == values(TEXT)


def test_a_series_is_named_by_some_of_its_labels() -> None:
    assert matching('disk{path="/"}', 'disk{path="/",device="a"}')
    assert matching("disk", 'disk{path="/"}')
    assert not matching('disk{path="/"}', 'disk{path="/b"}')
    assert not matching("disk", "disks")
    assert not matching("disk}", "disk")
    assert series_names(TEXT) == ['disk{path="/",device="a"}', 'disk{path="/b"}', "errors_total"]


@pytest.mark.parametrize(
    ("file", "before", "after", "words"),
    [
        ("profile.yaml", "stand_in: node.prom, set: {'node_f", "stand_in: nod.prom, set: {'node_f",
         "nothing serves the exposition 'nod.prom'"),
        ("profile.yaml", "avail_bytes{mountpoint=", "avail_bites{mountpoint=", "the exposition holds no series node_"),
        ("profile.yaml", 'does: {\'node_cpu_seconds_total{mode="idle"}', 'does: {\'node_cpu_seconds_total{mode="idel"}',
         "the exposition holds no series node_cpu"),
        ("profile.yaml", "writes_fail: {stand_in: node.prom, set", "writes_fail: {set", "names its exposition"),
        ("profile.yaml", "writes_fail: {stand_in", "writes_fail: {signal: kill, stand_in", "one of them"),
        ("profile.yaml", "port: app}\n  - {job: node, exposition: node.prom,", "port: app}\n  - {job: node, port: app,",
         "does needs an exposition"),
        ("profile.yaml", ": 1.9/s}", ": 1.9/s at 3}", "histograms cannot move"),
        ("disk.yaml", "fault: {disk_filling: 9e+9}", "fault: {disk_filling: nearly full}", "nothing that a series"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_its_place(tmp_path: Path, file: str, before: str, after: str, words: str) -> None:
    folder = tmp_path / "company"
    shutil.copytree(COMPANY, folder)
    text = (folder / file).read_text()
    assert before in text
    (folder / file).write_text(text.replace(before, after, 1))
    with pytest.raises(ConfigError, match=words) as refused:
        load_campaign([folder])
    assert f"{file}:" in str(refused.value)
