"""What ``harness test`` refuses before any tool is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.virtual import command

SHOP = Path(__file__).parents[2] / "integration" / "virtual" / "data" / "shop"


def told(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert command.test_command(argv) == 2
    return capsys.readouterr().err


def test_an_unknown_alert_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean 'BurnFast'?" in told([str(SHOP), "--alert", "BurnFats"], capsys)
    assert "known: " in told([str(SHOP), "--alert", "Zzzzzz"], capsys)


def test_a_folder_without_campaign_is_refused(capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "there is no campaign here" in told([], capsys)


def test_a_contract_without_alerts_or_receivers_is_refused(capsys, tmp_path: Path) -> None:
    for name in ("campaign.yaml", "profile.yaml", "node.prom"):
        (tmp_path / name).write_bytes((SHOP / name).read_bytes())
    contract = tmp_path / "contract.yaml"
    contract.write_text("harness: contract/1\nservice: shop\n")
    assert "names no rule file with alerts" in told([str(tmp_path)], capsys)
    (tmp_path / "rules.yml").write_text("groups: [{name: g, rules: [{alert: A, expr: vector(1)}]}]\n")
    (tmp_path / "prometheus.yml").write_text("rule_files: [rules.yml]\n")
    contract.write_text("harness: contract/1\nservice: shop\nartefacts: {prometheus: prometheus.yml}\n")
    assert "names no alertmanager.yml" in told(["--routes", str(tmp_path)], capsys)


def test_an_unknown_option_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.test_command(["--no-such"])
    assert ended.value.code == 2
    assert "usage: harness test" in capsys.readouterr().err
