"""Load checked against the campaign that it stands in: kinds, traces, and rates that no generator could send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.contract.campaign import Campaign, Scenario
from harness.contract.load import Course, LoadSpec
from harness.contract.strict import known, relative_file
from harness.core.errors import ConfigError
from harness.core.source import DocumentPath
from harness.core.trace import read_trace

__all__ = ["HIGHEST_RATE", "check_load", "trace_files"]

HIGHEST_RATE: Final = 50_000.0
"""Requests per wall second above which a rate is a slip of the pen: ten times what one process can send."""


def check_load(campaign: Campaign, scenario: Scenario, index: int) -> None:
    """Raise ``ConfigError``, with its place, for load in phase ``index`` that cannot be driven."""
    load = scenario.phases[index].load
    if load is None:
        return
    for below, part in load.parts():
        path = ("phases", index, "load", *below)
        for kind in part.mix or ():
            place = scenario.place(*path, "mix", kind, key=True)
            known(kind, campaign.profile.requests, "request kind", place)
            where = campaign.profile_source.document.locate(("requests", kind, "port"))
            known(campaign.profile.requests[kind].port, campaign.profile.ports, "port", where)
        _check_rates(campaign, scenario, path, part)
        if part.trace is not None:
            _check_trace(campaign, scenario, (*path, "trace"), part.trace)


def _check_rates(campaign: Campaign, scenario: Scenario, path: DocumentPath, load: LoadSpec) -> None:
    speed = campaign.speed_of(scenario)
    legs = enumerate(load.sequence or ())
    courses: list[tuple[DocumentPath, Course]] = [(path, load), *(((*path, "sequence", i), leg) for i, leg in legs)]
    for place, course in courses:
        highest = max(_rates(course), default=0.0)
        if highest * speed > HIGHEST_RATE:
            raise ConfigError(
                f"{highest:g}/s at speed {speed:g} are {highest * speed:g} requests per real second, too many",
                location=scenario.place(*place),
                remedy=f"stay below {HIGHEST_RATE / speed:g}/s, or lower the speed",
            )
    spike, lasts = load.spike, scenario.phases[path[1]].lasts  # type: ignore[index]
    if spike and lasts is not None and spike.at >= lasts:
        raise ConfigError(
            f"the spike comes at {spike.at:g} s, when the phase is over",
            location=scenario.place(*path, "spike", "at"),
            remedy=f"the phase lasts {lasts:g} s",
        )


def _rates(course: Course) -> Iterator[float]:
    if course.rate is not None:
        yield course.rate
    for part in (course.ramp, course.step, course.sine, course.spike):
        if part is not None:
            yield from (part.from_, part.to)


def _check_trace(campaign: Campaign, scenario: Scenario, path: DocumentPath, name: str) -> None:
    file = relative_file(scenario.source.folder, name, scenario.source.document, path)
    empty = True
    for arrival in read_trace(file, shown_as=campaign.shown(file)):
        known(arrival.kind, campaign.profile.requests, "request kind", arrival.source)
        empty = False
    if empty:
        raise ConfigError(f"the trace {name} holds no arrival", location=scenario.place(*path))


def trace_files(scenario: Scenario) -> Iterator[str]:
    """Every trace that the story replays, as it is written."""
    for phase in scenario.phases:
        for _, part in phase.load.parts() if phase.load else ():
            if part.trace is not None:
                yield part.trace
