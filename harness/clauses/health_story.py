"""Health plane: all who tell of a service's health tell one story, at every instant of a fault.

The state that a health endpoint reports is the thread. Whoever else speaks meanwhile (its gauge, endpoints with the
same states, liveness, ``up``, lines about a change) may say nothing that the endpoint did not say between its last
answer before and its first one after; and a change that it reports is in the log. Each instance has a story of its
own. What one writes while the story stops or restarts it is about its end, which no answer need have seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from harness.clauses.cutting import cut_stretches, fault_stretches
from harness.clauses.endpoints import state_of
from harness.clauses.fitness import timed_out
from harness.clauses.hops import scraped_jobs
from harness.clauses.model import Clause, Judge, Judgement, Need, held, still_open, violated
from harness.clauses.production import Production
from harness.clauses.signals import event_time, event_time_at
from harness.clauses.values import at_path
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.contract.planes import HealthStates
from harness.evidence.records import HttpAnswer, LogLine, Series
from harness.evidence.store import Evidence

__all__ = ["compile_one_story"]


@dataclass(frozen=True, slots=True)
class _Answer:
    """One answer of the endpoint whose word counts, over wall instants; ``state`` is None where there was none."""

    instance: str
    begin: float
    end: float
    state: str | None


@dataclass(frozen=True, slots=True)
class _Said:
    """What somebody else said over wall instants; ``may_be`` are the states in which it is right to say so."""

    instance: str
    begin: float
    end: float
    who: str
    words: str
    may_be: frozenset[str]
    hop: str
    slack_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Plot:
    """The health endpoint of a contract, and who else tells of it."""

    states: HealthStates
    same: tuple[HealthStates, ...]
    jobs: frozenset[str]
    event_time: str | None

    def needs(self) -> Iterator[Need]:
        """What must be recorded."""
        states = self.states
        endpoints = [states.endpoint, *(each.endpoint for each in self.same), states.alive_at]
        yield from (Need("answers", name) for name in endpoints if name)
        if self.jobs:
            yield Need("series", "up")
        if states.gauge and self.jobs:
            yield Need("series", states.gauge)
        if states.told_in:
            yield Need("lines", states.told_in.stream)


def compile_one_story(campaign: Campaign, scenario: Scenario, production: Production) -> Iterator[Clause]:
    """In stories that expect something of a health endpoint: one clause for each, first named first."""
    expected = {item.about for item in scenario.expectations if item.subject == "health"}
    health, told = campaign.contract.health, set[str]()
    for name, states in health.items():
        if name not in expected or name in told:
            continue
        same = {
            other: each
            for other, each in health.items()
            if other not in told and each.endpoint != states.endpoint and set(each.codes) == set(states.codes)
        }
        told |= {name, *same}
        jobs = frozenset(scraped_jobs(campaign, production)) if production.prometheus else frozenset[str]()
        instant = event_time_at(campaign, states.told_in.stream) if states.told_in else None
        plot = _Plot(states, tuple(same.values()), jobs, instant)
        needs = tuple(plot.needs())
        if {need.detail for need in needs} - {states.endpoint, "up"}:  # somebody whom the contract names tells, too
            statement = f"{', '.join(_tellers(plot))} tell the state that {name} reports, and no other"
            source, cell = campaign.promise("health", name), scenario.name
            yield Clause(cell, "health", name, "tells_one_story", source, statement, needs, _judge(cell, plot), (cell,))


def _tellers(plot: _Plot) -> Iterator[str]:
    states = plot.states
    yield from (each.endpoint for each in plot.same)
    if states.alive_at:
        yield states.alive_at
    if plot.jobs:
        yield from (["up", states.gauge] if states.gauge else ["up"])
    if states.told_in:
        yield f"{states.told_in.stream} ({states.told_in.event})"


def _judge(cell: str, plot: _Plot) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        if not evidence.completed(cell):
            return still_open("the story is not over")
        answers = _answers(evidence, cell, plot.states)
        said = sorted(_said(evidence, cell, plot), key=lambda each: each.begin)
        compared: dict[str, int] = {}
        for each in said:
            near = _around(answers, each)
            if near and not near & each.may_be:
                told = ", ".join(sorted(near))
                message = f"{each.who} says {each.words}, {plot.states.endpoint} said {told} around then"
                return violated(message, hop=each.hop, at=each.begin)
            compared[each.who] = compared.get(each.who, 0) + bool(near)
        silent = next(_untold(evidence, cell, plot, answers), None)
        if silent:
            return silent
        mute = [who for who, count in compared.items() if not count]
        if mute or not compared:
            return still_open(f"{(mute or ['anybody else'])[0]} was never heard beside {plot.states.endpoint}")
        return held("; ".join(f"{who} {count} times" for who, count in compared.items()))

    return judge


def _answers(evidence: Evidence, cell: str, states: HealthStates) -> list[_Answer]:
    found = (a for a in evidence.of(HttpAnswer, cell) if a.endpoint == states.endpoint)
    told = (_Answer(a.instance, a.t, a.t + a.duration_s, str(state_of(a, states)) if a.status else None) for a in found)
    return sorted(told, key=lambda each: each.begin)


def _around(answers: list[_Answer], said: _Said) -> frozenset[str]:
    """States told from the last answer before it to the first one after it; none where one of them is missing."""
    answers = [answer for answer in answers if answer.instance == said.instance]
    begin, end = said.begin - said.slack_s, said.end + said.slack_s
    before = [i for i, answer in enumerate(answers) if answer.end <= begin]
    states: set[str] = set()
    for answer in answers[before[-1] :] if before else ():
        if answer.state is None:
            return frozenset()  # whoever does not answer may be down, and up again
        states.add(answer.state)
        if answer.begin >= end:
            return frozenset(states)
    return frozenset()


# --- who else tells of it


def _said(evidence: Evidence, cell: str, plot: _Plot) -> Iterator[_Said]:
    start = evidence.started(cell)
    if start is None:
        return
    for each in plot.same:
        yield from _by_endpoint(evidence, cell, each)
    if plot.states.alive_at:
        yield from _by_liveness(evidence, cell, plot.states)
    if len(start.instances) == 1:  # series of several are told apart by addresses of production
        (instance,) = start.instances
        found = _by_series(evidence, cell, plot, instance, start.scrape_s)
        yield from (each for each in found if each.begin >= start.t)
    ended = list(_being_ended(evidence, cell))
    for instance, t, state in _lines(evidence, cell, plot):
        if not any(begin <= t <= end for begin, end in ended):
            yield _said_in_log(instance, t, state, plot)


def _being_ended(evidence: Evidence, cell: str) -> Iterator[tuple[float, float]]:
    """Wall stretches in which the story stops, kills or restarts instances."""
    stretches = fault_stretches(evidence, cell, lambda fault: fault.kind == "signal")
    return ((each.begun_t, each.ended_t) for each in stretches)


def _by_endpoint(evidence: Evidence, cell: str, other: HealthStates) -> Iterator[_Said]:
    for answer in _answers(evidence, cell, other):
        if answer.state is not None:
            states = frozenset({answer.state})
            yield _Said(answer.instance, answer.begin, answer.end, other.endpoint, answer.state, states, "health")


def _by_liveness(evidence: Evidence, cell: str, states: HealthStates) -> Iterator[_Said]:
    """A process that reports any state is alive."""
    for answer in evidence.of(HttpAnswer, cell):
        if answer.endpoint == states.alive_at and answer.status:
            alive = 200 <= answer.status < 300
            may_be = frozenset(states.codes) if alive else frozenset[str]()
            end = answer.t + answer.duration_s
            yield _Said(answer.instance, answer.t, end, answer.endpoint, f"{answer.status}", may_be, "health")


def _by_series(evidence: Evidence, cell: str, plot: _Plot, instance: str, scrape_s: float) -> Iterator[_Said]:
    states = plot.states
    cuts = [cut for cut in cut_stretches(evidence, cell) if cut.hop == "scrape"]
    late = timed_out(evidence, cell)
    for series in evidence.of(Series, cell):
        if series.query == "up" and series.labels.get("job") in plot.jobs:
            target = f"{series.labels['job']} {series.labels.get('instance', '')}"
            for t, value in series.points:
                may_be = frozenset(states.codes) if value else frozenset[str]()
                if (target, t) not in late and not any(cut.meets(t - scrape_s, t + scrape_s) for cut in cuts):
                    yield _Said(instance, t, t, "up", f"{value:g}", may_be, "scrape", scrape_s)
        elif states.gauge and series.query == states.gauge and states.gauge_label in series.labels:
            state = series.labels[states.gauge_label]
            for t, value in series.points:
                if value == 1:
                    yield _Said(instance, t, t, states.gauge, state, frozenset({state}), "metric", scrape_s)


def _lines(evidence: Evidence, cell: str, plot: _Plot) -> Iterator[tuple[str, float, str]]:
    """Instance, instant and state of every line that tells of a change."""
    told, instant = plot.states.told_in, plot.event_time
    if told is None:
        return
    for line in evidence.of(LogLine, cell):
        fields = line.fields or {}
        if line.stream == told.stream and at_path(fields, told.event_at) == told.event:
            t = event_time(fields, instant) if instant else None
            yield line.instance, line.t if t is None else t, str(at_path(fields, told.state_at))


def _said_in_log(instance: str, t: float, state: str, plot: _Plot) -> _Said:
    assert plot.states.told_in is not None
    return _Said(instance, t, t, plot.states.told_in.stream, state, frozenset({state}), "log")


def _untold(evidence: Evidence, cell: str, plot: _Plot, answers: list[_Answer]) -> Iterator[Judgement]:
    """Changes that the endpoint reported and no line tells."""
    if plot.states.told_in is None:
        return
    lines = list(_lines(evidence, cell, plot))
    for before, after in _changes(answers):
        if None in {before.state, after.state} or before.state == after.state:
            continue
        told = ((t, state) for instance, t, state in lines if instance == after.instance)
        if not any(before.begin <= t <= after.end and state == after.state for t, state in told):
            message = f"{plot.states.endpoint} went from {before.state} to {after.state}"
            where = plot.states.told_in
            yield violated(f"{message}, and no line of {where.stream} tells", hop="log", at=after.begin)


def _changes(answers: list[_Answer]) -> Iterator[tuple[_Answer, _Answer]]:
    """Neighbours among the answers of each instance."""
    for instance in dict.fromkeys(answer.instance for answer in answers):
        yield from pairwise(answer for answer in answers if answer.instance == instance)
