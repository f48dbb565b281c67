"""pytest with a campaign process, one that starts no component: when it is started, what it is asked, how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

RunPytest = Callable[..., pytest.RunResult]
Stub = Callable[..., None]
ROOT = Path(__file__).parents[2]
HELD = ROOT / "tests" / "unit" / "replay" / "data" / "tiny"
CLAUSES = len(json.loads((HELD / "manifest.json").read_bytes())["clauses"])
ALERT = "failing::alerts::TinyFailing::"


def bundles(project: Path) -> list[Path]:
    return sorted((project / ".harness" / "bundles").glob("*"))


def requests(project: Path) -> list[dict[str, Any]]:
    return [json.loads((bundle / "request.json").read_bytes()) for bundle in bundles(project)]


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def events(bundle: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (bundle / "events.ndjson").read_bytes().splitlines()]


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["alone", "workers"])
def test_one_campaign_proves_every_clause(stories: Path, stub: Stub, run_pytest: RunPytest, options: list[str]) -> None:
    stub("slow", {f"{ALERT}fires": "violated", f"{ALERT}pages": "not applicable", f"{ALERT}pends": "invalid"})
    result = run_pytest(*options)
    result.assert_outcomes(passed=CLAUSES - 2, failed=1, skipped=1, errors=1)
    (bundle,) = bundles(stories.parent)
    assert f"harness: bundle {bundle}" in result.outlines
    assert [event["event"] for event in events(bundle)].count("campaign_started") == 1
    assert events(bundle)[-1]["cancelled"] is False
    assert not lives(int((bundle / "campaign.pid").read_text()))
    (request,) = requests(stories.parent)
    assert request["paths"] == [str(stories / "campaign.yaml")]
    assert request["clauses"] == []


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["alone", "workers"])
def test_only_what_is_selected_is_asked_for(
    stories: Path, stub: Stub, run_pytest: RunPytest, options: list[str]
) -> None:
    stub()
    chosen = ["-k", "fires or pages", "--harness-speed=20", "--harness-hold", "--harness-bundle-dir=evidence"]
    run_pytest("stories", *chosen, *options).assert_outcomes(passed=3, deselected=0 if options else CLAUSES - 3)
    (bundle,) = (stories.parent / "evidence").iterdir()
    request = json.loads((bundle / "request.json").read_bytes())
    assert request["clauses"] == [f"{ALERT}fires", f"{ALERT}pages", f"{ALERT}pages_once"]
    assert (request["speed"], request["hold"]) == (20, True)


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["alone", "workers"])
def test_a_running_system_has_clauses_of_its_own(
    stories: Path, stub: Stub, run_pytest: RunPytest, options: list[str]
) -> None:
    stub()
    (stories.parent / "attach.yaml").write_text("harness: attach/1\nprometheus: {url: 'http://p'}\n")
    run_pytest("stories", "-k", "as_written", "--harness-attach=attach.yaml", *options).assert_outcomes(
        passed=2, deselected=0 if options else CLAUSES + 1
    )
    (request,) = requests(stories.parent)
    assert request["attach"] == str(stories.parent / "attach.yaml")
    assert set(request["clauses"]) == {
        "campaign::alerts::TinyFailing::as_written",
        "campaign::alerts::routing::as_written",
    }


@pytest.mark.parametrize("more", ["--harness-speed=20", ""])
def test_a_running_system_must_be_named_and_has_its_own_speed(
    stories: Path, stub: Stub, run_pytest: RunPytest, more: str
) -> None:
    stub()
    if more:
        (stories.parent / "attach.yaml").touch()
    result = run_pytest("--harness-attach=attach.yaml", *([more] if more else []))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    words = "a running system has its own speed" if more else "there is no file attach.yaml"
    assert words in result.stderr.str()


@pytest.mark.parametrize(
    "options",
    [["--collect-only"], ["-k", "plain"], ["-m", "nothing"], ["--setup-only"], ["--setup-plan"]],
    ids=lambda options: options[-1],
)
def test_what_runs_no_clause_starts_nothing(
    stories: Path, stub: Stub, run_pytest: RunPytest, options: list[str]
) -> None:
    stub()
    result = run_pytest(*options)
    assert not (stories.parent / ".harness").exists()
    assert "harness:" not in result.stdout.str()


def test_each_campaign_file_is_a_campaign(stories: Path, stub: Stub, run_pytest: RunPytest) -> None:
    stub()
    other = shutil.copytree(stories, stories.parent / "other")
    run_pytest().assert_outcomes(passed=2 * CLAUSES + 1)
    asked = {request["paths"][0] for request in requests(stories.parent)}
    assert asked == {str(stories / "campaign.yaml"), str(other / "campaign.yaml")}


def test_each_campaign_file_is_a_campaign_for_workers(stories: Path, stub: Stub, run_pytest: RunPytest) -> None:
    stub()
    shutil.copytree(stories, stories.parent / "other")
    run_pytest("-n", "2").assert_outcomes(passed=2 * CLAUSES + 1)
    assert len(bundles(stories.parent)) == 2


@pytest.mark.parametrize(
    ("mode", "words", "options"),
    [
        ("die", "the stub dies", []),
        ("die", "the stub dies", ["-n", "2"]),
        ("silent", "nothing to say", []),
        ("fail", "no stack today", []),
    ],
)
def test_a_campaign_without_verdicts_is_an_error_of_each_clause(
    stories: Path, stub: Stub, run_pytest: RunPytest, mode: str, words: str, options: list[str]
) -> None:
    stub(mode)
    result = run_pytest("stories", "-m", "endpoints or load", *options)
    assert result.parseoutcomes()["errors"] == 2
    result.stdout.fnmatch_lines([f"*{words}*"])
    assert "Traceback" not in result.stdout.str() or mode == "silent"


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["alone", "workers"])
def test_an_unwritable_bundle_is_told_and_not_waited_for(
    stories: Path, stub: Stub, run_pytest: RunPytest, options: list[str]
) -> None:
    stub()
    (stories.parent / "file").touch()
    result = run_pytest("stories", "-m", "load", "--harness-bundle-dir=file", *options)
    assert "cannot be written: File exists" in result.stdout.str() + result.stderr.str()
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert result.ret in {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.USAGE_ERROR}


def test_x_cancels_what_still_runs(stories: Path, stub: Stub, run_pytest: RunPytest) -> None:
    """The first clause is judged early and violated; the campaign would wait for ever for the others."""
    stub("early", {"failing::subject::tiny-0::stays_up": "violated"})
    result = run_pytest("stories/failing.yaml", "-x")
    result.assert_outcomes(failed=1)
    (bundle,) = bundles(stories.parent)
    assert events(bundle)[-1]["cancelled"] is True
    assert not lives(int((bundle / "campaign.pid").read_text()))


def test_x_cancels_while_workers_wait(stories: Path, stub: Stub, run_pytest: RunPytest) -> None:
    stub("early", {"failing::subject::tiny-0::stays_up": "violated"})
    result = run_pytest("stories/failing.yaml", "-x", "-n", "2")
    assert result.parseoutcomes()["failed"] >= 1
    (bundle,) = bundles(stories.parent)
    assert events(bundle)[-1]["cancelled"] is True
    assert not lives(int((bundle / "campaign.pid").read_text()))


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["alone", "workers"])
def test_ctrl_c_cancels_in_good_order(
    stories: Path, stub: Stub, run_pytest: RunPytest, plugin_options: list[str], options: list[str]
) -> None:
    stub("wait")
    project = stories.parent
    arguments = [sys.executable, "-m", "pytest", *plugin_options, "stories", *options]
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # also below a shell that works in the background
    process = subprocess.Popen(
        arguments, cwd=project, stdout=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heed
    )
    deadline = time.monotonic() + 30
    while not any((bundle / "events.ndjson").exists() for bundle in bundles(project)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.2)  # the worker that waits is not seen from outside
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, out
    (bundle,) = bundles(project)
    assert events(bundle)[-1]["cancelled"] is True
    assert not lives(int((bundle / "campaign.pid").read_text()))
    assert f"harness: bundle {bundle}" in out


def test_a_held_cell_is_told_at_once(stories: Path, stub: Stub, run_pytest: RunPytest) -> None:
    stub("held")
    result = run_pytest("stories", "-m", "load")
    result.stdout.fnmatch_lines(["failing is held until Ctrl-C:", "  prometheus  http://127.0.0.1:9090", "up == 0"])
    result.assert_outcomes(passed=1, deselected=CLAUSES - 1)
