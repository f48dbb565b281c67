"""Dead hops of the monitoring: who is to notice, by which way, until when; and what a cut explains elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.clauses.bounds import phase_bound_s
from harness.clauses.compiled import compile_campaign
from harness.clauses.cutting import cut_stretches
from harness.clauses.fitness import unfit
from harness.clauses.hops import hops_of, links_cut, scraped_jobs
from harness.clauses.model import Clause, Judgement
from harness.clauses.production import read_production
from harness.clauses.until import awaited
from harness.contract import load_campaign
from harness.core.errors import ConfigError
from harness.evidence.records import (
    AlertSnapshot,
    CellFinished,
    CellStarted,
    FaultAction,
    Notification,
    PhaseMark,
    Reading,
    Record,
    RuleState,
    Series,
    Silence,
    Watched,
)
from harness.evidence.store import Evidence
from tests.integration.tiny.gates import Story
from tests.integration.tiny.hops import watched

ZERO, SPEED = 1_800_000_000.0, 60.0
DEAD, HEAL, BACK = 20.0, 400.0, 430.0
"""Production seconds: the hop is cut, its healing is ordered, it is seen alive."""


def at(p: float) -> float:
    return ZERO + p / SPEED


@pytest.fixture
def tiny(tmp_path: Path) -> Story:
    return watched(tmp_path / "tiny")


def compiled(story: Story) -> dict[str, Clause]:
    return {clause.id: clause for clause in compile_campaign(load_campaign([story.folder]))}


@pytest.fixture
def table(tiny: Story) -> dict[str, Clause]:
    return compiled(tiny)


def cut(cell: str, hop: str, manner: str = "killed", *, confirmed: float = DEAD + 1) -> list[Record]:
    """A hop is cut, confirmed, healed; the phases around it."""

    def action(p: float, name: Any, detail: str = "") -> FaultAction:
        return FaultAction(cell, at(p), "dead", f"cut {hop}", name, detail, "cut")

    return [
        CellStarted(cell, ZERO, SPEED, 10 / SPEED, 10 / SPEED, ("tiny-0",)),
        PhaseMark(cell, at(DEAD), "dead", "start"),
        action(DEAD, "inject", manner),
        action(confirmed, "confirm"),
        PhaseMark(cell, at(HEAL - 1), "dead", "end"),
        PhaseMark(cell, at(HEAL - 1), "back", "start"),
        action(HEAL, "heal"),
        action(BACK, "healed"),
    ]


def ended(cell: str, p: float = 1200, *, completed: bool = True) -> list[Record]:
    return [Watched(cell, at(p)), CellFinished(cell, at(p), completed)]


def silent(cell: str, p: float) -> Silence:
    return Silence(cell, at(p), "Watchdog", "watchdog", at(p - 180))


def told(cell: str, alert: str, p: float, receiver: str, by: str, status: str = "firing") -> Notification:
    return Notification(cell, at(p), receiver, by, status, "", (), f"[{status.upper()}] {alert}", "text")


def heard(cell: str, p: float) -> Notification:
    return told(cell, "Watchdog", p, "watchdog", "webhook")


def judged(clause: Clause, *records: Record) -> Judgement:
    """The judgement, after seeing that no prefix was decided otherwise."""
    evidence, decided = Evidence(planned=clause.cells), None
    for record in sorted(records, key=lambda item: getattr(item, "t", 0.0)):
        evidence.add(record)
        verdict = clause.judge(evidence).verdict
        assert decided in (None, verdict), f"{decided} was taken back for {verdict}"
        decided = None if verdict == "open" else verdict
    return clause.judge(evidence)


PROMETHEUS = "prometheus_killed::monitoring::prometheus::"
MAIL = "mail_refused::monitoring::email::"


# --- what is promised


def test_hops_are_those_of_the_artefacts_and_watchdogs_make_none(tiny: Story) -> None:
    campaign = load_campaign([tiny.folder])
    found = hops_of(campaign, read_production(campaign))
    assert list(found) == ["scrape", "prometheus", "rules", "alertmanager", "email", "slack"]
    assert found["rules"] == ("tiny", "monitoring")
    assert found["email"] == ("refused",)


def test_every_hop_has_its_notice_and_its_recovery_with_the_terms_of_both(table: dict[str, Clause]) -> None:
    found = [clause for clause in table.values() if clause.plane == "monitoring"]
    assert {clause.promise for clause in found} == {"noticed", "recovers"}
    assert len(found) == 12
    words = table[f"{PROMETHEUS}noticed"].statement
    assert words.startswith(
        "prometheus killed is noticed by the silence of Watchdog; latest: 4m until Alertmanager lets"
    )
    assert "1m 3 missed repeats" in words
    assert "10s Alertmanager's next try (wall)" in table[f"{MAIL}recovers"].statement


def test_a_counter_of_deliveries_given_up_moves_only_after_the_retries(tiny: Story) -> None:
    words = "alertmanager_notification_requests_failed_total"
    rules = tiny.path("production/rules.yml").read_text().replace(words, "alertmanager_notifications_failed_total")
    tiny.write("production/rules.yml", rules)
    assert "10s Alertmanager's retries (wall)" in compiled(tiny)[f"{MAIL}noticed"].statement


def test_a_hop_that_nobody_names_is_violated_until_somebody_does(tiny: Story) -> None:
    tiny.replace("contract.yaml", ("    slack: {cut_in: chat_refused, noticed_by: ChatFailing}\n", ""))
    tiny.path("chat_refused.yaml").unlink()
    clause = compiled(tiny)["campaign::monitoring::slack::noticed"]
    judgement = clause.judge(Evidence())
    assert (judgement.verdict, judgement.message) == ("violated", "nobody notices")
    assert "name slack under monitoring.hops" in judgement.details[0]


def test_a_hop_is_cut_in_several_manners_by_several_stories(tiny: Story) -> None:
    text = tiny.path("prometheus_killed.yaml").read_text()
    tiny.write("prometheus_hung.yaml", text.replace("prometheus: killed", "prometheus: hung"))
    tiny.replace("contract.yaml", ("cut_in: prometheus_killed", "cut_in: [prometheus_killed, prometheus_hung]"))
    found = compiled(tiny)
    for manner in ("killed", "hung"):
        cell = f"prometheus_{manner}"
        clause = found[f"{cell}::monitoring::prometheus::noticed"]
        assert clause.statement.startswith(f"prometheus {manner} is noticed by the silence of Watchdog")
        assert clause.cells == (cell,)
    tiny.path("prometheus_hung.yaml").unlink()
    lacking = compiled(tiny)["campaign::monitoring::prometheus::noticed"].judge(Evidence())
    assert lacking.message == "the campaign has no story prometheus_hung, which is to cut prometheus"


def test_a_contract_without_the_plane_promises_nothing_of_it() -> None:
    assert not [c for c in compile_campaign(load_campaign([Path("fixtures/tiny")])) if c.plane == "monitoring"]


def test_a_story_that_the_campaign_lacks_leaves_its_hop_open_only_where_others_are_cut(tiny: Story) -> None:
    tiny.path("chat_refused.yaml").unlink()
    clause = compiled(tiny)["campaign::monitoring::slack::noticed"]
    assert clause.judge(Evidence()).verdict == "inconclusive"
    for name in ("prometheus_killed", "alertmanager_killed", "rules_failing", "mail_refused", "scrape_cut"):
        tiny.path(f"{name}.yaml").unlink()
    tiny.write("calm.yaml", "harness: scenario/1\nstory: Nothing.\nphases:\n  - {name: idle, lasts: 1m}\n")
    assert not [clause for clause in compiled(tiny).values() if clause.plane == "monitoring"]


@pytest.mark.parametrize(
    ("file", "before", "after", "problem"),
    [
        (
            "prometheus_killed.yaml",
            "cut: {prometheus: killed}",
            "cut: {prometeus: killed}",
            "no hop 'prometeus' to cut",
        ),
        ("prometheus_killed.yaml", "prometheus: killed", "prometheus: kiled", "prometheus cannot be cut by 'kiled'"),
        ("scrape_cut.yaml", "scrape: blackhole", "scrape: latency", "'latency': '' is not a duration"),
        ("scrape_cut.yaml", "scrape: blackhole", "scrape: bandwidth much", "could not convert string to float: 'much'"),
        ("scrape_cut.yaml", "scrape: blackhole", "scrape: down 3", "down takes no value"),
        ("rules_failing.yaml", "rules: tiny", "rules: tinny", "rules cannot be cut by 'tinny'"),
        ("contract.yaml", "    slack: {cut_in", "    slak: {cut_in", "production has no hop 'slak'"),
        ("contract.yaml", "noticed_by: ChatFailing", "noticed_by: ChatFails", "noticed by 'ChatFails'"),
        ("contract.yaml", "cut_in: chat_refused", "cut_in: mail_refused", "mail_refused does not cut slack"),
        ("prometheus_killed.yaml", "lasts: 20s", "until: noticed", "nothing is cut that could be noticed"),
    ],
)
def test_what_cannot_be_cut_or_noticed_is_refused(
    tiny: Story, file: str, before: str, after: str, problem: str
) -> None:
    tiny.replace(file, (before, after))
    with pytest.raises(ConfigError, match=problem) as refused:
        compiled(tiny)
    assert refused.value.location is not None


def test_phases_wait_for_the_notice_of_what_they_cut_and_for_the_recovery_of_what_was_cut(tiny: Story) -> None:
    campaign = load_campaign([tiny.folder])
    clauses = compile_campaign(campaign)
    scenario = next(each for each in campaign.scenarios if each.name == "mail_refused")
    waits = [[clause.id for clause in awaited(scenario, phase, clauses)] for phase in scenario.phases]
    assert waits == [[], [f"{MAIL}noticed"], [f"{MAIL}recovers"]]
    production = read_production(campaign)
    calm = replace(scenario, spec=scenario.spec.model_copy(update={"may_fire": []}))
    alone = phase_bound_s(campaign, production, calm, scenario.phases[1])
    # a refusal shows when something is to be told: first the alert must fire that the story allows
    assert phase_bound_s(campaign, production, scenario, scenario.phases[1]) > alone + 60


def test_a_disturbed_way_to_alertmanager_leaves_it_repeating_for_a_while(tiny: Story) -> None:
    clause = "alertmanager_killed::monitoring::alertmanager::noticed"
    assert "until Alertmanager lets go" not in compiled(tiny)[clause].statement
    tiny.replace("alertmanager_killed.yaml", ("alertmanager: killed", "alertmanager: latency 1s"))
    assert "4m until Alertmanager lets go" in compiled(tiny)[clause].statement
    scenario = next(s for s in load_campaign([tiny.folder]).scenarios if s.name == "alertmanager_killed")
    assert links_cut(scenario) == {"alertmanager"}


def test_scraped_are_the_jobs_and_addresses_of_the_subject_alone(tiny: Story) -> None:
    def jobs() -> tuple[str, ...]:
        campaign = load_campaign([tiny.folder])
        return scraped_jobs(campaign, read_production(campaign))

    assert jobs() == ("tiny",)
    tiny.replace("profile.yaml", ("{job: tiny, port: app}", '{address: "tiny:8080", port: app}'))
    assert jobs() == ("tiny",)
    tiny.replace("profile.yaml", ('{address: "tiny:8080", port: app}', "{job: tiny, drop: true}"))
    assert jobs() == ()


# --- the silence of a watchdog


def test_a_silence_while_the_hop_is_dead_is_a_notice(table: dict[str, Clause]) -> None:
    judgement = judged(table[f"{PROMETHEUS}noticed"], *cut("prometheus_killed", "prometheus"),
                       silent("prometheus_killed", 390), *ended("prometheus_killed"))  # fmt: skip
    assert judgement.verdict == "held"
    assert judgement.message.startswith("6m9s production after prometheus was seen dead: the dead man's switch")


@pytest.mark.parametrize("p", [15, 410])
def test_a_silence_at_another_time_is_none(table: dict[str, Clause], p: float) -> None:
    records = [*cut("prometheus_killed", "prometheus"), silent("prometheus_killed", p), *ended("prometheus_killed")]
    judgement = judged(table[f"{PROMETHEUS}noticed"], *records)
    assert judgement.verdict == "violated"
    assert judgement.message == "nobody noticed in 6m19s production: not the silence of Watchdog"
    assert judged(table[f"{PROMETHEUS}recovers"], *records).verdict == "inconclusive"


def test_a_notice_after_the_limit_of_the_contract_is_too_late(tiny: Story) -> None:
    tiny.replace("contract.yaml", ("prometheus_killed, noticed_by: Watchdog}",
                                   "prometheus_killed, noticed_by: Watchdog, within: 3m}"))  # fmt: skip
    clause = compiled(tiny)[f"{PROMETHEUS}noticed"]
    records = [*cut("prometheus_killed", "prometheus"), silent("prometheus_killed", 390), *ended("prometheus_killed")]
    judgement = judged(clause, *records)
    assert judgement.verdict == "violated"
    assert judgement.message.startswith("too late: 6m9s")
    assert judgement.details[0] == "latest: 3m that the contract allows"


def test_what_was_not_seen_dead_proves_nothing(table: dict[str, Clause]) -> None:
    clause, records = table[f"{PROMETHEUS}noticed"], cut("prometheus_killed", "prometheus")
    quiet = [r for r in records if not (isinstance(r, FaultAction) and r.action == "confirm")]
    assert judged(clause, *quiet, silent("prometheus_killed", 390), *ended("prometheus_killed")).verdict == "open"
    failed = FaultAction("prometheus_killed", at(DEAD + 2), "dead", "cut prometheus", "failed", "alive", "cut")
    judgement = judged(clause, *quiet, failed, *ended("prometheus_killed"))
    assert (judgement.verdict, judgement.message) == ("inconclusive", "because prometheus was not seen dead: alive")


def test_a_story_that_was_cut_short_decides_nothing(table: dict[str, Clause]) -> None:
    records = [r for r in cut("prometheus_killed", "prometheus") if not isinstance(r, PhaseMark)]
    ends = ended("prometheus_killed", completed=False)
    assert judged(table[f"{PROMETHEUS}noticed"], *records, *ends).verdict == "open"


def test_the_watchdog_is_heard_again_in_time_or_not(table: dict[str, Clause]) -> None:
    cell, clause = "prometheus_killed", table[f"{PROMETHEUS}recovers"]
    records = [*cut(cell, "prometheus"), silent(cell, 390)]
    assert judged(clause, *records, heard(cell, 460), *ended(cell)).message.startswith("30s production after")
    assert judged(clause, *records, heard(cell, 900), *ended(cell)).verdict == "violated"
    assert judged(clause, *records, *ended(cell)).message == "Watchdog was not heard again"
    never_back = [r for r in records if not (isinstance(r, FaultAction) and r.action == "healed")]
    assert judged(clause, *never_back, *ended(cell)).verdict == "open"


# --- an alert


def mail(*more: Record) -> list[Record]:
    return [*cut("mail_refused", "email", "refused"), *more, *ended("mail_refused")]


def test_an_alert_by_another_integration_is_a_notice(table: dict[str, Clause]) -> None:
    judgement = judged(table[f"{MAIL}noticed"], *mail(told("mail_refused", "MailFailing", 60, "chat", "slack")))
    assert (judgement.verdict, judgement.message) == (
        "held",
        "39s production after email was seen dead: chat was told by slack",
    )


def test_a_dead_mail_path_told_by_mail_is_no_notice(table: dict[str, Clause]) -> None:
    judgement = judged(table[f"{MAIL}noticed"], *mail(told("mail_refused", "MailFailing", 60, "chat", "email")))
    assert judgement.verdict == "violated"


def test_a_notice_behind_its_window_is_too_late_once_all_gaps_are_known(table: dict[str, Clause]) -> None:
    late = judged(table[f"{MAIL}noticed"], *mail(told("mail_refused", "MailFailing", 390, "chat", "slack")))
    assert late.verdict == "violated"
    gap = Reading("mail_refused", at(100), "tiny x", "scrape_gap_s", 0.4)
    assert judged(
        table[f"{MAIL}noticed"], *mail(told("mail_refused", "MailFailing", 212, "chat", "slack"))
    ).verdict == ("violated")
    records = mail(told("mail_refused", "MailFailing", 212, "chat", "slack"), gap)
    assert judged(table[f"{MAIL}noticed"], *records).verdict == "held"


def test_the_missing_hop_of_the_alert_that_was_to_notice_is_named(table: dict[str, Clause]) -> None:
    clause = table[f"{MAIL}noticed"]
    rule = RuleState("mail_refused", at(1), "monitoring", "MailFailing", "inactive", "ok", "", at(1))
    assert judged(clause, *mail(rule)).hop == "expression"
    labels = {"alertname": "MailFailing"}
    fires = Series("mail_refused", at(60), "ALERTS", {**labels, "alertstate": "firing"}, ((at(59), 1.0),))
    held = AlertSnapshot("mail_refused", at(61), labels, "f", "active", at(59), receivers=("mail",))
    judgement = judged(clause, *mail(rule, fires, held))
    assert (judgement.hop, judgement.details[0]) == ("route", "Alertmanager routes it to mail")


@pytest.mark.parametrize(
    ("changes", "clause", "doubt"),
    [
        (
            [("production/alertmanager.yml", '|MailFailing"', '"'),
             ("production/alertmanager.yml", "alertname = ChatFailing", 'alertname =~ "ChatFailing|MailFailing"')],
            f"{MAIL}noticed",
            "MailFailing is told through the dead hop itself: prometheus → rules monitoring → alertmanager → email",
        ),
        (
            [("contract.yaml", "mail_refused, noticed_by: MailFailing", "mail_refused, noticed_by: Watchdog")],
            f"{MAIL}noticed",
            "Watchdog does not pass through email: prometheus → rules monitoring → alertmanager → webhook",
        ),
        (
            [("rules_failing.yaml", "rules: tiny", "rules: monitoring")],
            "rules_failing::monitoring::rules::noticed",
            "RulesFailing is told through the dead hop itself: prometheus → rules monitoring → alertmanager → slack",
        ),
    ],
)  # fmt: skip
def test_a_way_that_leads_through_the_dead_hop_is_named(
    tiny: Story, changes: list[tuple[str, str, str]], clause: str, doubt: str
) -> None:
    for file, before, after in changes:
        tiny.replace(file, (before, after))
    cell, _, hop, _ = clause.split("::")
    judgement = judged(compiled(tiny)[clause], *cut(cell, hop, "refused"), *ended(cell))
    assert judgement.verdict == "violated"
    assert doubt in judgement.details


def test_the_end_of_the_alert_is_told_by_a_living_integration(table: dict[str, Clause]) -> None:
    first = told("mail_refused", "MailFailing", 60, "chat", "slack")
    over = told("mail_refused", "MailFailing", 450, "chat", "slack", "resolved")
    assert judged(table[f"{MAIL}recovers"], *mail(first, over)).verdict == "held"
    judgement = judged(
        table[f"{MAIL}recovers"], *mail(first, replace(over, t=at(60 * 60))), *ended("mail_refused", 7200)
    )
    assert (judgement.verdict, judgement.message) == ("violated", "MailFailing was not told to be over")


# --- what a cut explains elsewhere, and what it does not


def rule_error(cell: str, p: float, group: str = "tiny") -> RuleState:
    return RuleState(cell, at(p), group, "TinyFailing", "unknown", "err", "boom", at(p))


def test_a_rule_that_fails_on_purpose_is_armed_and_one_that_fails_besides_is_not(table: dict[str, Clause]) -> None:
    clause, cell = table["campaign::alerts::TinyFailing::armed"], "rules_failing"
    clause = replace(clause, cells=(cell,))
    fine = RuleState(cell, at(1), "tiny", "TinyFailing", "inactive", "ok", "", at(1))
    records = [*cut(cell, "rules", "tiny"), fine, *ended(cell)]
    assert judged(clause, *records, rule_error(cell, 100)).verdict == "held"
    assert judged(clause, *records, rule_error(cell, BACK + 60)).verdict == "violated"
    assert judged(clause, *records, rule_error(cell, DEAD - 5)).verdict == "violated"
    assert judged(clause, *records, rule_error(cell, 100, "monitoring")).verdict == "violated"


def heartbeat(cell: str, *but: tuple[float, float]) -> Iterator[Notification]:
    for p in range(5, 1200, 20):
        if not any(start < p < end for start, end in but):
            yield heard(cell, p)


def test_a_watchdog_may_fall_silent_where_its_own_way_is_cut(table: dict[str, Clause]) -> None:
    clause = replace(table["campaign::alerts::Watchdog::always_fires"], cells=("prometheus_killed",))
    dead = cut("prometheus_killed", "prometheus")
    ends, cell = ended("prometheus_killed"), "prometheus_killed"
    assert judged(clause, *dead, *heartbeat(cell, (DEAD, BACK + 20)), *ends).verdict == "held"
    assert judged(clause, *dead, *heartbeat(cell, (DEAD, BACK + 20), (600, 900)), *ends).verdict == "violated"
    other = cut("prometheus_killed", "email", "refused")
    assert judged(clause, *other, *heartbeat(cell, (DEAD, BACK + 20)), *ends).verdict == "violated"


@pytest.mark.parametrize(
    ("hop", "component", "name", "excused"),
    [
        ("prometheus", "tiny x", "scrape_gap_s", True),
        ("prometheus", "alertmanager", "alertmanager_notification_requests_failed_total", False),
        ("alertmanager", "prometheus", "prometheus_notifications_errors_total", True),
        ("alertmanager", "tiny x", "scrape_gap_s", False),
        ("scrape", "tiny x", "scrape_gap_s", True),
        ("scrape", "prometheus", "prometheus_notifications_errors_total", False),
        ("email", "alertmanager", "alertmanager_notification_requests_failed_total", True),
        ("email", "prometheus", "prometheus_notifications_errors_total", False),
        ("rules", "rules tiny", "evaluation_gap_s", True),
        ("rules", "filebeat", "filebeat_events_dropped", False),
    ],
)
def test_a_cut_excuses_only_what_it_can_have_done(hop: str, component: str, name: str, excused: bool) -> None:
    def readings(p: float) -> list[Record]:
        return [Reading("c", at(1), component, name, 0.0), Reading("c", at(p), component, name, 7.0)]

    dead = cut("c", hop)
    assert bool(unfit(Evidence([*dead, *readings(200)]), "c", 1.0)) is not excused
    assert unfit(Evidence([*dead, *readings(1100)]), "c", 1.0)
    assert unfit(Evidence([dead[0], *readings(200)]), "c", 1.0)


def test_stretches_end_with_the_sight_of_the_return() -> None:
    records = cut("c", "rules", "tiny")
    (whole,) = cut_stretches(Evidence(records), "c")
    assert (whole.hop, whole.manner, whole.begun_t, whole.ended_t) == ("rules", "tiny", at(DEAD), at(BACK))
    (lasting,) = cut_stretches(Evidence(records[:-1]), "c")
    assert lasting.meets(at(10_000), at(10_001))
    assert not whole.meets(at(BACK + 1), at(BACK + 2))
