"""From load as a story writes it to load as the driver is told it. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from pathlib import Path

from harness.contract import Campaign
from harness.contract.files import Phase, ProfileFile
from harness.contract.load import Course, Leg, LoadSpec, Ramp, Sine, Spike, Step
from harness.run.canaries import planted
from harness.run.entering import opened
from harness.run.load.curve import Piece
from harness.run.load.plan import Ceiling
from harness.run.load.requests import Corpus, ReadFrom, RequestKind
from harness.run.load.schedule import Flow, LoadPhase, Replay, Traffic, Users

__all__ = ["ceilings_of", "kinds_of", "load_phase", "request_kind"]

_ANSWERS = 50
"""Answers of each status that a cell keeps of a kind: a service that answers wrongly seldom does so only later."""
_SLACK_S = 60.0
"""The phase is cut when its condition is decided: the schedule only has to be long enough."""


def load_phase(phase: Phase, bound_s: float, folder: Path) -> LoadPhase:
    """The load of ``phase``, which lasts ``bound_s`` production seconds at most; traces lie below ``folder``."""
    assert phase.load is not None
    duration_s = bound_s + _SLACK_S
    length_s = bound_s if phase.lasts is None else phase.lasts
    traffic = tuple(_traffic(part, length_s, duration_s, folder) for _, part in phase.load.parts())
    return LoadPhase(phase.name, duration_s, traffic, phase.load.warm_up)


def kinds_of(phase: Phase, folder: Path) -> set[str]:
    """Every request kind that ``phase`` may send; traces lie below ``folder``."""
    return load_phase(phase, 1.0, folder).kinds if phase.load else set()


def request_kind(
    name: str, campaign: Campaign, canaries: Mapping[str, str], promised: Container[str] = ()
) -> RequestKind:
    """The request kind ``name`` of the profile as it is sent: its canaries planted, its secrets filled in.

    Of the kinds in ``promised`` answers are kept.
    """
    profile = campaign.profile
    declared = profile.requests[name]
    where = campaign.profile_source.document.locate(("requests", name, "headers"))
    headers: dict[str, str] = opened(planted(declared.headers, canaries), where)
    if declared.request_id_header:
        headers[declared.request_id_header] = "{{request_id}}"
    return RequestKind(
        name=name,
        port=declared.port,
        path=planted(declared.path, canaries),
        method=declared.method,
        headers=headers,
        json=planted(declared.body, canaries),
        prompts=Corpus(texts=tuple(profile.corpus)),
        expect_status=tuple(declared.expects),
        streaming=declared.streaming,
        labels=declared.labels,
        read=ReadFrom(declared.read.request_id, declared.read.work_units, dict(declared.read.labels)),
        abort_after_s=declared.abort_after,
        timeout_s=declared.timeout,
        keeps_answers=_ANSWERS if name in promised else 0,
    )


def ceilings_of(profile: ProfileFile) -> tuple[Ceiling, ...]:
    """Hosts off this machine that the profile names, each with what it may be sent."""
    return tuple(Ceiling(host, most.requests, most.for_) for host, most in profile.load.allow.items())


def _traffic(load: LoadSpec, length_s: float, duration_s: float, folder: Path) -> Traffic:
    if load.trace is not None:
        return Replay(str((folder / load.trace).resolve()))
    mix = {kind: float(weight) for kind, weight in (load.mix or {}).items()}
    if load.users is not None:
        return Users(load.users, mix, load.think)
    pieces = tuple(_sequence(load.sequence or [load], length_s, duration_s))
    return Flow(pieces, mix, "poisson" if load.arrivals == "poisson" else "even")


def _sequence(legs: list[Leg] | list[LoadSpec], length_s: float, duration_s: float) -> Iterator[Piece]:
    spent_s = 0.0
    for number, leg in enumerate(legs, 1):
        own_s = leg.lasts if isinstance(leg, Leg) and leg.lasts else max(length_s - spent_s, 0.0)
        # what the last leg ends with goes on to the end of the phase, however late that comes
        until_s = duration_s - spent_s if number == len(legs) else own_s
        yield from _cut(_pieces(leg, own_s, duration_s), until_s)
        spent_s += own_s


def _pieces(course: Course, length_s: float, duration_s: float) -> Iterator[Piece]:
    """The course over ``length_s``, and what it stays at for ``duration_s`` more."""
    if course.rate is not None:
        yield Piece(duration_s, course.rate, course.rate)
    elif course.ramp is not None:
        yield from _ramp(course.ramp, length_s)
        yield Piece(duration_s, course.ramp.to, course.ramp.to)
    elif course.step is not None:
        yield from _steps(course.step, length_s)
        yield Piece(duration_s, course.step.to, course.step.to)
    elif course.sine is not None:
        yield _sine(course.sine, duration_s)
    elif course.spike is not None:
        yield from _spike(course.spike, duration_s)


def _ramp(ramp: Ramp, length_s: float) -> Iterator[Piece]:
    if over_s := ramp.over or length_s:
        yield Piece(over_s, ramp.from_, ramp.to)


def _steps(step: Step, length_s: float) -> Iterator[Piece]:
    each_s = (step.over or length_s) / step.steps
    for index in range(step.steps if each_s else 0):
        rate = step.from_ + (step.to - step.from_) * index / (step.steps - 1)
        yield Piece(each_s, rate, rate)


def _sine(sine: Sine, duration_s: float) -> Piece:
    return Piece(duration_s, sine.from_, sine.to, sine.period)


def _spike(spike: Spike, duration_s: float) -> Iterator[Piece]:
    if spike.at:
        yield Piece(spike.at, spike.from_, spike.from_)
    yield Piece(spike.lasts, spike.to, spike.to)
    yield Piece(duration_s, spike.from_, spike.from_)


def _cut(pieces: Iterator[Piece], until_s: float) -> Iterator[Piece]:
    """The first ``until_s`` seconds of ``pieces``."""
    for piece in pieces:
        if until_s <= 0:
            return
        if piece.lasts_s > until_s:
            to = piece.to_per_s if piece.period_s else piece.rate(until_s)
            piece = Piece(until_s, piece.rate_per_s, to, piece.period_s)
        yield piece
        until_s -= piece.lasts_s
