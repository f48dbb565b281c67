"""The contract's examples as experiments: series that do what is written, and nothing besides them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from harness.artefacts.promql import Selector, parse
from harness.contract import Campaign
from harness.contract.alert import Example, between
from harness.contract.flows import Flow
from harness.core.errors import ConfigError, Location
from harness.virtual.conditions import Script
from harness.virtual.design import Design, Examined, whole
from harness.virtual.families import Catalogue, Family, sample_labels
from harness.virtual.inputs import Input, Level, Segment
from harness.virtual.planning import Planned

__all__ = ["PREFIX", "example_plans"]

PREFIX = "example "
"""In front of an example's name where conditions are listed."""
_KINDS = {"counter": "0.1/s", "histogram": "0.5/s at 40s", "gauge": "3e9", "up": "0"}
_WORDS = {"counter": "a counter", "histogram": "a histogram", "gauge": "a gauge", "up": "0 or 1"}


@dataclass(frozen=True, slots=True)
class _Told:
    """One example, the alert that it is about, and what is known of series."""

    campaign: Campaign
    examined: Examined
    name: str
    example: Example
    catalogue: Catalogue

    def place(self, *path: str) -> Location:
        return self.campaign.promise("alerts", self.examined.rule.name, "examples", self.name, *path)


def example_plans(campaign: Campaign, examined: Examined, catalogue: Catalogue) -> Iterator[Planned]:
    """One experiment for every example that the contract gives of the alert.

    Raises ``ConfigError`` for series that cannot be what the example says.
    """
    promise = campaign.contract.alerts.get(examined.rule.name)
    for name, example in promise.examples.items() if promise else ():
        yield _plan(_Told(campaign, examined, name, example, catalogue))


def _plan(told: _Told) -> Planned:
    given = dict(_level(told, "given", text, flows) for text, flows in told.example.given.items())
    before = dict(_level(told, "before", text, flows) for text, flows in told.example.before.items())
    rest = {each: _still(each) for each in given} | before
    levels = {**rest, **given}
    design = Design(told.examined, tuple(levels), rest, None, None, {}, {})
    script = _script(told.example, design, rest, levels)
    said = told.example
    return Planned(
        design,
        PREFIX + told.name,
        script,
        word=said.then,
        resolves=said.resolves,
        alerts=said.alerts,
        says=said.texts,
    )


def _script(example: Example, design: Design, rest: Mapping[Input, Level], levels: Mapping[Input, Level]) -> Script:
    step_s, begin_s = design.evaluation_s, design.lead_s
    window, resolved = between(example.then), between(example.resolves or "")
    due_s = window[1] + 2 * step_s if window else design.hold_s
    lasts_s = whole(example.lasts or due_s, step_s)
    segments = [_segment(begin_s, rest), _segment(lasts_s, levels)]
    if example.lasts is not None or resolved:
        end_s = max(due_s, resolved[1] + 2 * step_s if resolved else lasts_s + design.recovery_s)
        after_s = max(end_s - lasts_s, step_s)
        segments.append(_segment(whole(after_s, step_s), rest))
    return Script(tuple(segments), begin_s, begin_s + lasts_s)


def _segment(length_s: float, levels: Mapping[Input, Level]) -> Segment:
    ends = {each: replace(level, at=level.at + level.slope * length_s) for each, level in levels.items()}
    return Segment(length_s, {each: replace(level, slope=0.0) for each, level in levels.items()}, towards=ends)


def _still(each: Input) -> Level:
    return Level(at=1.0) if each.family.kind == "up" else Level()


def _level(told: _Told, part: str, text: str, flows: tuple[Flow, ...]) -> tuple[Input, Level]:
    place = told.place(part, text)
    query = parse(text, place)
    if len(query.selectors) != 1 or any(each.operator != "=" for each in query.matchers):
        remedy = 'name one series by its labels, such as requests_total{code="500"}'
        raise ConfigError(f"{text!r} does not name one series", location=place, remedy=remedy)
    selector = query.selectors[0]
    family = told.catalogue.written_family(selector, _kind(selector, flows[0]))
    if not flows[0].is_absent:
        _check_kind(family, flows, place)
    job = told.catalogue.job(family, selector.matchers)
    labels = sample_labels(family, job, selector.matchers)
    return Input(family, job, labels), _shown(flows)


def _kind(selector: Selector, flow: Flow) -> str:
    if selector.metric == "up":
        return "up"
    return "gauge" if flow.rate is None else "counter" if flow.at is None else "histogram"


def _check_kind(family: Family, flows: tuple[Flow, ...], place: Location) -> None:
    counted, valued = flows[0].rate is not None, flows[0].at is not None
    meant = {"counter": (True, False), "histogram": (True, True)}.get(family.kind, (False, True))
    if (counted, valued) != meant:
        remedy = f"write it as in {_KINDS[family.kind]}"
        raise ConfigError(f"{family.name} is {_WORDS[family.kind]}", location=place, remedy=remedy)


def _shown(flows: tuple[Flow, ...]) -> Level:
    first = flows[0]
    if first.is_absent:
        return Level(there=False)
    if first.rate is None:
        return Level(at=first.at or 0.0, slope=first.slope)
    mixture = tuple((each.rate or 0.0, each.at) for each in flows if each.at is not None)
    return Level(rate=sum(each.rate or 0.0 for each in flows), mixture=mixture)
