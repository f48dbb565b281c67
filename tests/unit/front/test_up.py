"""``harness up`` with a campaign process that starts nothing: what it asks for, tells, writes and takes back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness import cli
from harness.contract import load_campaign
from harness.core.errors import MachineError
from harness.core.events import CampaignFailed, CellHeld, ComponentReady, Note, PhaseStarted
from harness.front import process as process_module
from harness.front.up import UpOptions, _Onlooker, attach_document

ROOT = Path(__file__).parents[3]
TINY = ROOT / "fixtures" / "tiny"
STUB = (sys.executable, str(Path(__file__).with_name("campaign_stub.py")))
HARNESS = (
    "import sys, harness.front.process as p, harness.cli; p.COMMAND = tuple(sys.argv[1:3]);"
    "sys.exit(harness.cli.main(sys.argv[3:]))"
)
URLS = {
    "tiny-0 app": "http://127.0.0.1:1",
    "tiny-1 app": "http://127.0.0.1:2",
    "prometheus": "http://127.0.0.1:3",
    "elasticsearch": "http://127.0.0.1:4",
}


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(process_module, "COMMAND", STUB)


def test_addresses_are_told_as_a_table_and_nothing_is_left(
    stub: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STUB_MODE", "held")
    assert cli.main(["up", str(TINY), "--state", "state.json"]) == 0
    out, err = capfd.readouterr()
    assert out == "prometheus  http://127.0.0.1:9090\n"
    assert "tiny stands at speed 1; Ctrl-C ends everything" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("mode", "words"), [("fail", "no stack today"), ("die", "the stub dies")])
def test_what_kept_it_from_standing_is_an_error(
    stub: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], mode: str, words: str
) -> None:
    monkeypatch.setenv("STUB_MODE", mode)
    assert cli.main(["up", str(TINY)]) == 2
    assert words in capfd.readouterr().err


def test_ctrl_c_ends_it_well(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HARNESS, *STUB, "up", str(TINY)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "STUB_MODE": "wait", "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while not any(tmp_path.glob("harness-up-*/bundle/events.ndjson")):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert "ending everything" in process.communicate(timeout=20)[1]
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_the_addresses_are_an_attach_file() -> None:
    document = attach_document(load_campaign([TINY]), URLS)
    assert document == {
        "harness": "attach/1",
        "subject": {"instances": {"tiny-0": {"app": URLS["tiny-0 app"]}, "tiny-1": {"app": URLS["tiny-1 app"]}}},
        "prometheus": {"url": URLS["prometheus"]},
        "elasticsearch": {"url": URLS["elasticsearch"], "streams": {"requests": {"harness.stream": "requests"}}},
    }


def test_the_file_of_addresses_is_whole_and_goes_with_the_stack(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state.json"
    onlooker = _Onlooker(load_campaign([TINY]), UpOptions(state=state))
    onlooker.tell(CellHeld(1.0, "standing", URLS, ()))
    assert json.loads(state.read_text())["prometheus"] == {"url": URLS["prometheus"]}
    onlooker.close(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_somebody_else_stays_where_nothing_stood(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text("mine")
    onlooker = _Onlooker(load_campaign([TINY]), UpOptions(state=state))
    onlooker.tell(CampaignFailed(1.0, "no port is free"))
    onlooker.close(tmp_path)
    assert state.read_text() == "mine"
    assert onlooker.exit_code == 2


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    onlooker = _Onlooker(load_campaign([TINY]), UpOptions(state=tmp_path / "nowhere" / "state.json"))
    with pytest.raises(MachineError, match=r"state\.json: it cannot be written"):
        onlooker.tell(CellHeld(1.0, "standing", URLS, ()))


def test_what_goes_on_meanwhile_is_told_in_lines(capfd: pytest.CaptureFixture[str]) -> None:
    onlooker = _Onlooker(load_campaign([TINY]), UpOptions())
    onlooker.tell(ComponentReady(1.0, "standing", "prometheus", 0.42, "", "3.1"))
    onlooker.tell(Note(1.0, "no page", "warning"))
    onlooker.tell(Note(1.0, "building"))
    onlooker.tell(PhaseStarted(1.0, "standing", "p", 0.0, ""))
    assert capfd.readouterr().err == "prometheus 3.1 is ready after 0.4 s\nwarning: no page\nbuilding\n"
