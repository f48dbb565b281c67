"""Alerts that concern each other: quiet ones, watchdogs, inhibition, order; and expectations of every other kind."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.clauses.bounds import phase_bound_s
from harness.clauses.compiled import compile_campaign
from harness.clauses.model import Clause
from harness.clauses.production import read_production
from harness.contract import load_campaign
from harness.core.errors import ConfigError
from harness.evidence.records import (
    AlertSnapshot,
    CellFinished,
    CellStarted,
    FaultAction,
    HttpAnswer,
    Notification,
    PhaseMark,
    RuleState,
    Series,
    Unmet,
    Watched,
)
from harness.evidence.store import Evidence

ZERO = 1_800_000_000.0
RULES = """\
groups:
  - name: tiny
    rules:
      - {alert: Warn, expr: "sum(rate(tiny_failures_total[40s])) > 0.1", for: 20s, labels: {severity: warning}}
      - {alert: Crit, expr: "sum(rate(tiny_failures_total[40s])) > 0.4", labels: {severity: critical}}
      - {alert: Watchdog, expr: vector(1)}
"""
ALERTS = """\
alerts:
  Warn: {means: Some fail., fires_in: loud, reaches: on-call, yields_to: Crit}
  Crit: {means: Most fail., fires_in: loud, reaches: on-call}
  Watchdog: {means: The monitoring lives., reaches: on-call, always: true}
"""
LOUD = """\
harness: scenario/1
story: It fails.
phases:
  - {name: calm, lasts: 10s}
  - {name: some, until: Warn firing, fault: {failures: 40%}}
  - {name: most, until: Crit paged, fault: {failures: 100%}}
  - {name: recovery, until: all resolved, at_most: 5m}
expect:
  - alert Warn: {before: Crit}
  - alert Crit: {inhibits: Warn}
  - metric other_load: {rises_in: some, above: 2, below: 9, during: some}
  - health service: {is: healthy, during: calm}
  - load: {fails: 40%, during: some}
"""
CALM = "harness: scenario/1\nstory: Nothing.\nquiet: all\nphases:\n  - {name: idle, lasts: 20m}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A campaign with a loud and a calm story, three alerts and a watchdog."""
    shutil.copytree("fixtures/tiny", tmp_path, dirs_exist_ok=True)
    contract = tmp_path / "contract.yaml"
    contract.write_text(contract.read_text().split("alerts:\n")[0] + ALERTS)
    (tmp_path / "production/rules.yml").write_text(RULES)
    (tmp_path / "failing.yaml").unlink()
    (tmp_path / "loud.yaml").write_text(LOUD)
    (tmp_path / "calm.yaml").write_text(CALM)
    return tmp_path


@pytest.fixture
def table(folder: Path) -> dict[str, Clause]:
    """The clauses by id."""
    return {clause.id: clause for clause in compile_campaign(load_campaign([folder]))}


def at(p: float) -> float:
    return ZERO + p / 60


def started(cell: str) -> CellStarted:
    return CellStarted(cell, ZERO, 60.0, 10 / 60, 10 / 60, ("tiny-0",))


def ended(cell: str, p: float = 1200, completed: bool = True) -> list[Any]:
    return [Watched(cell, at(p)), CellFinished(cell, at(p), completed)]


def fires(cell: str, alert: str, *instants: float) -> Series:
    labels = {"alertname": alert, "alertstate": "firing"}
    return Series(cell, at(instants[-1]), "ALERTS", labels, tuple((at(p), 1.0) for p in instants))


def rule(cell: str, alert: str, **fields: Any) -> RuleState:
    return replace(RuleState(cell, at(1), "tiny", alert, "inactive", "ok", "", at(1)), **fields)


def page(cell: str, alert: str, p: float, status: str = "firing", **fields: Any) -> Notification:
    item = {"status": status, "labels": {"alertname": alert}, "fingerprint": alert, "startsAt": "x"}
    return replace(
        Notification(cell, at(p), "on-call", "webhook", status, "", (item,), f"{status} {alert}", "text"), **fields
    )


def verdict(clause: Clause, *records: Any, planned: tuple[str, ...] = ("calm", "loud")) -> str:
    return clause.judge(Evidence(records, planned=planned)).verdict


def test_the_end_of_a_page_from_before_the_story_is_no_page(table: dict[str, Clause]) -> None:
    clause = table["calm::alerts::others::do_not_page"]
    assert verdict(clause, started("calm"), page("calm", "Warn", 5, "resolved"), *ended("calm")) == "held"
    assert verdict(clause, started("calm"), page("calm", "Warn", 5), *ended("calm")) == "violated"


def test_who_paged_before_the_story_and_goes_on_firing_is_a_stranger_too(table: dict[str, Clause]) -> None:
    clause = table["calm::alerts::others::do_not_page"]
    early = [started("calm"), page("calm", "Warn", -5)]
    assert verdict(clause, *early, *ended("calm")) == "held", "what the start gave rise to is over"
    found = clause.judge(Evidence([*early, fires("calm", "Warn", 10), *ended("calm")], planned=("calm", "loud")))
    assert (found.verdict, found.message) == (
        "violated",
        "Warn paged on-call before the story began, and goes on firing",
    )
    assert verdict(clause, *early, fires("calm", "Crit", 10), *ended("calm")) == "held"


# --- quiet


def test_quiet_is_claimed_only_where_the_story_is_long_enough_and_never_of_watchdogs(table: dict[str, Clause]) -> None:
    quiet = {clause.id: clause for clause in table.values() if clause.promise == "stays_quiet"}
    assert set(quiet) == {"calm::alerts::Warn::stays_quiet", "calm::alerts::Crit::stays_quiet"}
    assert all(clause.cells == ("calm", "loud") for clause in quiet.values())


def test_quiet_needs_an_armed_rule_a_whole_story_and_the_same_rule_to_fire_elsewhere(table: dict[str, Clause]) -> None:
    clause = table["calm::alerts::Warn::stays_quiet"]
    base = [started("calm"), started("loud"), rule("calm", "Warn"), *ended("calm")]
    loud = fires("loud", "Warn", 60)
    assert verdict(clause, *base, loud) == "held"
    assert verdict(clause, *base) == "open"
    assert verdict(clause, *base[:2], *base[3:], loud) == "open"
    assert verdict(clause, *base[:3], loud) == "open"
    assert verdict(clause, *base, loud, rule("calm", "Warn", health="err")) == "open"
    assert verdict(clause, *base, loud, fires("calm", "Warn", 300)) == "violated"


def test_quiet_also_selects_the_shortest_story_that_fires_the_rule(folder: Path) -> None:
    short = LOUD.replace("lasts: 10s", "lasts: 1s").replace("at_most: 5m", "at_most: 1m")
    (folder / "zz_short.yaml").write_text(short)
    table = {clause.id: clause for clause in compile_campaign(load_campaign([folder]))}
    assert table["calm::alerts::Warn::stays_quiet"].cells == ("calm", "zz_short")


def test_a_phase_that_stops_the_subject_watches_nothing(folder: Path) -> None:
    profile = folder / "profile.yaml"
    profile.write_text(profile.read_text() + "  stopped: {signal: stop}\n")
    (folder / "calm.yaml").write_text(CALM.replace("lasts: 20m", "lasts: 20m, fault: {stopped: tiny-0}"))
    assert not [c for c in compile_campaign(load_campaign([folder])) if c.promise == "stays_quiet"]
    (folder / "calm.yaml").write_text(CALM.replace("quiet: all", "quiet: [Warn]").replace("20m", "20s"))
    with pytest.raises(ConfigError, match="too short to claim that Warn stays quiet"):
        compile_campaign(load_campaign([folder]))


# --- watchdog


def test_a_watchdog_must_be_heard_again_and_again(table: dict[str, Clause]) -> None:
    clause = table["campaign::alerts::Watchdog::always_fires"]
    both = [started("calm"), started("loud"), *ended("calm"), *ended("loud", 100)]
    heard = [page("calm", "Watchdog", 60), page("loud", "Watchdog", 60)]
    assert verdict(clause, *both, *heard) == "held"
    assert verdict(clause, *both[:2], *heard) == "open"
    assert verdict(clause, *both) == "open", "the stories are too short to miss it"
    day = [started("calm"), started("loud"), *ended("calm", 20_000), *ended("loud", 100)]
    assert verdict(clause, *day, *heard) == "violated"
    repeats = [page("calm", "Watchdog", p) for p in range(60, 20_000, 3600)]
    assert verdict(clause, *day, *heard, *repeats) == "held"
    elsewhere = [replace(item, receiver="other") for item in repeats]
    assert verdict(clause, *day, *elsewhere) == "violated"


# --- order, inhibition


def loud() -> list[Any]:
    """Both alerts fire and page in order, the warning is inhibited, then all heals."""
    records: list[Any] = [started("loud")]
    for name, start, end in (("calm", 0, 10), ("some", 10, 100), ("most", 100, 160), ("recovery", 160, 390)):
        records += [PhaseMark("loud", at(start), name, "start"), PhaseMark("loud", at(end), name, "end")]
    for phase, start, end in (("some", 10, 100), ("most", 100, 160)):
        records += [FaultAction("loud", at(start), phase, "failures", "inject")]
        records += [FaultAction("loud", at(start + 1), phase, "failures", "confirm")]
        records += [FaultAction("loud", at(end), phase, "failures", "healed")]
    records += [fires("loud", "Warn", *range(60, 200, 10)), fires("loud", "Crit", *range(130, 190, 10))]
    records += [page("loud", "Warn", 80), page("loud", "Crit", 140)]
    records += [page("loud", "Crit", 220, "resolved"), page("loud", "Warn", 260, "resolved")]
    for alert, p, state, by in (
        ("Warn", 70, "active", ()),
        ("Crit", 135, "active", ()),
        ("Warn", 136, "suppressed", ("Crit",)),
    ):
        records.append(AlertSnapshot("loud", at(p), {"alertname": alert}, alert, state, at(p), inhibited_by=by))
    return [*records, *ended("loud", 400)]


# --- receivers beside the one that is paged


@pytest.fixture
def continued(folder: Path) -> dict[str, Clause]:
    """The clauses where a route tells the chat first and goes on to the pager, by a label that is a template."""
    contract, rules = folder / "contract.yaml", folder / "production/rules.yml"
    contract.write_text(contract.read_text().replace("  Warn: {", "  Warn: {also_told: chat, "))
    rules.write_text(rules.read_text().replace("severity: warning", 'severity: warning, team: "{{ $labels.job }}"'))
    (folder / "production/alertmanager.yml").write_text(
        "route:\n  receiver: chat\n  group_wait: 1s\n  routes:\n"
        "    - {matchers: [severity=warning], receiver: chat, continue: true}\n"
        "    - {matchers: [team=tiny], receiver: on-call, group_wait: 5s}\n"
        "    - {receiver: on-call}\n"
        "receivers:\n  - {name: chat, slack_configs: [{api_url: 'http://chat.test', channel: x}]}\n"
        "  - {name: on-call, webhook_configs: [{url: 'http://pager.test'}]}\n"
    )
    return {clause.id: clause for clause in compile_campaign(load_campaign([folder]))}


def test_a_page_is_that_of_the_route_to_the_receiver_that_is_meant(continued: dict[str, Clause]) -> None:
    assert continued["loud::alerts::Warn::pages"].statement == "Warn pages on-call by webhook"
    assert verdict(continued["loud::alerts::Warn::pages"], *loud(), planned=("loud",)) == "held"


def test_whom_a_route_tells_as_well_is_no_stranger_and_has_to_be_told(continued: dict[str, Clause]) -> None:
    once, told = continued["loud::alerts::Warn::pages_once"], continued["loud::alerts::Warn::also_told"]
    assert told.statement == "chat is told of Warn as well"
    chat = page("loud", "Warn", 79, receiver="chat", integration="slack")
    assert verdict(once, *loud(), chat, planned=("loud",)) == "held"
    assert verdict(told, *loud(), chat, planned=("loud",)) == "held"
    assert verdict(told, *loud(), planned=("loud",)) == "violated"
    assert verdict(told, *loud()[:-1], planned=("loud",)) == "open"
    assert verdict(once, *loud(), replace(chat, receiver="mail"), planned=("loud",)) == "violated"


def test_a_repeat_waits_for_the_next_look_at_its_group(folder: Path) -> None:
    alertmanager = folder / "production/alertmanager.yml"
    text = alertmanager.read_text().replace("group_interval: 10s", "group_interval: 40m")
    alertmanager.write_text(text)
    table = {clause.id: clause for clause in compile_campaign(load_campaign([folder]))}
    day = [started("calm"), started("loud"), *ended("calm", 20_000), *ended("loud", 100)]
    repeats = [page("calm", "Watchdog", p) for p in range(60, 20_000, 4 * 3600)]
    heard = [page("loud", "Watchdog", 60), *repeats]
    assert verdict(table["campaign::alerts::Watchdog::always_fires"], *day, *heard) == "held"
    alertmanager.write_text(text.replace("40m", "10s"))
    strict = {clause.id: clause for clause in compile_campaign(load_campaign([folder]))}
    assert verdict(strict["campaign::alerts::Watchdog::always_fires"], *day, *heard) == "violated"


@pytest.mark.parametrize(("t", "expected"), [(99.0, "violated"), (100.5, "held"), (102.0, "held")])
def test_a_fault_acts_from_its_injection_though_it_is_confirmed_later(
    table: dict[str, Clause], t: float, expected: str
) -> None:
    """Injected at 100 and confirmed at 101: Prometheus may scrape in between."""
    others = [r for r in loud() if not (isinstance(r, Series) and r.labels["alertname"] == "Crit")]
    assert verdict(table["loud::alerts::Crit::fires"], *others, fires("loud", "Crit", t, 130)) == expected


BEFORE, INHIBITS = "loud::alerts::Warn::before_Crit", "loud::alerts::Crit::inhibits_Warn"


def test_the_whole_relation_holds(table: dict[str, Clause]) -> None:
    wanted = [c for c in table.values() if c.scope == "loud" and c.plane == "alerts"]
    found = {clause.id: verdict(clause, *loud()) for clause in wanted}
    assert set(found.values()) == {"held"}, found
    assert {BEFORE, INHIBITS} < set(found)


def without(kind: type[Any], alert: str, **fields: Any) -> list[Any]:
    def matches(record: Any) -> bool:
        labels = record.labels if kind is not Notification else record.alerts[0]["labels"]
        return labels["alertname"] == alert and all(getattr(record, k) == v for k, v in fields.items())

    return [r for r in loud() if not (isinstance(r, kind) and matches(r))]


def test_order(table: dict[str, Clause]) -> None:
    clause = table[BEFORE]
    assert verdict(clause, *loud(), page("loud", "Crit", 75)) == "violated"
    late = without(Notification, "Crit", status="firing")
    assert clause.judge(Evidence(late)).message == "because of loud::alerts::Crit::pages"
    assert verdict(clause, *[r for r in late if not isinstance(r, CellFinished)]) == "open"


def test_inhibition(table: dict[str, Clause]) -> None:
    clause = table[INHIBITS]
    assert verdict(clause, *without(AlertSnapshot, "Warn", state="suppressed")) == "violated"
    by_another = [replace(r, inhibited_by=("x",)) if isinstance(r, AlertSnapshot) else r for r in loud()]
    assert verdict(clause, *by_another) == "violated"
    assert verdict(clause, *loud(), page("loud", "Warn", 210)) == "violated", "it paged while the other fired"
    assert verdict(clause, *loud(), page("loud", "Warn", 145)) == "held", "what was in flight may arrive"
    alone = [
        r for r in without(Series, "Warn") if not (isinstance(r, AlertSnapshot) and r.labels["alertname"] == "Warn")
    ]
    assert verdict(clause, *alone) == "inconclusive"
    lasting = [r for r in loud() if not isinstance(r, CellFinished) and getattr(r, "status", "") != "resolved"]
    assert verdict(clause, *lasting) == "open"
    unpaged = without(Notification, "Crit", status="firing")
    assert verdict(clause, *unpaged) == "inconclusive"


def told_at(p: float, alert: str) -> list[Any]:
    """The relation, with the end of ``alert`` told at ``p``, and a story that is long enough to wait for it."""
    kept = [
        r for r in loud() if not (isinstance(r, Notification) and r.status == "resolved" and r.title.endswith(alert))
    ]
    return [*kept[:-2], page("loud", alert, p, "resolved"), *ended("loud", 1200)]


def test_the_end_of_an_inhibited_alert_is_told_when_prometheus_sends_it_again(folder: Path) -> None:
    """It leaves its group without a word while it is inhibited, and nobody tells of it before the resend delay."""
    rules = folder / "production/rules.yml"
    rules.write_text(rules.read_text().replace("> 0.4, ", "> 0.4, keep_firing_for: 2m, "))
    clause = {c.id: c for c in compile_campaign(load_campaign([folder]))}["loud::alerts::Warn::resolves"]
    assert verdict(clause, *told_at(160 + 10 + 40 + 10 + 120, "Warn")) == "held"
    last = clause.judge(Evidence(told_at(160 + 10 + 40 + 10 + 120 + 60, "Warn"), planned=("loud",)))
    assert last.verdict == "held"
    assert "1m resend delay after Crit ceased to inhibit + 10s evaluation" in " ".join(last.details)


def test_a_phase_of_recovery_outlasts_requests_that_are_under_way(folder: Path) -> None:
    (folder / "loud.yaml").write_text(LOUD.replace(", at_most: 5m", "") + "speed: 1\n")
    profile, bound = folder / "profile.yaml", {}
    text = profile.read_text()
    for timeout in ("10s wall", "2m wall"):
        profile.write_text(text.replace("    method: GET\n", f"    method: GET\n    timeout: {timeout}\n", 1))
        campaign = load_campaign([folder])
        (scenario,) = [each for each in campaign.scenarios if each.name == "loud"]
        bound[timeout] = phase_bound_s(campaign, read_production(campaign), scenario, scenario.phases[-1])
    assert bound["2m wall"] == bound["10s wall"] + 110


def test_one_fault_that_goes_on_is_healed_once(table: dict[str, Clause]) -> None:
    """Between two values a fault is healed for a moment: the warning must not be taken for recovering then."""
    early = [replace(r, t=at(150)) if isinstance(r, Notification) and r.status == "resolved" else r for r in loud()]
    assert verdict(table["loud::alerts::Warn::resolves"], *early) == "violated"
    assert verdict(table["loud::alerts::Crit::resolves"], *early) == "violated"


# --- values, health, load


def values(*points: tuple[float, float], labels: dict[str, str] | None = None) -> Series:
    return Series("loud", at(1), "other_load", labels or {}, tuple((at(p), v) for p, v in points))


LOAD = "loud::metrics::other_load::"
NAN = float("nan")


@pytest.mark.parametrize(
    ("points", "rises", "above", "below"),
    [
        (((20, 1.0), (30, 3.0)), "held", "held", "held"),
        (((20, 3.0), (30, 1.0)), "violated", "held", "held"),
        (((20, 1.0), (30, 1.0)), "violated", "violated", "held"),
        (((20, 1.0), (30, 9.0)), "held", "held", "violated"),
        (((5, 1.0), (110, 3.0)), "violated", "violated", "open"),
        (((20, NAN), (30, NAN)), "violated", "violated", "open"),
        ((), "violated", "violated", "open"),
    ],
)
def test_values(table: dict[str, Clause], points: Any, rises: str, above: str, below: str) -> None:
    records = [*loud(), values(*points)]
    assert verdict(table[f"{LOAD}rises_in_some"], *records) == rises
    assert verdict(table[f"{LOAD}above_2_in_some"], *records) == above
    assert verdict(table[f"{LOAD}below_9_in_some"], *records) == below
    unmet = Unmet("loud", at(3), "query other_load", "refused")
    assert "violated" not in {verdict(table[LOAD + c], *loud(), unmet) for c in ("rises_in_some", "above_2_in_some")}


def test_values_of_two_series_are_not_mixed(table: dict[str, Clause]) -> None:
    one, other = values((20, 1.0), (40, 1.0), labels={"a": "1"}), values((30, 5.0), (50, 5.0), labels={"a": "2"})
    assert verdict(table[f"{LOAD}rises_in_some"], *loud(), one, other) == "violated"


def test_a_phase_that_is_not_over_decides_nothing(table: dict[str, Clause]) -> None:
    some = [r for r in loud() if not isinstance(r, (Watched, CellFinished))]
    for promise in ("rises_in_some", "above_2_in_some", "below_9_in_some"):
        assert verdict(table[LOAD + promise], *some, values((20, 1.0))) == "open"
        assert verdict(table[LOAD + promise]) == "open"


def answer(p: float, state: str, status: int = 200) -> HttpAnswer:
    return HttpAnswer("loud", at(p), "tiny-0", "health", status, 0.01, "application/json", {"status": state})


def test_health_at_every_probe_of_a_phase(table: dict[str, Clause]) -> None:
    clause = table["loud::health::service::is_healthy_in_calm"]
    assert verdict(clause, *loud(), answer(5, "healthy"), answer(50, "failing")) == "held"
    assert verdict(clause, *loud(), answer(5, "failing")) == "violated"
    assert verdict(clause, *loud(), answer(50, "healthy")) == "open"
    assert verdict(clause) == "open"
    running = [r for r in loud() if not isinstance(r, (Watched, CellFinished))]
    assert verdict(clause, *running, answer(5, "healthy")) == "open", "an answer may still be on its way"


@pytest.mark.parametrize(("failed", "expected"), [(4, "held"), (8, "violated"), (0, "violated")])
def test_a_share_of_failures(table: dict[str, Clause], story: Any, failed: int, expected: str) -> None:
    clause = table["loud::load::some::fails_40%"]
    template = next(r for r in story.records() if type(r).__name__ == "Request")
    sent = [
        replace(template, cell="loud", phase="some", sent_t=at(20), end_t=at(21), expected=i >= failed)
        for i in range(10)
    ]
    assert verdict(clause, *loud(), *sent) == expected
    assert verdict(clause, *loud()) == "inconclusive"
    assert verdict(clause, *sent) == "open"
    unsure = [replace(r, action="failed") if getattr(r, "action", "") == "confirm" else r for r in loud()]
    assert verdict(clause, *unsure, *sent) == ("held" if expected == "held" else "inconclusive")


# --- an alert that no fault makes fire


STEP = """\
harness: scenario/1
story: More is asked of it than it can do.
phases:
  - {name: calm, lasts: 10s}
  - {name: much, until: Warn paged}
  - {name: little, until: Warn resolved}
"""


def step() -> list[Any]:
    records: list[Any] = [started("step")]
    for name, start, end in (("calm", 0, 10), ("much", 10, 100), ("little", 100, 390)):
        records += [PhaseMark("step", at(start), name, "start"), PhaseMark("step", at(end), name, "end")]
    records += [fires("step", "Warn", *range(60, 200, 10)), page("step", "Warn", 80)]
    return [*records, page("step", "Warn", 260, "resolved"), *ended("step", 400)]


@pytest.mark.parametrize(
    ("summary", "found"),
    [
        ("{{ $labels.service }} fails", "held"),
        ("{{ $labels.servise }} fails", "violated"),
        ("{{ if $labels.pod }}{{ $labels.pod }} fails{{ end }}", "held"),
    ],
)
def test_an_annotation_that_speaks_of_a_label_that_is_not_there(folder: Path, summary: str, found: str) -> None:
    (folder / "step.yaml").write_text(STEP)
    rules = folder / "production/rules.yml"
    rules.write_text(RULES.replace("{alert: Warn,", f"{{alert: Warn, annotations: {{summary: {summary!r}}},"))
    assert summary in rules.read_text()
    clause = next(c for c in compile_campaign(load_campaign([folder])) if c.id == "step::alerts::Warn::renders")
    active = {"labels": {"alertname": "Warn", "service": "tiny"}, "state": "firing"}
    fired = replace(rule("step", "Warn", state="firing", active=(active,)), t=at(70))
    assert verdict(clause, *step()[:-2], fired, *step()[-2:]) == found


def test_where_no_fault_is_injected_the_phase_itself_is_the_cause(folder: Path) -> None:
    (folder / "step.yaml").write_text(STEP)
    table = {clause.id: clause for clause in compile_campaign(load_campaign([folder]))}
    own = [clause for clause in table.values() if clause.scope == "step" and clause.name == "Warn"]
    assert {clause.promise: verdict(clause, *step()) for clause in own} == dict.fromkeys(
        ("pends", "fires", "pages", "pages_once", "renders", "resolves"), "held"
    )
    fires_clause = table["step::alerts::Warn::fires"]
    assert "after the beginning of much" in fires_clause.judge(Evidence(step())).message
    assert verdict(fires_clause, started("step")) == "open"
    early = [page("step", "Warn", 95, "resolved") if getattr(r, "status", "") == "resolved" else r for r in step()]
    assert verdict(table["step::alerts::Warn::resolves"], *early) == "violated"


def test_a_phase_that_goes_on_with_the_fault_of_the_one_before_is_part_of_it(folder: Path) -> None:
    story = LOUD.replace("failures: 100%", "failures: 40%")
    (folder / "loud.yaml").write_text(story)
    table = {clause.id: clause for clause in compile_campaign(load_campaign([folder]))}
    inherited = [r for r in loud() if not (isinstance(r, FaultAction) and r.phase == "most")]
    inherited = [replace(r, t=at(160)) if getattr(r, "action", "") == "healed" else r for r in inherited]
    assert verdict(table["loud::alerts::Crit::fires"], *inherited) == "violated", "40% never crossed in time"
    soon = [*without(Series, "Crit"), fires("loud", "Crit", *range(60, 190, 10))]
    soon = [r for r in soon if not (isinstance(r, FaultAction) and r.phase == "most")]
    assert verdict(table["loud::alerts::Crit::fires"], *soon) == "held"
