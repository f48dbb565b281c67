"""States that follow from checks, each check failing alone and in pairs, and all who tell of health agreeing."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.model import Clause
from harness.contract import load_campaign
from harness.core.errors import ConfigError
from harness.evidence.records import CellFinished, CellStarted, FaultAction, HttpAnswer, LogLine, Reading, Series
from harness.evidence.store import Evidence

T = 1_800_000_000.0
ROOT = Path(__file__).parents[3]
HEALTH = """\
  ready: {port: app, path: /ready, answers: {200: {}}}

health:
  service:
    endpoint: health
    state_at: /status
    codes: {fine: 200, poor: 200, bad: 503}
    checks_at: /checks
    checks: [a, b, c]
    caused_by: {bad: [a], poor: [b, c]}
    gauge: tiny_health
  readiness:
    endpoint: ready
    state_at: /status
    codes: {fine: 200, poor: 200, bad: 503}

alerts:
"""
STORY = """\
harness: scenario/1
story: Checks fail.
phases:
  - {name: all, lasts: 1m}
expect:
  - health service: {proves: alone}
  - health service: {proves: pairs}
  - health readiness: {becomes: bad}
"""


def compiled(folder: Path, *changes: tuple[str, str]) -> dict[str, Clause]:
    shutil.copytree(ROOT / "fixtures" / "tiny", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("service"))
    (folder / "failing.yaml").unlink()
    contract = (folder / "contract.yaml").read_text()
    head, _, rest = contract.partition("\nhealth:\n")
    health = HEALTH
    for before, after in changes:
        health = health.replace(before, after)
    (folder / "contract.yaml").write_text(head + health + rest.partition("alerts:\n")[2])
    (folder / "story.yaml").write_text(STORY)
    clauses = compile_campaign(load_campaign([folder]))
    return {clause.id.partition("::")[2]: clause for clause in clauses}


@pytest.fixture
def table(tmp_path: Path) -> dict[str, Clause]:
    """Clauses by their plane, name and promise."""
    return compiled(tmp_path)


def answer(t: float, state: str, *failed: str, endpoint: str = "health", **fields: Any) -> HttpAnswer:
    checks = {name: {"healthy": name not in failed} for name in "abc"}
    body = {"status": state, "checks": checks}
    return HttpAnswer("story", T + t, "tiny-0", endpoint, 503 if state == "bad" else 200, 0.01, body=body, **fields)


def gauge(t: float, state: str) -> list[Series]:
    names = ("fine", "poor", "bad")
    point = {name: ((T + t, 1.0 if name == state else 0.0),) for name in names}
    return [Series("story", T + t, "tiny_health", {"status": name}, point[name]) for name in names]


def judge(clause: Clause, *records: Any, completed: bool = True) -> Any:
    frame = [CellStarted("story", T, 60.0, 0.2, 0.2, ("tiny-0",)), CellFinished("story", T + 60, completed)]
    return clause.judge(Evidence([*frame, *records], planned=("story",)))


@pytest.mark.parametrize(
    ("state", "failed", "problem"),
    [
        ("fine", "", ""),
        ("poor", "b", ""),
        ("poor", "bc", ""),
        ("bad", "a", ""),
        ("bad", "ac", ""),
        ("fine", "a", "story/tiny-0: fine with a failed, not bad"),
        ("poor", "ab", "poor with a, b failed, not bad"),
        ("bad", "c", "bad with c failed, not poor"),
        ("poor", "", "poor with no check failed, not fine"),
    ],
)
def test_the_state_follows_from_the_checks(table: dict[str, Clause], state: str, failed: str, problem: str) -> None:
    found = judge(table["health::service::follows_checks"], answer(1, state, *failed))
    assert found.verdict == ("violated" if problem else "held")
    assert problem in found.message


def test_answers_without_checks_show_nothing(table: dict[str, Clause]) -> None:
    clause = table["health::service::follows_checks"]
    text = HttpAnswer("story", T, "tiny-0", "health", 200, 0.01, body="ok")
    mute = HttpAnswer("story", T, "tiny-0", "health", 0, 0.01, error="refused")
    assert judge(clause, text, mute).verdict == "open"
    assert judge(clause, answer(1, "fine"), completed=False).verdict == "open"


def test_each_check_alone_and_each_two_together(table: dict[str, Clause]) -> None:
    alone, pairs = (table[f"health::service::proves_{what}"] for what in ("alone", "pairs"))
    singly = [answer(n, "x", check) for n, check in enumerate("abc")]
    assert judge(alone, *singly[:2]).message == "never seen failing: c"
    assert judge(alone, *singly).verdict == "held"
    assert judge(pairs, *singly).message == "never seen failing: a and b; a and c; b and c"
    both = [answer(n, "x", *two) for n, two in enumerate(("ab", "ac", "bc"))]
    assert judge(pairs, *singly, *both).verdict == "held"


@pytest.mark.parametrize(
    ("samples", "verdict"),
    [
        ([(1.5, "fine"), (3.5, "poor"), (5.5, "fine")], "held"),
        ([(2.9, "fine"), (3.1, "fine")], "held"),
        ([(3.5, "fine")], "violated"),
        ([(1.5, "poor")], "violated"),
        ([(-1.0, "bad"), (9.0, "bad")], "open"),
        ([], "open"),
    ],
)
def test_the_gauge_tells_what_the_endpoint_tells(
    table: dict[str, Clause], samples: list[tuple[float, str]], verdict: str
) -> None:
    answers = [answer(t, "poor", "b") if 3 <= t < 5 else answer(t, "fine") for t in (1, 2, 3, 4, 4.9, 5, 6)]
    seen = [series for t, state in samples for series in gauge(t, state)]
    others = [answer(1.5, "fine", endpoint="ready"), up(1.5)]
    clause = table["health::service::tells_one_story"]
    assert judge(clause, *answers, *seen, *(others if samples else ())).verdict == verdict
    assert judge(clause, completed=False).verdict == "open"


ANSWERS = [answer(1, "fine"), answer(2, "bad", "a"), answer(3, "bad", "a"), answer(4, "bad", "a")]


def test_two_endpoints_tell_the_same(table: dict[str, Clause]) -> None:
    clause = table["health::service::tells_one_story"]
    assert judge(clause, *ANSWERS, answer(1.5, "bad", endpoint="ready")).verdict == "held"
    found = judge(clause, *ANSWERS, answer(2.5, "fine", endpoint="ready"))
    assert found.message == "ready says fine, health said bad around then"
    assert judge(clause, *ANSWERS, answer(9, "fine", endpoint="ready")).verdict == "open"
    assert judge(clause, *ANSWERS).message == "anybody else was never heard beside health"
    assert "health::readiness::tells_one_story" not in table


def up(t: float, value: float = 1.0) -> Series:
    return Series("story", T + t, "up", {"job": "tiny", "instance": "tiny:8080"}, ((T + t, value),))


def late(t: float, target: str = "tiny tiny:8080") -> Reading:
    return Reading("story", T + t, target, "scrape_timed_out_s", 0.2)


def cut(t: float, action: str) -> FaultAction:
    return FaultAction("story", T + t, "all", "cut scrape", action, kind="cut")


SILENT = HttpAnswer("story", T + 2.2, "tiny-0", "health", 0, 0.01, error="refused")


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        ([up(2.5)], "held"),
        ([up(2.5, 0.0)], "violated"),
        ([up(3.5), late(2.5), up(2.5, 0.0)], "held"),  # it had a sixtieth of the time that production gives it
        ([up(3.5), late(2.5, "tiny tiny:9090"), up(2.5, 0.0)], "violated"),
        ([up(3.5), up(2.4, 0.0), SILENT], "held"),  # it was down, and back again
        ([up(3.5), up(1.5, 0.0), cut(1.2, "inject"), cut(1.8, "healed")], "held"),
    ],
)
def test_who_answers_is_up(table: dict[str, Clause], records: list[Any], verdict: str) -> None:
    found = judge(table["health::service::tells_one_story"], *ANSWERS, *records)
    assert found.verdict == verdict, found


TELLING = (
    ("    gauge: tiny_health\n", "    alive_at: live\n    told_in: {stream: requests, event: changed, state_at: to}\n"),
    ("  ready: {", "  live: {port: app, path: /live, answers: {200: {}}}\n  ready: {"),
)


def changed(t: float, to: str) -> LogLine:
    when = datetime.fromtimestamp(T + t, UTC).isoformat(timespec="milliseconds")
    return LogLine("story", T + t + 1, "requests", "tiny-0", "x.log", 1, {"msg": "changed", "time": when, "to": to})


@pytest.mark.parametrize(
    ("records", "verdict", "words"),
    [
        ([changed(1.9, "bad")], "held", "requests 1 times"),
        ([], "violated", "health went from fine to bad, and no line of requests tells"),
        ([changed(1.9, "poor")], "violated", "requests says poor, health said bad, fine around then"),
        ([changed(1.9, "bad"), changed(3.5, "fine")], "violated", "requests says fine, health said bad around then"),
    ],
)
def test_the_log_tells_of_every_change_and_of_no_other(
    tmp_path: Path, records: list[Any], verdict: str, words: str
) -> None:
    clause = compiled(tmp_path, *TELLING)["health::service::tells_one_story"]
    found = judge(clause, *ANSWERS, *records)
    assert (found.verdict, words in found.message) == (verdict, True), found


def restarted(t: float, action: str) -> FaultAction:
    return FaultAction("story", T + t, "all", "restarted", action, kind="signal")


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        ([restarted(3.3, "inject"), restarted(3.8, "healed")], "held"),  # what it says at its end
        ([restarted(3.3, "inject")], "held"),
        ([restarted(3.0, "inject"), restarted(3.3, "healed")], "violated"),
    ],
)
def test_an_instance_that_is_restarted_tells_of_its_end(
    tmp_path: Path, records: list[FaultAction], verdict: str
) -> None:
    clause = compiled(tmp_path, *TELLING)["health::service::tells_one_story"]
    assert judge(clause, *ANSWERS, changed(1.9, "bad"), changed(3.5, "fine"), *records).verdict == verdict


def test_each_instance_has_a_story_of_its_own(tmp_path: Path) -> None:
    clause = compiled(tmp_path, *TELLING)["health::service::tells_one_story"]
    other = [replace(each, instance="tiny-1", body=answer(0, "fine").body) for each in ANSWERS]
    assert judge(clause, *ANSWERS, *other, changed(1.9, "bad")).verdict == "held"
    stray = replace(changed(2.5, "bad"), instance="tiny-1")
    found = judge(clause, *ANSWERS, *other, changed(1.9, "bad"), stray)
    assert found.message == "requests says bad, health said fine around then"


@pytest.mark.parametrize(("status", "verdict"), [(200, "held"), (503, "violated"), (0, "held")])
def test_who_reports_a_state_is_alive(tmp_path: Path, status: int, verdict: str) -> None:
    clause = compiled(tmp_path, *TELLING)["health::service::tells_one_story"]
    alive = HttpAnswer("story", T + 2.5, "tiny-0", "live", status, 0.01)
    assert judge(clause, *ANSWERS, changed(1.9, "bad"), alive).verdict == verdict


@pytest.mark.parametrize(
    ("after", "problem"),
    [
        ("    alive_at: nowhere\n", "alive at 'nowhere', an endpoint that is not declared"),
        ("    told_in: {stream: nowhere, event: x, state_at: y}\n", "told in 'nowhere', a stream that is not declared"),
    ],
)
def test_witnesses_that_are_not_declared(tmp_path: Path, after: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        compiled(tmp_path, ("    gauge: tiny_health\n", after))


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("poor: [b, c]}", "poor: [b, d]}", "names the check 'd'"),
        ("poor: [b, c]}", "odd: [b, c]}", "names every state of codes but one"),
        (", poor: [b, c]}", "}", "names every state of codes but one"),
    ],
)
def test_causes_that_cannot_be(tmp_path: Path, before: str, after: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        compiled(tmp_path, (before, after))
