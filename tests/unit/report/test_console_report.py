"""What people read: plain lines in a log, one live line on a terminal, and the account at the end."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from harness.core.events import (
    CampaignEnded,
    CampaignFailed,
    CampaignStarted,
    CellEnded,
    CellHeld,
    ClauseJudged,
    ComponentEnded,
    Event,
    HopSeen,
    Note,
    PhaseStarted,
    PlannedClause,
)
from harness.report import make_reporter

MakeCampaign = Callable[[dict[str, tuple[str, str]]], list[Event]]

WHOLE = """\
shop: 4 clauses, 1 story, native, speed 60
    1.0 s  campaign: elasticsearch 8.8.0 ready after 0.98 s
    1.5 s  outage: shop-0 ready after 0.40 s
    1.6 s  stack ready; playing outage
    2.0 s  outage: phase broken begins (failures 100%)
    4.0 s  outage: phase broken ends at 2m00.0s production: its condition is decided

ready
  campaign  elasticsearch  8.8.0  0.98 s  http://127.0.0.1:9200
  outage    shop-0                0.40 s  http://127.0.0.1:8000

outage: 3m00.0s production
  production  hop           about           latency  since           detail
        6.0s  fault         failures                                 100%
       36.0s  metric        Down             +30.0s  fault failures  0.2 > 0.1
     1m06.0s  firing        Down             +30.0s  metric
     1m12.0s  alertmanager  Down              +6.0s  firing
     1m18.0s  receiver      Down      +0.100 s wall  alertmanager    on-call by mail

held  outage::alerts  1 clause

violated outage::alerts::Down::pages
  promised: Down pages on-call
  at outage.yaml:7:3
  nobody was told
    first missing hop: receiver
    route: alertmanager.yml:3
  reproduce: harness gate --clause outage::alerts::Down::pages

inconclusive outage::logs::error::arrives
  promised: every line arrives
  at contract.yaml:9:5
  no line was written

waived campaign::metrics::up::exists
  promised: up is exposed
  at contract.yaml:4:5
  up is missing
    waived until 2027-01-01 by me: known

1 held, 1 violated, 1 inconclusive, 1 waived; 6.00 s; exit code 1: a promise was broken
bundles/shop
"""


class Terminal(io.StringIO):
    """Standard output that a person watches."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def told(events: list[Event], path: Path, *, verbose: bool = False) -> str:
    reporter = make_reporter("console", path, verbose=verbose)
    for event in events:
        reporter.handle(event)
    reporter.close()
    return path.read_text(encoding="utf-8")


def test_a_whole_campaign(events: list[Event], report_path: Path) -> None:
    assert told(events, report_path) == WHOLE


def test_lines_appear_while_it_runs(events: list[Event], report_path: Path) -> None:
    reporter = make_reporter("console", report_path)
    reporter.handle(events[0])
    reporter.handle(events[1])
    assert report_path.read_text(encoding="utf-8").splitlines() == WHOLE.splitlines()[:2]
    reporter.close()


def test_closing_twice_tells_the_end_once(events: list[Event], report_path: Path) -> None:
    reporter = make_reporter("console", report_path)
    for event in events:
        reporter.handle(event)
    reporter.close()
    reporter.close()
    assert report_path.read_text(encoding="utf-8") == WHOLE


def test_verbose_lists_each_held_clause(events: list[Event], report_path: Path) -> None:
    assert "\nheld outage::alerts::Down::fires: 60s after the fault\n" in told(events, report_path, verbose=True)


def test_many_undecided_clauses_of_one_reason_are_told_under_it(make_campaign: MakeCampaign, report_path: Path) -> None:
    lost = {f"a::logs::s{n}::arrives": ("inconclusive", "elasticsearch ended") for n in range(188)}
    alone = {"a::logs::t::arrives": ("inconclusive", "no line was written")}
    lines = told(make_campaign({**lost, **alone}), report_path).splitlines()
    begin = lines.index("inconclusive 188 clauses: elasticsearch ended")
    assert lines[begin + 1 : begin + 12] == [*(f"  a::logs::s{n}::arrives" for n in range(10)), "  and 178 more"]
    assert "inconclusive a::logs::t::arrives" in lines
    assert len(lines) < 30


def test_broken_promises_are_never_hidden_under_a_shared_reason(make_campaign: MakeCampaign, report_path: Path) -> None:
    broken = {f"a::metrics::m{n}::exists": ("violated", "it is missing") for n in range(20)}
    lines = told(make_campaign(broken), report_path).splitlines()
    assert [line for line in lines if line.startswith("violated")] == [f"violated {name}" for name in broken]


def test_what_is_not_held_stands_together_by_scope_and_plane(make_campaign: MakeCampaign, report_path: Path) -> None:
    names = ("a::logs::x::p", "b::logs::x::p", "a::logs::y::p", "a::alerts::x::p")
    lines = told(make_campaign(dict.fromkeys(names, ("violated", "broken"))), report_path).splitlines()
    found = [line.removeprefix("violated ") for line in lines if line.startswith("violated")]
    assert found == ["a::logs::x::p", "a::logs::y::p", "b::logs::x::p", "a::alerts::x::p"]


def test_a_death_is_told_at_once_with_its_last_lines(events: list[Event], report_path: Path) -> None:
    death = ComponentEnded(1003.0, "outage", "prometheus", False, 2, ("level=error", "bye"))
    killed = ComponentEnded(1003.0, "outage", "alertmanager", False, None)
    asked = ComponentEnded(1003.0, "outage", "filebeat", True, 0)
    lines = told([*events[:3], death, killed, asked, *events[3:]], report_path).splitlines()
    begin = lines.index("    3.0 s  outage: prometheus ended with exit code 2, though nobody asked it to")
    assert lines[begin + 1 : begin + 3] == ["             | level=error", "             | bye"]
    assert "    3.0 s  outage: alertmanager ended by a signal, though nobody asked it to" in lines
    assert not any("filebeat ended" in line for line in lines)


def test_a_held_cell_shows_where_to_look(events: list[Event], report_path: Path) -> None:
    held = CellHeld(1003.0, "outage", {"prometheus": "http://127.0.0.1:9090"}, ("rate(x[5m]) > 1",))
    text = told([events[0], held], report_path)
    assert "    3.0 s  outage: held for you until Ctrl-C\n" in text
    assert "             prometheus: http://127.0.0.1:9090\n" in text
    assert "             query: rate(x[5m]) > 1\n" in text


def test_a_failed_campaign_ends_with_its_error_and_the_bundle(events: list[Event], report_path: Path) -> None:
    failed = CampaignFailed(1001.0, "rules.yml:3:1: not valid YAML\n  remedy: close the quote")
    lines = told([events[0], failed], report_path).splitlines()
    assert lines[1:] == [
        "",
        "error rules.yml:3:1: not valid YAML",
        "  remedy: close the quote",
        "exit code 2: configuration or harness error, no verdicts",
        "bundles/shop",
    ]


def test_an_error_before_the_start_has_no_bundle_to_name(report_path: Path) -> None:
    lines = told([CampaignFailed(1000.0, "")], report_path).splitlines()
    assert lines == ["", "error no reason was given", "exit code 2: configuration or harness error, no verdicts"]


def test_a_campaign_that_vanished_is_unfinished(events: list[Event], report_path: Path) -> None:
    cut = [event for event in events if not isinstance(event, CampaignEnded | CellEnded)][:-2]
    lines = told(cut, report_path).splitlines()
    assert "outage: not finished" in lines
    begin = lines.index("not judged 2 clauses")
    assert lines[begin + 1 : begin + 3] == ["  outage::logs::error::arrives", "  campaign::metrics::up::exists"]
    assert lines[-2:] == [
        "unfinished: the campaign ended without saying so; 1 held, 1 violated",
        "bundles/shop",
    ]


def test_an_unfit_or_cut_short_story_says_why(events: list[Event], report_path: Path) -> None:
    unfit = CellEnded(1005.0, "outage", 3700.0, False, "Prometheus missed rule evaluations")
    short = CellEnded(1005.0, "other", 9.96, True, "cancelled")
    text = told([*events, unfit, short], report_path)
    assert "\noutage: 1h01m40.0s production, unfit: Prometheus missed rule evaluations\n" in text
    assert "\nother: 10.0s production, cancelled\n" in text


def test_a_repeated_verdict_replaces_the_first_and_says_so(events: list[Event], report_path: Path) -> None:
    again = ClauseJudged(1006.0, "outage::alerts::Down::pages", "invalid", "unfit", attempt=2)
    lines = told([*events[:-1], again, events[-1]], report_path).splitlines()
    assert "invalid outage::alerts::Down::pages (attempt 2)" in lines
    assert "violated outage::alerts::Down::pages" not in lines


def test_a_story_that_was_played_again_is_told_once(events: list[Event], report_path: Path) -> None:
    again = Note(1001.0, "outage was unfit and is played again", "warning")
    told_twice = told([*events[:11], again, *events[1:]], report_path)
    assert "\noutage (attempt 2): 3m00.0s production\n" in told_twice
    first = WHOLE.index("\nready\n")
    assert told_twice[told_twice.index("\nready\n") :].replace(" (attempt 2)", "") == WHOLE[first:]


def test_a_replay_says_that_it_is_one(report_path: Path) -> None:
    start = CampaignStarted(1000.0, "shop", "b", 60.0, "native", (), (), replayed=True)
    end = CampaignEnded(1006.0, 6.0, {}, 4, "b", cancelled=True)
    lines = told([start, end], report_path).splitlines()
    assert lines[0] == "shop: 0 clauses, 0 stories, judged again from its bundle"
    assert lines[-2:] == ["cancelled; no verdict; 6.00 s; exit code 4: not everything could be proved", "b"]


def test_reasons_that_nothing_can_be_done_about_are_told_once(report_path: Path) -> None:
    ids = ("a::load::x::y", "b::load::x::y")
    start = CampaignStarted(1.0, "shop", "b", 1.0, "attach", (), tuple(PlannedClause(i, "it is", "f:1") for i in ids))
    judged = [ClauseJudged(2.0, i, "not applicable", "no load is sent") for i in ids]
    lines = told([start, *judged], report_path).splitlines()
    assert "not applicable 2 clauses: no load is sent" in lines


def test_the_choice_of_the_backend_is_told_with_its_reason(report_path: Path) -> None:
    start = CampaignStarted(1000.0, "shop", "b", 60.0, "native", (), (), because="asked for")
    assert told([start], report_path).splitlines()[0] == "shop: 0 clauses, 0 stories, native (asked for), speed 60"


@pytest.mark.parametrize("late", ["pending", "alertmanager"])
def test_a_hop_counts_from_its_nearest_cause_in_its_own_episode(
    events: list[Event], report_path: Path, late: str
) -> None:
    """A second fault begins a new episode: what the first one caused is no cause in it."""
    second = [
        HopSeen(1010.0, "outage", "fault", "failures", 480.0),
        HopSeen(1012.0, "outage", late, "Down", 600.0, 120.0, "fault failures"),
    ]
    line = next(row for row in told([*events, *second], report_path).splitlines() if "10m00.0s" in row)
    assert line.split() == ["10m00.0s", late, "Down", "+2m00.0s", "fault", "failures"]


# --- on a terminal


def on_screen(events: list[Event], screen: Terminal) -> str:
    with redirect_stdout(screen):
        reporter = make_reporter("console")
        for event in events:
            reporter.handle(event)
        before = screen.getvalue()
        reporter.close()
    return before


def test_a_terminal_shows_one_line_that_is_drawn_again(events: list[Event], terminal: Terminal) -> None:
    other = [PhaseStarted(1002.0, "second", "calm", 0.0)]
    begun = on_screen([*events[:4], *other, *events[4:10]], terminal)
    first, *drawn = begun.split("\r\x1b[K")
    assert first == "shop: 4 clauses, 1 story, native, speed 60\n"
    assert drawn[-1] == "    3.3 s  outage: broken · receiver Down  second: calm"
    assert all("\n" not in line and len(line) < 60 for line in drawn)


def test_the_live_line_is_gone_before_the_account(events: list[Event], terminal: Terminal) -> None:
    before = on_screen(events, terminal)
    after = terminal.getvalue().removeprefix(before)
    assert after.startswith("\r\x1b[K\nready\n")
    assert after.endswith("\nbundles/shop\n")


def test_warnings_and_deaths_stay_on_the_screen(events: list[Event], terminal: Terminal) -> None:
    warning = Note(1001.7, "clock is odd", "warning")
    before = on_screen([*events[:4], warning, events[4]], terminal)
    assert "\r\x1b[K    1.7 s  \x1b[33mwarning: clock is odd\x1b[0m\n" in before


def test_colours_on_a_terminal_but_not_where_they_are_unwanted(
    events: list[Event], terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_screen(events, terminal)
    assert "\n\x1b[31mviolated\x1b[0m outage::alerts::Down::pages" in terminal.getvalue()
    assert "\x1b[32mheld\x1b[0m  outage::alerts" in terminal.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    on_screen(events, plain)
    assert "\x1b[3" not in plain.getvalue()
    assert "\r\x1b[K" in plain.getvalue()


def test_a_dumb_terminal_gets_plain_lines(
    events: list[Event], terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    on_screen(events, terminal)
    assert terminal.getvalue() == WHOLE


def test_a_log_gets_no_escapes(events: list[Event], capsys: pytest.CaptureFixture[str]) -> None:
    reporter = make_reporter("console")
    for event in events:
        reporter.handle(event)
    reporter.close()
    assert capsys.readouterr().out == WHOLE


def test_a_screen_of_another_encoding_shows_escapes(events: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    reporter = make_reporter("console")
    reporter.handle(Note(1.0, "healthy → failing"))
    assert raw.getvalue() == b"    0.0 s  healthy \\u2192 failing\n"


def test_a_reader_that_went_away_is_no_error(events: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())
    reporter: Any = make_reporter("console")
    reporter.handle(events[0])
    reporter.close()
