"""Who would be told, as the file says and as the real amtool answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.artefacts import read_alertmanager
from harness.contract import Campaign
from harness.core.errors import MachineError
from harness.core.source import load_yaml
from harness.virtual import command
from harness.virtual.routes import amtool_receivers, routed

SHOP = Path(__file__).parent / "data" / "shop"
EVERYTHING = Path(__file__).parents[3] / "fixtures" / "artefacts" / "alertmanager" / "everything.yml"
AWKWARD = {"alertname": 'say "no"', "text": "a,b=c\\d\nnext", "severity": "page"}


@pytest.mark.parametrize(
    "labels",
    [
        {"severity": "critical", "alertname": "A"},
        {"severity": "warning", "team": "db", "service": "x"},
        {"alertname": "Watchdog"},
        {"none": "of these"},
    ],
)
def test_our_reading_of_a_large_route_tree_is_amtools(amtool: Path, labels: dict[str, str]) -> None:
    config = read_alertmanager(load_yaml(EVERYTHING))
    assert amtool_receivers(amtool, EVERYTHING, labels) == config.receivers_for(labels)


def test_labels_of_any_kind_reach_amtool_unharmed(shop: Campaign, amtool: Path) -> None:
    config = read_alertmanager(load_yaml(SHOP / "production" / "alertmanager.yml"))
    warning = {"alertname": "W", "severity": "ticket"}
    found = routed(shop, config, amtool, {"A": [AWKWARD], "W": [warning]}, {"region": "eu"})
    assert [each.receivers for each in found] == [each.amtool for each in found] == [("pager",), ("web",)]
    assert found[1].inhibited_by == ("A",), "both lack the label slo, which is equal then"
    assert found[0].labels["region"] == "eu"
    assert found[0].problem == ""


def test_a_different_answer_is_a_problem(shop: Campaign, amtool: Path) -> None:
    config = read_alertmanager(load_yaml(SHOP / "production" / "alertmanager.yml"))
    lame = replace(config, route=replace(config.route, routes=()))
    (found,) = routed(shop, lame, amtool, {"A": [AWKWARD]}, {})
    assert found.problem == "amtool routes it to pager"


def test_amtool_that_cannot_be_run_is_named(shop: Campaign, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="cannot be run"):
        amtool_receivers(tmp_path / "none", EVERYTHING, AWKWARD)


def test_a_file_that_amtool_refuses_is_an_error(amtool: Path, tmp_path: Path) -> None:
    broken = tmp_path / "alertmanager.yml"
    broken.write_text("route: {}\n")
    with pytest.raises(MachineError, match="amtool refused"):
        amtool_receivers(amtool, broken, AWKWARD)


def test_the_command_prints_where_pages_go(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.test_command(["--routes", "--alert", "Hot", str(SHOP)]) == 0
    told = capsys.readouterr().out
    assert "Hot[ticket] → web" in told
    assert "inhibited by Hot[page]" in told
    assert told.count("amtool agrees") == 2


def test_the_command_prints_routes_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.test_command(["--routes", "--json", "--alert", "BurnFast", "--alert", "Compare", str(SHOP)]) == 0
    burn, compare = json.loads(capsys.readouterr().out)["routes"]
    assert burn["labels"] == {"alertname": "BurnFast", "job": "shop", "region": "eu", "severity": "page",
                              "slo": "availability"}  # fmt: skip
    assert burn["receivers"] == ["pager"]
    assert compare["labels"] == {"alertname": "Compare", "region": "eu"}, "what never fired has its fixed labels alone"


def test_the_command_tells_a_receiver_that_the_contract_does_not_mean(
    edited: Callable[[str, str], Campaign], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    edited("receiver: pager}", "receiver: web}")
    contract = tmp_path / "shop" / "contract.yaml"
    contract.write_text(contract.read_text() + "  BurnFast: {means: Fast., reaches: pager}\n")
    assert command.test_command(["--routes", "--alert", "BurnFast", str(tmp_path / "shop")]) == 1
    assert "the contract says pager" in capsys.readouterr().out
