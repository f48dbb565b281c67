"""Boards of other teams: what each panel asks, of whom, and in which unit it shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.artefacts.dashboard import Dashboard, Panel, read_dashboard
from harness.core.errors import ConfigError
from harness.core.json_source import load_json, parse_json

BOARDS = Path("fixtures/artefacts/dashboards")


def board(name: str) -> Dashboard:
    return read_dashboard(load_json(BOARDS / f"{name}.json", shown_as=f"{name}.json"))


def of(data: Any) -> Dashboard:
    return read_dashboard(parse_json(json.dumps(data), "board.json"))


def panels(found: Dashboard) -> dict[str, Panel]:
    return {panel.title: panel for panel in found.panels}


def test_panels_of_folded_rows_are_read_and_rows_are_none() -> None:
    assert list(panels(board("mixed"))) == ["Read me", "Orders", "Mixed", "Logs", "Shared", "panel 7"]


def test_each_query_is_told_by_what_it_asks() -> None:
    found = panels(board("mixed"))
    asked = {title: [target.asks for target in panel.targets] for title, panel in found.items()}
    assert asked == {
        "Read me": [],
        "Orders": ["", ""],
        "Mixed": ["", "loki", "an expression of Grafana's own"],
        "Logs": ["loki"],
        "Shared": [],
        "panel 7": ["the queries of another panel"],
    }
    assert found["Shared"].is_library


def test_a_hidden_query_is_left_out_and_units_of_single_queries_are_kept() -> None:
    orders = panels(board("mixed"))["Orders"]
    assert [target.ref for target in orders.targets] == ["A", "B"]
    assert (orders.unit, [(each.options, each.unit) for each in orders.overrides]) == ("reqps", [("B", "s")])


def test_rows_of_old_schemas_and_their_units_are_read() -> None:
    found = panels(board("old"))
    assert {title: panel.unit for title, panel in found.items()} == {
        "Requests": "ops",
        "Memory": "bytes",
        "Graphite": "s",
    }
    assert [panel.targets[0].asks for panel in found.values()] == ["", "", "an unknown data source"]


@pytest.mark.parametrize("wrap", ["dashboard", "spec"])
def test_a_board_that_an_api_wraps_is_unwrapped(wrap: str) -> None:
    assert of({wrap: {"title": "Inner", "panels": []}}).title == "Inner"


def test_the_schema_of_version_2_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"v2.json:1:1: .*schema dashboard.grafana.app/v2beta1, which is not read"):
        board("v2")


def test_another_json_file_is_no_dashboard() -> None:
    with pytest.raises(ConfigError, match="this is no dashboard"):
        of({"apiVersion": 1})


def test_the_place_of_a_query_is_that_of_its_letters() -> None:
    target = panels(board("mixed"))["Orders"].targets[0]
    line, column = target.place(0).line, target.place(0).column
    text = (BOARDS / "mixed.json").read_text(encoding="utf-8").splitlines()[line - 1]
    assert text[column - 1 :].startswith("sum by (zone)")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"a": 1,}', "1:9: not valid JSON: a key in quotes is missing"),
        ('{"a" 1}', "1:6: not valid JSON: ':' is missing"),
        ('{"a": 1}\n x', "2:2: not valid JSON: there is more text"),
        ('{"a": 1,\n "a": 2}', "2:2: not valid JSON: the key 'a' appears twice"),
        ("", "1:1: not valid JSON: a value is missing"),
        ("[1 2]", "1:4: not valid JSON: ',' is missing"),
        ('{"a": "x\ny"}', "1:9: not valid JSON: Invalid control character"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_broken_json_is_told_with_line_and_column(text: str, where: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_json(text, "board.json")
    assert where in str(error.value)


def test_json_is_read_as_json_with_places() -> None:
    text = '\ufeff{"a": [1, 2.5e3, -0, "x\\ud83d\\ude00\\/"],\n\t"b": {"c": null, "d": [], "e": {}}}'
    document = parse_json(text, "board.json")
    assert document.data == {"a": [1, 2500.0, 0, "x\U0001f600/"], "b": {"c": None, "d": [], "e": {}}}
    assert str(document.locate(("b", "c"))) == "board.json:2:13"
    assert str(document.locate(("b", "c"), key=True)) == "board.json:2:8"
