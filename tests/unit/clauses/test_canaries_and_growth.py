"""What was planted surfaces nowhere, and what nobody foresaw makes no series."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.model import Clause
from harness.contract import load_campaign
from harness.core.errors import ConfigError
from harness.evidence.records import (
    CAMPAIGN,
    AlertSnapshot,
    Canary,
    CellFinished,
    CellStarted,
    Document,
    Exposition,
    HttpAnswer,
    LogLine,
    Notification,
    PhaseMark,
    Request,
    RuleState,
)
from harness.evidence.store import Evidence

T = 1_800_000_000.0
SECRET = "cnry0123456789abcdef"
ROOT = Path(__file__).parents[3]
KINDS = """\
canaries: [key]
requests:
  private: {port: app, method: GET, path: /work, headers: {Authorization: "Bearer {{canary.key}}"}}
"""


def compiled(folder: Path, *changes: tuple[str, str]) -> dict[str, Clause]:
    shutil.copytree(ROOT / "fixtures" / "tiny", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("service"))
    profile = folder / "profile.yaml"
    text = profile.read_text()
    kinds = KINDS
    for before, after in changes:
        kinds = kinds.replace(before, after)
    profile.write_text(text.replace("requests:\n", kinds))
    story = folder / "failing.yaml"
    more = "expect:\n  - series: {during: failing}\n  - series: {during: recovery, grow_by: 2}\n"
    story.write_text(story.read_text().replace("expect:\n", more))
    clauses = compile_campaign(load_campaign([folder]))
    return {clause.id.partition("::")[2]: clause for clause in clauses}


@pytest.fixture
def table(tmp_path: Path) -> dict[str, Clause]:
    """Clauses by their plane, name and promise."""
    return compiled(tmp_path)


def request(kind: str, phase: str = "failing") -> Request:
    return Request("failing", phase, kind, 1, "r", "tiny-0", T, T, T, None, T, 200, expected=True)


def judge(clause: Clause, *records: Any, completed: bool = True) -> Any:
    frame = [
        CellStarted("failing", T, 1.0, 1.0, 1.0, ("tiny-0",)),
        PhaseMark("failing", T + 10, "failing", "start"),
        PhaseMark("failing", T + 20, "failing", "end"),
        CellFinished("failing", T + 60, completed),
    ]
    return clause.judge(Evidence([*frame, *records], planned=("failing",)))


def told(text: str) -> dict[str, Any]:
    """By place, a record that says ``text`` there."""
    alert = {"labels": {"alertname": "A"}, "annotations": {"summary": text}}
    notice = Notification("failing", T, "on-call", "webhook", "firing", "k", ({"labels": {"x": text}},), "t", "b")
    return {
        "labels": Exposition("failing", T, "tiny-0", f'up{{who="{text}"}} 1\n'),
        "lines": LogLine("failing", T, "requests", "tiny-0", "requests.log", 3, {"a": {"b": [text]}}),
        "documents": Document("failing", T, "i", "d1", "requests", {"msg": text}),
        "answers": HttpAnswer("failing", T, "tiny-0", "health", 200, 0.1, body={"checks": {"a": text}}),
        "alerts": RuleState("failing", T, "g", "A", "firing", "ok", "", T, (alert,)),
        "notifications": notice,
    }


CANARY = Canary(CAMPAIGN, T, "key", SECRET)


@pytest.mark.parametrize("place", told(""))
def test_each_place_is_searched(table: dict[str, Clause], place: str) -> None:
    clause = table[f"canary::{place}::holds_none"]
    leak = judge(clause, CANARY, request("private"), told(f"a {SECRET} b")[place])
    assert leak.verdict == "violated"
    assert "the canary key (cnry01…) surfaced in " in leak.message
    assert SECRET not in leak.message
    clean = judge(clause, CANARY, request("private"), told("[redacted]")[place])
    assert clean.verdict == "held"
    for other in set(told("")) - {place}:
        assert judge(clause, CANARY, request("private"), told(SECRET)[other]).verdict == "open"


def test_nothing_is_proved_unless_a_canary_was_sent(table: dict[str, Clause]) -> None:
    clause = table["canary::lines::holds_none"]
    assert judge(clause, CANARY, request("work"), told("x")["lines"]).message == "no request carried a canary"
    assert judge(clause, CANARY, request("private"), told("x")["lines"], completed=False).verdict == "open"


def test_text_that_is_no_json_and_labels_of_alerts_are_searched_too(table: dict[str, Clause]) -> None:
    rubbish = LogLine("failing", T, "requests", "tiny-0", "requests.log", 3, None, f"panic: {SECRET}")
    assert judge(table["canary::lines::holds_none"], CANARY, request("private"), rubbish).verdict == "violated"
    unnamed = LogLine("failing", T, "requests", "tiny-0", "requests.log", 3, {"a": "1"}, f"a=1 {SECRET}")
    assert judge(table["canary::lines::holds_none"], CANARY, request("private"), unnamed).verdict == "violated"
    alert = AlertSnapshot("failing", T, {"who": SECRET}, "f", "active", T)
    assert judge(table["canary::alerts::holds_none"], CANARY, request("private"), alert).verdict == "violated"


def test_a_canary_that_is_not_declared(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no canary 'kye'"):
        compiled(tmp_path, ("canary.key", "canary.kye"))


def text(t: float, *codes: str) -> Exposition:
    lines = "".join(f'tiny_requests_total{{code="{code}"}} 1\n' for code in codes)
    return Exposition(
        "failing", T + t, "tiny-0", f'# TYPE tiny_requests_total counter\n{lines}go_threads{{a="{t}"}} 1\n'
    )


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        ([request("work"), text(5), text(9.9, "200"), text(19.9, "200"), text(30, "200", "404")], "held"),
        ([request("work"), text(5), text(9.9, "200"), text(19.9, "200", "x7f"), text(30, "200", "x7f")], "violated"),
        ([text(9.9, "200"), text(19.9, "200")], "inconclusive"),
        ([request("work"), text(10.1, "200")], "open"),
        ([request("work", "recovery"), text(9.9), text(19.9)], "inconclusive"),
    ],
)
def test_series_that_are_born_in_a_phase(table: dict[str, Clause], records: list[Any], verdict: str) -> None:
    found = judge(table["metrics::series::grow_by_0_in_failing"], *records)
    assert found.verdict == verdict
    if verdict == "violated":
        assert found.message.endswith('such as tiny_requests_total{code="x7f"}')


def test_growth_is_judged_when_the_story_is_over(table: dict[str, Clause]) -> None:
    clause = table["metrics::series::grow_by_0_in_failing"]
    assert judge(clause, request("work"), text(10.1), text(20.1), completed=False).verdict == "open"
    assert judge(table["metrics::series::grow_by_2_in_recovery"]).verdict == "open"
