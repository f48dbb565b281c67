"""``harness test`` as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.virtual import command

SHOP = Path(__file__).parent / "data" / "shop"
TINY = Path(__file__).parents[3] / "fixtures" / "tiny"


def test_the_table_says_what_each_alert_does(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.chdir(TINY)
    assert command.test_command([]) == 0
    told = capsys.readouterr().out
    assert "TinyFailing: moved by events per second of tiny_failures_total" in told
    assert "held           designed trigger          fires 30s to 2m20s\n" in told
    assert told.splitlines()[-1].startswith("10 held")


def test_a_violated_cell_says_why_and_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.test_command([str(SHOP), "--alert", "ErrorsPerSeries"]) == 1
    assert "violated       spread                    quiet; should: fires (it should fire)" in capsys.readouterr().out


def test_what_is_not_generated_ends_with_4(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.test_command([str(SHOP), "--alert", "Unknown"]) == 4
    assert "declared nowhere, types guessed: mystery_done, mystery_total" in capsys.readouterr().out


def test_json_holds_every_cell(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.test_command([str(TINY), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["exit_code"] == 0
    assert told["cells"][0] == {"alert": "TinyFailing", "condition": "designed trigger", "verdict": "held",
                                "does": "fires 30s to 2m20s", "should": "fires in time", "why": ""}  # fmt: skip


def test_promises_of_the_campaign_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = {("TinyFailing", "hang"): "fires"}
    assert command.test_command([str(TINY)], lambda _campaign: wanted) == 1
    assert "violated       hang" in capsys.readouterr().out
