"""The grammar of thresholds: what each line means, and the column and remedy of everything that is not understood."""

from pathlib import Path

import pytest

from harness.contract.thresholds import Threshold, parse_threshold
from harness.core.errors import ConfigError, Location


def place(offset: int) -> Location:
    return Location("story.yaml", 1, offset + 1)


def parse(text: str) -> Threshold:
    return parse_threshold(text, place)


@pytest.mark.parametrize(
    ("text", "subject", "about", "operator", "limit"),
    [
        ("response p95 of generate < 12s during baseline", "time", "response", "<", 12.0),
        ("first token p99 of stream<=800ms wall", "time", "first token", "<=", 0.8),
        ("inter-token max > 5ms", "time", "inter-token", ">", 0.005),
        ("lateness p99 < 20ms wall", "time", "lateness", "<", 0.02),
        ("failed < 1% during recovery", "share", "failed", "<", 0.01),
        ("goodput > 95% of requests", "share", "goodput", ">", 0.95),
        ("goodput >= 30/m", "rate", "goodput", ">=", 0.5),
        ("work of generate > 10/s", "rate", "work", ">", 10.0),
        ("log error count < 5 during baseline", "log", "error", "<", 5.0),
        ("promql up < 5%", "promql", "up", "<", 0.05),
        ("promql up < 3", "promql", "up", "<", 3.0),
        ("promql up < 2m", "promql", "up", "<", 120.0),
    ],
)
def test_each_line_says_what_it_says(text: str, subject: str, about: str, operator: str, limit: float) -> None:
    found = parse(text)
    assert (found.subject, found.about, found.operator, found.limit) == (subject, about, operator, limit)


def test_percentiles_kinds_and_units() -> None:
    found = parse("  response   p99.9 of generate < 12s wall during  some  fail , abort_on_fail after 2m")
    assert (round(found.share, 6), found.kind, found.wall) == (0.999, "generate", True)
    assert (found.during, found.abort_after_s) == ("some fail", 120.0)
    assert parse("response max < 1s").share == 1.0
    assert parse("failed < 1%, abort_on_fail").abort_after_s == 0.0
    assert parse("failed < 1%").abort_after_s is None


def test_an_expression_may_hold_everything_that_the_line_itself_uses() -> None:
    text = 'promql sum(rate(x{a="b, during c < d"}[5m]) > 0) by (a, b) / count(y < 3) < 0.1/s during x, abort_on_fail'
    found = parse(text)
    assert found.about == 'sum(rate(x{a="b, during c < d"}[5m]) > 0) by (a, b) / count(y < 3)'
    assert (found.limit, found.during, found.abort_after_s) == (0.1, "x", 0.0)
    assert text[found.places["expression"].column - 1 :].startswith("sum(rate")


def test_lines_are_narrowed_by_fields() -> None:
    assert parse("log a with level=error code=500 count < 5").where == {"level": "error", "code": "500"}


@pytest.mark.parametrize("state", ["quiet", "pending", "firing"])
def test_states_of_alerts(state: str) -> None:
    found = parse(f"alert A is {state} during b")
    assert (found.subject, found.about, found.state, found.during) == ("alert", "A", state, "b")


def test_the_name_stays_when_the_number_is_tuned() -> None:
    names = {parse(f"response p95 of a < {limit} during some fail").name for limit in ("1s", "2s", "3s wall")}
    assert names == {"response_p95_of_a_below_during_some_fail"}
    assert parse("throughput > 1/s").name != parse("throughput < 5/s").name
    assert parse("alert A is quiet during b").name == "alert_A_is_quiet_during_b"
    assert parse("not saturated during b").name == "not_saturated_during_b"


@pytest.mark.parametrize(
    ("operator", "below", "at", "above"),
    [("<", True, False, False), ("<=", True, True, False), (">", False, False, True), (">=", False, True, True)],
)
def test_comparisons(operator: str, below: bool, at: bool, above: bool) -> None:
    found = parse(f"log a count {operator} 5")
    assert (found.admits(4), found.admits(5), found.admits(6)) == (below, at, above)


@pytest.mark.parametrize(
    ("text", "column", "problem", "remedy"),
    [
        ("", 1, "the threshold is empty", "response p95 < 2s"),
        ("respons p95 < 2s", 1, "'respons' is nothing that a threshold can be on", "did you mean 'response'?"),
        ("first tokn p95 < 2s", 1, "'first' is nothing", "did you mean 'first token'?"),
        ("xyzzy < 2s", 1, "'xyzzy' is nothing", "known: response, service"),
        ("response 95 < 2s", 10, "'95' is not a percentile", "response p95 < 2s"),
        ("response p0 < 2s", 10, "'p0' is not a percentile", ""),
        ("response p100 < 2s", 10, "'p100' is not a percentile", ""),
        ("response < 2s", 10, "'<' is not a percentile", ""),
        ("response", 9, "p50, p90, p95, p99 or max is missing", "add it"),
        ("response p95 of < 2s", 17, "a kind of request is missing", "add it"),
        ("response p95 2s", 14, "a comparison is missing", "write <"),
        ("response p95 <", 15, "the limit is missing", "with its unit"),
        ("response p95 < 2", 16, "'2' is not a duration", "800ms, 12s or 2m"),
        ("response p95 < 2s wal", 19, "'wal' is not understood here", "did you mean 'wall'?"),
        ("response p95 < 2s of requests", 19, "'of' is not understood here", ""),
        ("lateness p99 < 20ms", 16, "lateness is real time", "write 20ms wall"),
        ("failed < 2", 10, "failed is not measured in '2'", "in percent"),
        ("failed < 101%", 10, "101% is more than all", "100%"),
        ("failed < x%", 10, "'x%' is not a number", "5%"),
        ("throughput < 5%", 14, "throughput is not measured in '5%'", "per second"),
        ("throughput > 5/d", 14, "'5/d' is not a rate", "0.5/s"),
        ("log error < 5", 11, "'<' is not understood here", "write count or with"),
        ("log error cont < 5", 11, "'cont' is not understood", "did you mean 'count'?"),
        ("log error with level count < 5", 16, "'level' is not FIELD=VALUE", "level=error"),
        ("log error count < many", 19, "'many' is not a number", ""),
        ("log", 4, "a stream is missing", ""),
        ("alert A quiet", 9, "'quiet' is not understood here", "write is"),
        ("alert A is silent", 12, "'silent' is not understood here", "quiet or pending or firing"),
        ("alert A is quiet now", 18, "'now' is not understood here", ""),
        ("promql up", 10, "the expression is compared with nothing", "promql sum("),
        ("not satured", 5, "'satured' is not understood here", "did you mean 'saturated'?"),
        ("not saturated of work", 15, "'of' is not understood here", ""),
        ("not saturated, abort_on_fail", 15, "this is known when its phase is over", "remove abort_on_fail"),
        ("promql sum(up < 5", 15, "a bracket or quote is left open", "promql sum("),
        ("promql < 5", 8, "the expression is missing", "before the comparison"),
        ("promql up < abc", 13, "'abc' is not a duration", ""),
        ("failed < 1%, abort_on_fial", 14, "'abort_on_fial' is not understood", "did you mean 'abort_on_fail'?"),
        ("failed < 1%,", 13, "abort_on_fail is missing", ""),
        ("failed < 1%, abort_on_fail in 2m", 28, "'in' is not understood", "write after"),
        ("failed < 1%, abort_on_fail after", 33, "'' is not a duration", ""),
        ("failed < 1%, abort_on_fail after 2m please", 37, "'please' is not understood", ""),
        ("throughput > 1/s, abort_on_fail", 18, "this is known when its phase is over", "remove abort_on_fail"),
    ],
)
def test_what_is_not_understood_has_its_column_and_a_remedy(text: str, column: int, problem: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert problem in caught.value.problem
    assert caught.value.location == Location("story.yaml", 1, column)
    assert remedy in caught.value.remedy


def test_every_example_of_the_reference_is_understood() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/thresholds.md").read_text(encoding="utf-8")
    block = page.split("```yaml\nthresholds:\n")[1].split("```")[0]
    lines = [line.strip().removeprefix("- ") for line in block.strip().splitlines()]
    assert len([parse(line) for line in lines]) == 8
