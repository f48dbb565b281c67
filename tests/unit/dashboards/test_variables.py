"""Variables are filled in as Grafana does it; what only a running Grafana knows may be any value, or is unknown."""

from __future__ import annotations

import pytest

from harness.artefacts.dashboard import Dashboard, Variable
from harness.artefacts.dashboard_variables import Filled, Filler
from harness.core.errors import Location


def place(offset: int) -> Location:
    return Location("board.json", 1, offset + 1)


def variable(name: str, kind: str = "query", **more: object) -> Variable:
    known = {"query": "", "values": (), "options": (), "all_value": "", "is_multiple": False, "asks": ""}
    return Variable(name=name, kind=kind, place=place, **{**known, **more})  # type: ignore[arg-type]


VARIABLES = (
    variable("host", values=("web-1",)),
    variable("zone", values=("$__all",), is_multiple=True),
    variable("pod", values=("$__all",), is_multiple=True, all_value=".*"),
    variable("some", values=("a", "b"), is_multiple=True),
    variable("status", "custom", query="200,5.0", values=("200", "5.0"), is_multiple=True),
    variable("every", "custom", options=("$__all", "x", "y"), values=("$__all",), is_multiple=True),
    variable("one", "custom", query="first : 1, second : 2"),
    variable("auto", "interval", query="5m,1h", values=("$__auto_interval_auto",)),
    variable("window", "interval", query="5m,1h"),
    variable("fixed", "constant", query="shop"),
    variable("typed", "textbox"),
)


def fill(text: str, interval: str = "") -> Filled:
    board = Dashboard("board.json", "Board", 3 * 3600.0, VARIABLES, ())
    return Filler(board, 15.0).text(text, place, interval)


CASES = {
    # Grafana's own, for three hours and a scrape every 15 s
    "rate(x[$__rate_interval])": "rate(x[1m])",
    "rate(x[${__rate_interval}])": "rate(x[1m])",
    "rate(x[$__interval])": "rate(x[15s])",
    "increase(x[$__range]) / $__range_s": "increase(x[3h]) / 10800",
    "x * $__interval_ms": "x * 15000",
    # values that the board stores
    "rate(x[$window])": "rate(x[5m])",
    "rate(x[$auto])": "rate(x[15s])",
    "${fixed}_total": "shop_total",
    "[[fixed]]_total": "shop_total",
    "topk($one, x)": "topk(1, x)",
    'x{s=~"$status"}': 'x{s=~"(200|5\\\\.0)"}',
    'x{s=~"${status:pipe}"}': 'x{s=~"200|5.0"}',
    'x{s=~"${status:regex}"}': 'x{s=~"(200|5\\\\.0)"}',
    'x{s=~"$every"}': 'x{s=~"(x|y)"}',
    'x{s="$fixed"}': 'x{s="shop"}',
    # values that a running Grafana knows: any will do
    'x{h="$host"}': 'x{h=~".+"}',
    'x{h="$host:9090"}': 'x{h=~".+:9090"}',
    'x{h="a.b/$host"}': 'x{h=~"a\\\\.b/.+"}',
    'x{h=~"$host|other"}': 'x{h=~".+|other"}',
    'x{z=~"$zone"}': 'x{z=~".+"}',
    'x{z=~"$pod"}': 'x{z=~".*"}',
    'x{z=~"${zone:regex}"}': 'x{z=~".+"}',
    'x{h="$fixed-$host"}': 'x{h=~"shop-.+"}',
    'x{z!="$host"}': 'x{z!="a value that no series has"}',
    'x{z!~"$zone"}': 'x{z!~"a value that no series has"}',
    # several values where only one can match: nothing does
    'x{z="$zone"}': 'x{z="(.+|.+)"}',
    'x{z="$some"}': 'x{z="(.+|.+)"}',
    # no variables
    'label_replace(x, "a", "$1", "b", "(.*)")': 'label_replace(x, "a", "$1", "b", "(.*)")',
    'label_replace(x, "a", "$group", "b", "(?P<group>.*)")': 'label_replace(x, "a", "$group", "b", "(?P<group>.*)")',
    'x{a=~"b$"}': 'x{a=~"b$"}',
    'label_replace(x, "a", "$fixed", "b", "")': 'label_replace(x, "a", "shop", "b", "")',
}


@pytest.mark.parametrize("text", CASES)
def test_what_is_asked(text: str) -> None:
    filled = fill(text)
    assert (filled.text, filled.problem, filled.unknown) == (CASES[text], "", "")


def test_the_smallest_step_of_a_query_counts_for_its_intervals() -> None:
    assert fill("rate(x[$__rate_interval])", "1m").text == "rate(x[4m])"
    assert fill("rate(x[$__rate_interval])", ">1m").text == "rate(x[4m])"
    assert fill("rate(x[$__rate_interval])", "$window").text == "rate(x[1m])"


@pytest.mark.parametrize("text", ["sum by ($host) (x)", "$zone", 'label_join(x, "$host", "")', "rate(x[$typed])"])
def test_a_shape_that_depends_on_a_running_grafana_is_unknown(text: str) -> None:
    assert fill(text).unknown


@pytest.mark.parametrize(
    ("text", "column"), [("rate(x[$nothing])", 8), ('x{a="$nothing"}', 4), ('x{a=~"$host$no"}', 4)]
)
def test_a_variable_that_nobody_defines_is_a_problem(text: str, column: int) -> None:
    filled = fill(text)
    assert filled.problem.startswith("the board defines no variable $no")
    assert filled.place(filled.problem_at).column == column


def test_places_lead_back_to_what_is_written() -> None:
    text = "rate(x[$__rate_interval]) + oops("
    filled = fill(text)
    assert filled.place(filled.text.index("oops")).column == text.index("oops") + 1
