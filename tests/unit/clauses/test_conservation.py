"""Counters against the ledger: by labels, in work units, with requests that their client left."""

from typing import Any

import pytest

from harness.clauses.conservation import by_label, mismatches
from harness.clauses.counting import demand, describe, requests_meant
from harness.evidence.records import CellStarted, Request
from harness.evidence.store import Evidence

T = 1_800_000_000.0


def request(seq: int, kind: str = "work", status: int = 200, **fields: Any) -> Request:
    values: dict[str, Any] = {"expected": status == 200, "labels": {}, "work_units": 0.0, **fields}
    return Request("story", "all", kind, seq, f"r{seq}", "s-0", T, T, T, None, T + 1, status, **values)


def ledger(*requests: Request) -> Evidence:
    return Evidence([CellStarted("story", T, 1.0, 1.0, 1.0, ("s-0",)), *requests], planned=("story",))


LEFT = request(3, "stream", 200, expected=True, aborted=True)
UNANSWERED = request(4, "stream", 0, expected=True, aborted=True)


@pytest.mark.parametrize(
    ("text", "kind", "outcome", "measure", "words"),
    [
        ("one per request", None, "any", "requests", "requests"),
        ("one per failed work", "work", "failed", "requests", "failed works"),
        ("one per successful request", None, "successful", "requests", "successful requests"),
        ("one per aborted stream", "stream", "aborted", "requests", "aborted streams"),
        ("one per failed", "failed", "any", "requests", "faileds"),
        ("work units of work", "work", "any", "work units", "works"),
        ("work units of successful work", "work", "successful", "work units", "successful works"),
    ],
)
def test_the_language(text: str, kind: str, outcome: str, measure: str, words: str) -> None:
    wanted = demand(text)
    assert (wanted.kind, wanted.outcome, wanted.measure, describe(wanted)) == (kind, outcome, measure, words)


def test_a_request_that_its_client_left_neither_failed_nor_succeeded() -> None:
    evidence = ledger(request(1), request(2, status=500), LEFT)
    for outcome, seqs in {"successful": [1], "failed": [2], "aborted": [3]}.items():
        found = requests_meant(evidence, "story", demand(f"one per {outcome} request"))
        assert [item.seq for item in found] == seqs


@pytest.mark.parametrize(
    ("grown", "problems"),
    [
        ({("200",): 1, ("499",): 2}, []),
        ({("200",): 2, ("499",): 1}, []),
        ({("200",): 3}, ["200: grew by 3, the ledger says 1 to 2", "499: grew by 0, the ledger says 1 to 2"]),
        ({("200",): 1, ("499",): 1}, ["in all: grew by 2, the ledger says 3"]),
        ({("200",): 1, ("499",): 3}, ["499: grew by 3, the ledger says 1 to 2"]),
        ({("200",): 1, ("499",): 1, ("500",): 1}, ["500: grew by 1, the ledger says 0"]),
    ],
)
def test_an_aborted_request_counts_under_the_promised_status_or_the_one_sent(
    grown: dict[tuple[str, ...], float], problems: list[str]
) -> None:
    found = by_label(ledger(request(1), LEFT, UNANSWERED), "story", demand("one per request"), ["status"], [499])
    assert mismatches(found, grown) == problems


def test_without_a_promise_only_the_status_that_was_sent_counts() -> None:
    found = by_label(ledger(LEFT, UNANSWERED), "story", demand("one per request"), ["status"], [])
    assert (found.sure, found.either) == ({("200",): 1.0, ("0",): 1.0}, [])


def test_work_units_by_labels_of_the_ledger() -> None:
    requests = [request(n, work_units=float(n), labels={"model": f"m{n % 2}"}) for n in range(1, 5)]
    found = by_label(ledger(*requests), "story", demand("work units of work"), ["model", "kind"], [])
    assert found.sure == {("m1", "work"): 4.0, ("m0", "work"): 6.0}
    assert mismatches(found, {("m1", "work"): 4.0, ("m0", "work"): 7.0}) == ["m0, work: grew by 7, the ledger says 6"]


def test_in_one_sum() -> None:
    found = by_label(ledger(request(1), LEFT), "story", demand("one per request"), [], [499])
    assert mismatches(found, {(): 2.0}) == []
    assert mismatches(found, {(): 1.0}) == ["in all: grew by 1, the ledger says 2"]
