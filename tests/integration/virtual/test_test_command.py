"""``harness test`` as a person calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.virtual import command

SHOP = Path(__file__).parent / "data" / "shop"
Promising = Callable[[str], Path]
TINY = Path(__file__).parents[3] / "fixtures" / "tiny"


def test_the_table_says_what_each_alert_does(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.chdir(TINY)
    assert command.test_command([]) == 0
    told = capsys.readouterr().out
    assert "TinyFailing: moved by events per second of tiny_failures_total" in told
    assert "held           designed trigger          fires 30s to 2m20s\n" in told
    assert told.splitlines()[-1].startswith("14 held")


def test_a_violated_cell_says_why_and_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.test_command([str(SHOP), "--alert", "ErrorsPerSeries"]) == 1
    assert "violated       spread                    quiet; should: fires (it should fire)" in capsys.readouterr().out


def test_what_is_not_generated_ends_with_4(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.test_command([str(SHOP), "--alert", "Unknown"]) == 4
    assert "declared nowhere, types guessed: mystery_done" in capsys.readouterr().out


def test_json_holds_every_cell(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.test_command([str(TINY), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["exit_code"] == 0
    assert told["cells"][0] == {"alert": "TinyFailing", "condition": "designed trigger", "verdict": "held",
                                "does": "fires 30s to 2m20s", "should": "fires in time", "why": "",
                                "rule": "production/rules.yml:4:9", "promise": None}  # fmt: skip


def test_a_disagreement_names_rule_and_contract(promising: Promising, capsys: pytest.CaptureFixture[str]) -> None:
    folder = promising("    under: {hang: fires, idle: quiet}\n")
    assert command.test_command([str(folder)]) == 1
    told = capsys.readouterr().out
    assert "violated       hang                      quiet; should: fires (it should fire)" in told
    assert "production/rules.yml:4:9: the rule\n" in told
    last = len((folder / "contract.yaml").read_text().splitlines())
    assert f"contract.yaml:{last}:13: what the contract says\n" in told
    assert "held           idle                      quiet; should: quiet\n" in told
