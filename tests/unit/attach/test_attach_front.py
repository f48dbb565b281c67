"""What a command line about a running system asks of the campaign, with a campaign process that starts nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from harness import cli
from harness.front import process as process_module
from harness.front.explaining import explain
from tests.unit.attach.conftest import ROOT, TINY

STUB = (sys.executable, str(ROOT / "tests" / "unit" / "front" / "campaign_stub.py"))
ROUTING = "campaign::alerts::routing::as_written"
TOKEN = "tok-8d1f6c0a"


def test_the_request_names_the_file_and_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    popen = process_module.subprocess.Popen

    def seen(command: list[str], **more: object) -> object:
        started.append(command)
        return popen(command, **more)  # type: ignore[call-overload]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TINY_TOKEN", TOKEN)
    monkeypatch.setattr(process_module, "COMMAND", STUB)
    monkeypatch.setattr(process_module.subprocess, "Popen", seen)
    file = tmp_path / "attach.yaml"
    file.write_text("harness: attach/1\nprometheus: {url: 'http://p', bearer_from: TINY_TOKEN}\n")
    window = ("--from", "1h", "--to", "30m")
    arguments = ["gate", str(TINY), "--attach", "attach.yaml", *window, "--require", "logs", "--clause", ROUTING]
    assert cli.main(arguments) == 0
    (bundle,) = (tmp_path / ".harness" / "bundles").iterdir()
    request = json.loads((bundle / "request.json").read_bytes())
    assert request["attach"] == str(file)
    assert (request["since"], request["until"], request["required"]) == ("1h", "30m", ["logs"])
    assert request["clauses"] == [ROUTING]
    assert request["backend"] == "auto"
    ((*_, named),) = started
    assert named == str(bundle / "request.json")
    assert TOKEN not in " ".join(started[0]) + json.dumps(request)


def test_a_clause_on_what_runs_is_unknown_without_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["gate", str(TINY), "--clause", ROUTING]) == 2
    assert f"there is no clause '{ROUTING}'" in capfd.readouterr().err


def test_it_is_explained_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TINY)
    assert "needs:    routing" in explain(ROUTING)
