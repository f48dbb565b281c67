"""pytest on a recorded bundle: every option that selects, orders or reports tests works on clauses."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.clauses.replay import replay
from harness.cli import main
from harness.core.events import ClauseJudged

RunPytest = Callable[..., pytest.RunResult]
ROOT = Path(__file__).parents[2]
HELD = ROOT / "tests" / "unit" / "replay" / "data" / "tiny"
CLAUSES = len(json.loads((HELD / "manifest.json").read_bytes())["clauses"])
OUTCOMES = {
    "held": "passed",
    "violated": "failed",
    "inconclusive": "failed",
    "waived": "xfailed",
    "waived but held": "failed",
    "invalid": "errors",
}


def verdicts(bundle: Path) -> dict[str, str]:
    return {event.clause: event.verdict for event in replay(bundle) if isinstance(event, ClauseJudged)}


def outcomes(bundle: Path) -> dict[str, int]:
    return dict(Counter(OUTCOMES[verdict] for verdict in verdicts(bundle).values()))


def node_ids(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line]


def junit(path: Path) -> dict[str, tuple[str, str]]:
    """By clause id: the verdict and the tag of the outcome."""
    table = {}
    for case in ET.parse(path).iter("testcase"):
        properties = {item.get("name", ""): item.get("value", "") for item in case.iter("property")}
        tags = [child.tag for child in case if child.tag in {"failure", "error", "skipped"}]
        table[properties["clause"]] = properties["verdict"], (tags or [""])[0]
    return table


def test_every_clause_is_a_test_with_the_outcome_of_its_verdict(
    stories: Path, mixed: Path, run_pytest: RunPytest
) -> None:
    result = run_pytest("stories", f"--replay={mixed}")
    expected = outcomes(mixed)
    assert set(expected) == {"passed", "failed", "xfailed"}
    result.assert_outcomes(**expected)
    assert f"harness: replayed {mixed}" in result.outlines
    assert not (stories.parent / ".harness").exists()


def test_limits_on_how_long_a_test_may_take_are_for_tests(
    stories: Path, run_pytest: RunPytest, pytester: pytest.Pytester
) -> None:
    """What the plugin pytest-timeout would read is there; without that plugin nobody declares the mark."""
    show = "        print('limit', [mark.args for mark in item.iter_markers('timeout')], item.name)\n"
    hook = f"def pytest_collection_modifyitems(items):\n    for item in items:\n{show}"
    pytester.makeconftest(hook)
    assert f"limit {[]} armed" in run_pytest("stories", "--collect-only", "-q").outlines
    declare = "    config.addinivalue_line('markers', 'timeout(s): a limit')\n"
    declare += "    config.pluginmanager.register(object(), 'timeout')\n"
    pytester.makeconftest(f"def pytest_configure(config):\n{declare}\n{hook}")
    assert f"limit {[(0,)]} armed" in run_pytest("stories", "--collect-only", "-q").outlines


def test_verdicts_on_an_unfit_run_are_errors(stories: Path, unfit: Path, run_pytest: RunPytest) -> None:
    assert set(verdicts(unfit).values()) == {"invalid"}
    result = run_pytest("stories", f"--replay={unfit}")
    result.assert_outcomes(errors=len(verdicts(unfit)))
    result.stdout.fnmatch_lines(["*ERROR at setup of*", "invalid: *clock was set*"])
    assert "Traceback" not in result.stdout.str()


def test_messages_name_verdict_promise_place_and_command(stories: Path, mixed: Path, run_pytest: RunPytest) -> None:
    result = run_pytest("stories", f"--replay={mixed}", "-k", "one_per_failed_work and requests")
    result.assert_outcomes(failed=1, deselected=CLAUSES - 1)
    result.stdout.fnmatch_lines(
        [
            "*failing::logs::requests?error?::one_per_failed_work*",
            "violated: *",
            "  promised: *",
            "  at: failing.yaml:*",
            "  again: pytest 'stories/failing.yaml::logs::requests::one_per_failed_work?error?'",
        ]
    )
    assert "items.py" not in result.stdout.str()


def test_gate_and_pytest_agree_verdict_for_verdict(stories: Path, mixed: Path, run_pytest: RunPytest) -> None:
    run_pytest("stories", f"--replay={mixed}", "--junitxml", "p.xml", "-o", "junit_family=xunit1")
    command = [sys.executable, "-m", "harness.cli", "replay", str(mixed), "--json", "h.json"]
    done = subprocess.run(command, cwd=stories.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1] == str(mixed)
    told = {item["id"]: item["verdict"] for item in json.loads((stories.parent / "h.json").read_bytes())["clauses"]}
    assert {clause: verdict for clause, (verdict, _) in junit(stories.parent / "p.xml").items()} == told


def test_a_clause_is_explained_on_a_bundle(mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clause = "failing::logs::requests[error]::one_per_failed_work"
    archive = shutil.make_archive(str(tmp_path / "mixed"), "zip", mixed.parent, mixed.name)
    assert main(["explain", clause, archive]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"{clause}\n  promises: ")
    assert "  violated: " in told
    assert main(["explain", clause + "s", str(mixed)]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_a_replay_can_be_narrowed(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(mixed), "--clause", "campaign::metrics::tiny::declared"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(mixed)


def test_junit_outcomes(stories: Path, mixed: Path, run_pytest: RunPytest) -> None:
    run_pytest("stories", f"--replay={mixed}", "--junitxml", "p.xml", "-o", "junit_family=xunit1")
    tags = {"held": "", "waived": "skipped"}
    for verdict, tag in junit(stories.parent / "p.xml").values():
        assert tag == tags.get(verdict, "failure")


@pytest.mark.parametrize(
    ("options", "selected"),
    [
        (["-m", "alerts"], "::alerts::"),
        (["-m", "alerts", "--strict-markers"], "::alerts::"),
        (["-k", "TinyFailing"], "::TinyFailing::"),
        (["-k", "endpoints"], "::endpoints::"),
    ],
)
def test_selection_by_marker_and_keyword(
    stories: Path, mixed: Path, run_pytest: RunPytest, options: list[str], selected: str
) -> None:
    expected = sum(selected in f"::{name}" for name in verdicts(mixed))
    listed = node_ids(run_pytest("stories", f"--replay={mixed}", *options, "--collect-only", "-q"))
    assert len(listed) == expected > 0
    assert all(selected in name for name in listed)


def test_node_ids_are_the_file_and_the_last_three_parts(stories: Path, mixed: Path, run_pytest: RunPytest) -> None:
    listed = node_ids(run_pytest("stories", "--collect-only", "-q"))
    files = {"campaign": "stories/campaign.yaml", "failing": "stories/failing.yaml"}
    split = [re.sub(r"(\[\w+\])::(\w+)$", r"::\2\1", name).partition("::") for name in verdicts(mixed)]
    assert set(listed) == {f"{files[scope]}::{rest}" for scope, _, rest in split}
    assert "stories/failing.yaml::logs::requests::one_per_failed_work[error]" in listed


@pytest.mark.parametrize(
    "name",
    [
        "stories/failing.yaml::alerts::TinyFailing::fires",
        "stories/failing.yaml::logs::requests::one_per_failed_work[error]",
        "stories/failing.yaml::metrics::sum(tiny_requests_total)::one_per_work",
        "stories/campaign.yaml::metrics::tiny::declared",
    ],
)
def test_a_node_id_can_be_pasted(stories: Path, run_pytest: RunPytest, name: str) -> None:
    assert node_ids(run_pytest(name, "--collect-only", "-q")) == [name]


def test_part_of_a_node_id_selects_all_below(stories: Path, run_pytest: RunPytest) -> None:
    listed = node_ids(run_pytest("stories/failing.yaml::alerts::TinyFailing", "--collect-only", "-q"))
    assert len(listed) > 3
    assert all("::alerts::TinyFailing::" in name for name in listed)


def test_x_stops_at_the_first_failure(stories: Path, mixed: Path, run_pytest: RunPytest) -> None:
    result = run_pytest("stories", f"--replay={mixed}", "-x")
    assert result.parseoutcomes()["failed"] == 1
    assert f"harness: replayed {mixed}" in result.outlines


def test_collecting_a_replay_lists_every_clause_and_judges_none(
    stories: Path, mixed: Path, run_pytest: RunPytest
) -> None:
    result = run_pytest("stories", f"--replay={mixed}", "--collect-only", "-q")
    assert len(node_ids(result)) == len(verdicts(mixed))
    assert "replayed" not in result.stdout.str()


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["alone", "workers"])
def test_ctrl_c_ends_a_replay_with_what_was_told_by_then(
    stories: Path, mixed: Path, run_apart: RunPytest, pytester: pytest.Pytester, options: list[str]
) -> None:
    """The signal comes from a hook, where a terminal's would: in the process that the person started."""
    pytester.makeconftest(
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # also below a shell that works in the background\n"
        "seen = []\n"
        "def pytest_configure(config):\n"
        "    global told  # the environment may be that of an outer worker\n"
        "    told = not hasattr(config, 'workerinput')\n"
        "def pytest_runtest_logreport(report):\n"
        "    if report.when == 'call' and told:\n"
        "        seen.append(report.nodeid)\n"
        "        if len(seen) == 3:\n"
        "            signal.raise_signal(signal.SIGINT)\n"
    )
    result = run_apart("stories", f"--replay={mixed}", *options)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert 3 <= sum(result.parseoutcomes().values()) < len(verdicts(mixed))
    result.stdout.fnmatch_lines(["*KeyboardInterrupt*"])
    assert not (stories.parent / ".harness").exists()


def test_last_failed_and_failed_first(stories: Path, mixed: Path, run_pytest: RunPytest) -> None:
    expected = outcomes(mixed)
    run_pytest(f"--replay={mixed}")
    first = run_pytest(f"--replay={mixed}", "--ff", "-v")
    ran = [found[1] for line in first.outlines if (found := re.match(r"\S+::.* (FAILED|PASSED|XFAIL)\b.*%\]", line))]
    assert ran[: expected["failed"]] == ["FAILED"] * expected["failed"]
    again = run_pytest(f"--replay={mixed}", "--lf")
    again.assert_outcomes(failed=expected["failed"])


def test_two_workers_give_the_same_outcomes(stories: Path, mixed: Path, run_apart: RunPytest) -> None:
    result = run_apart("stories", f"--replay={mixed}", "-n", "2")
    result.assert_outcomes(**outcomes(mixed))


def test_waived_clauses_fail_when_xfail_is_off(stories: Path, mixed: Path, run_pytest: RunPytest) -> None:
    result = run_pytest("stories", f"--replay={mixed}", "--runxfail", "-m", "logs")
    assert "xfailed" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(["waived: *"])


def test_a_bundle_that_does_not_exist_is_a_usage_error(stories: Path, run_pytest: RunPytest) -> None:
    result = run_pytest("stories", "--replay=nowhere")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--replay: there is no bundle nowhere*"])


def test_a_bundle_of_another_campaign_is_refused(stories: Path, mixed: Path, run_pytest: RunPytest) -> None:
    campaign = stories / "campaign.yaml"
    campaign.write_text(campaign.read_text().replace("name: tiny", "name: other"))
    result = run_pytest("stories", f"--replay={mixed}", "-m", "endpoints")
    result.assert_outcomes(errors=1, deselected=CLAUSES - 1)
    result.stdout.fnmatch_lines(["*recorded for the campaign tiny, these clauses are of other*"])


def test_a_clause_that_the_bundle_does_not_know_is_an_error(stories: Path, mixed: Path, run_pytest: RunPytest) -> None:
    shutil.copyfile(stories / "failing.yaml", stories / "again.yaml")
    result = run_pytest("stories/again.yaml", f"--replay={mixed}", "-m", "load")
    assert result.parseoutcomes()["errors"] == 1
    result.stdout.fnmatch_lines(["*without a verdict on this clause*"])


def test_a_typo_is_a_collection_error_with_its_place(stories: Path, run_pytest: RunPytest) -> None:
    story = stories / "failing.yaml"
    story.write_text(story.read_text().replace("until:", "untill:", 1))
    result = run_pytest("stories")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*failing.yaml:*untill*"])
    assert "Traceback" not in result.stdout.str()


def test_yaml_of_others_is_passed_over(pytester: pytest.Pytester, run_pytest: RunPytest) -> None:
    (pytester.path / "other.yaml").write_text("kind: Deployment\nharness: scenario/1\n")
    (pytester.path / "contract.yml").write_text("harness: contract/1\n")
    (pytester.path / "binary.yaml").write_bytes(b"\xff\xfe")
    assert run_pytest().ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_without_a_file_of_ours_nothing_is_loaded_or_told(pytester: pytest.Pytester, run_apart: RunPytest) -> None:
    (pytester.path / "other.yaml").write_text("kind: Deployment\n")
    pytester.makepyfile(
        """
        import sys

        def test_nothing_is_loaded():
            ours = {name for name in sys.modules if name.startswith("harness")}
            assert ours == {"harness", "harness.core", "harness.core.kinds", "harness.pytest_plugin"}
            assert not {"pydantic", "yaml", "orjson", "urllib3", "requests", "locust"} & set(sys.modules)
        """
    )
    for options in ([], ["-n", "2"]):
        result = run_apart(*options)
        if not options:
            result.assert_outcomes(passed=1)
        assert "harness:" not in result.stdout.str()
    listed = run_apart("--markers").stdout.str()
    assert "alerts" not in listed
