"""Thresholds of a story on what its clients saw: times, shares and rates, exactly, from the ledger.

A request that was sent in a phase and ended after it lived under two conditions. It counts where it had broken the
limit by the end of the phase; else it is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from harness.artefacts.promql import parse
from harness.clauses.measuring import load_lasted_s
from harness.clauses.model import Abort, Clause, Judgement, Need, held, inconclusive, still_open, violated
from harness.clauses.objectives import Sample, good_request, in_unit, overdue_by, phase_end, rows_of, sampling
from harness.clauses.production import Production, clock_of
from harness.clauses.saturation import judge_saturation
from harness.clauses.signals import judge_alert, judge_log, judge_promql
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.contract.thresholds import Threshold
from harness.core.errors import ConfigError, Location
from harness.core.units import format_duration
from harness.evidence.figures import Good, percentile, rank
from harness.evidence.records import Request
from harness.evidence.store import Evidence

__all__ = ["compile_thresholds"]

_LEDGER = (Need("ledger"),)


def compile_thresholds(campaign: Campaign, production: Production, scenario: Scenario) -> Iterator[Clause]:
    """One clause for each threshold of the story; raises ``ConfigError`` for what cannot be measured there."""
    speed = campaign.speed_of(scenario)
    for item in scenario.thresholds:
        _check_clock(campaign, item, speed)
        needs, judge = _JUDGES[item.subject](campaign, production, scenario, item)
        when = f" during {item.during}" if item.during else ""
        abort = Abort(item.abort_after_s, item.during) if item.abort_after_s is not None else None
        yield Clause(
            scenario.name,
            "load",
            item.name,
            "holds",
            item.source,
            f"{item.text}{when}",
            needs,
            judge,
            (scenario.name,),
            abort=abort,
        )


def _check_clock(campaign: Campaign, item: Threshold, speed: float) -> None:
    """A subject that keeps wall time is as slow at any speed: what it takes cannot be told in production time."""
    if item.subject == "time" and not item.wall and campaign.profile.clock == "wall" and speed != 1:
        text = format_duration(item.limit)
        raise ConfigError(
            f"{text} is production time, but the subject's clock is the wall's and the story runs at speed {speed:g}",
            location=item.places["limit"],
            remedy=f"write {text} wall, or give the story speed: 1",
        )


Compiled = tuple[tuple[Need, ...], Callable[[Evidence], Judgement]]


def _time(campaign: Campaign, production: Production, scenario: Scenario, item: Threshold) -> Compiled:  # noqa: ARG001
    return _LEDGER, partial(_judge_time, scenario.name, item)


def _share(campaign: Campaign, production: Production, scenario: Scenario, item: Threshold) -> Compiled:  # noqa: ARG001
    return _LEDGER, partial(_judge_share, scenario, item)


def _rate(campaign: Campaign, production: Production, scenario: Scenario, item: Threshold) -> Compiled:  # noqa: ARG001
    return _LEDGER, partial(_judge_rate, scenario, item)


def _promql(campaign: Campaign, production: Production, scenario: Scenario, item: Threshold) -> Compiled:
    where = item.places["expression"]
    if production.prometheus is None:
        raise ConfigError("the contract names no prometheus artefact to ask", location=where)
    query = parse(item.about, lambda offset: Location(where.file, where.line, where.column + offset))
    clock = clock_of(campaign, production, campaign.speed_of(scenario))
    clock.expression(query, production.prometheus.scrapes_of(query.selectors))  # what cannot be scaled is refused now
    return (Need("query", item.about),), partial(judge_promql, scenario.name, item)


def _log(campaign: Campaign, production: Production, scenario: Scenario, item: Threshold) -> Compiled:  # noqa: ARG001
    return (Need("lines", item.about),), partial(judge_log, campaign, scenario.name, item)


def _alert(campaign: Campaign, production: Production, scenario: Scenario, item: Threshold) -> Compiled:
    if production.alert(item.about, campaign.contract.budgets.delivery) is None:
        raise ConfigError(f"no rule file defines the alert {item.about}", location=item.places["alert"])
    return (Need("rules"), Need("series", "ALERTS")), partial(judge_alert, scenario.name, item)


def _saturation(campaign: Campaign, production: Production, scenario: Scenario, item: Threshold) -> Compiled:  # noqa: ARG001
    return _LEDGER, partial(judge_saturation, scenario, item)


_JUDGES: dict[str, Callable[[Campaign, Production, Scenario, Threshold], Compiled]] = {
    "time": _time,
    "share": _share,
    "rate": _rate,
    "promql": _promql,
    "log": _log,
    "alert": _alert,
    "saturation": _saturation,
}


# --- times -----------------------------------------------------------------------------------------


def _judge_time(cell: str, item: Threshold, evidence: Evidence) -> Judgement:
    start = evidence.started(cell)
    if start is None:
        return still_open("the story has not begun")
    if not _may_end_early(item) and not evidence.completed(cell):
        return still_open("requests may be in flight")
    samples = _times(evidence, cell, item, start.speed)
    early = _broken_early(evidence, cell, item, samples, item.share)
    if early is not None:
        return violated(f"{_told(samples[: early + 1], item, start.speed)}, which ends the story", at=samples[early].t)
    worst = next((sample for sample in samples if not sample.good), None) if _is_maximum(item) else None
    if worst is not None:
        return violated(f"{_told([worst], item, start.speed)}", at=worst.t)
    if not evidence.completed(cell):
        return still_open("requests may be in flight")
    if not samples:
        return inconclusive(f"no request has a {item.about} time")
    told = _told(samples, item, start.speed) + _by_users(evidence, cell, item)
    return (held if _passes(samples, item.share, item) else violated)(told)


def _by_users(evidence: Evidence, cell: str, item: Threshold) -> str:
    """Said beside a time that users took: a closed loop asks less of a service that stalls, which flatters it."""
    loops = {row.loop for row in rows_of(evidence, cell, item)}
    return "" if "closed" not in loops else ", in part in a closed loop" if "open" in loops else ", in a closed loop"


def _may_end_early(item: Threshold) -> bool:
    """Whether it can be decided before the story is over, by the first request that decides it."""
    return item.abort_after_s is not None or _is_maximum(item)


def _is_maximum(item: Threshold) -> bool:
    return item.share == 1 and item.operator[0] == "<"


def _times(evidence: Evidence, cell: str, item: Threshold, speed: float) -> list[Sample]:
    """In the order in which they became known, where that matters."""
    end, sample = phase_end(evidence, cell, item), sampling(item, speed)
    found = [known for row in rows_of(evidence, cell, item) if (known := sample(row, end))]
    return sorted(found) if _may_end_early(item) else found


def _passes(samples: Sequence[Sample], share: float, item: Threshold) -> bool:
    good = sum(sample.good for sample in samples)
    return _enough(good, len(samples), share, upper=item.operator[0] == "<")


def _enough(good: int, count: int, share: float, *, upper: bool) -> bool:
    """Whether the percentile of ``count`` values is on the right side of the limit, as ``good`` of them are."""
    return good >= rank(share, count) if upper else count - good < rank(share, count)


def _broken_early(
    evidence: Evidence, cell: str, item: Threshold, samples: Sequence[Sample], share: float
) -> int | None:
    """Index of the first sample with which the figure so far is broken, from the delay of ``abort_on_fail`` on."""
    if item.abort_after_s is None:
        return None
    start = evidence.started(cell)
    begin = evidence.phase(cell, item.during)[0] if item.during else start.t if start else None
    if begin is None or start is None:
        return None
    since, known, good = begin + item.abort_after_s / start.speed, evidence.horizon(cell), 0
    is_upper, was_enough = item.operator[0] == "<", False
    for index, (t, _, is_good) in enumerate(samples):
        good += is_good
        if t > known:
            return None
        if t < since or (is_good and was_enough):  # a good one more cannot break what held
            continue
        was_enough = _enough(good, index + 1, share, upper=is_upper)
        if not was_enough:
            return index
    return None


def _told(samples: Sequence[Sample], item: Threshold, speed: float) -> str:
    value = percentile(sorted(sample.value for sample in samples), item.share)
    name = "max" if item.share == 1 else f"p{item.share * 100:g}"
    unit = "s wall" if item.wall else "s"
    return f"{item.about} {name} {in_unit(value, item, speed):.4g} {unit} over {_counted(len(samples))}"


def _counted(number: int) -> str:
    return f"{number} request{'s' if number != 1 else ''}"


# --- shares and rates ------------------------------------------------------------------------------


def _judge_share(scenario: Scenario, item: Threshold, evidence: Evidence) -> Judgement:
    cell = scenario.name
    start = evidence.started(cell)
    if start is None:
        return still_open("the story has not begun")
    if item.abort_after_s is None and not evidence.completed(cell):
        return still_open("requests may be in flight")
    samples = _hits(evidence, scenario, item, start.speed)
    early = _share_broken_early(evidence, cell, item, samples)
    if early is not None:
        return violated(f"{_told_share(samples[: early + 1], item)}, which ends the story", at=samples[early].t)
    if not evidence.completed(cell):
        return still_open("requests may be in flight")
    if not samples:
        return inconclusive("no request to judge")
    return (held if item.admits(_ratio(samples)) else violated)(_told_share(samples, item))


_HITS: dict[str, Good] = {"failed": lambda row: not row.expected, "dropped": lambda row: row.dropped}


def _hits(evidence: Evidence, scenario: Scenario, item: Threshold, speed: float) -> list[Sample]:
    """Samples whose ``good`` tells that the request counts into the share, in order where that matters."""
    end, hits = phase_end(evidence, scenario.name, item), _HITS.get(item.about) or good_request(scenario, speed)
    is_failed, is_dropped, overdue = item.about == "failed", item.about == "dropped", overdue_by(scenario, speed)
    found: list[Sample] = []
    for row in rows_of(evidence, scenario.name, item):
        t = row.end_t if row.end_t is not None else row.intended_t
        if is_failed and row.sent_t is None:
            continue
        if t <= end:
            found.append(Sample(t, 0.0, hits(row)))
        elif is_dropped or (not is_failed and overdue(row, end)):
            found.append(Sample(end, 0.0, False))
    return sorted(found) if item.abort_after_s is not None else found


def _ratio(samples: Sequence[Sample]) -> float:
    return sum(sample.good for sample in samples) / len(samples)


def _share_broken_early(evidence: Evidence, cell: str, item: Threshold, samples: Sequence[Sample]) -> int | None:
    start = evidence.started(cell)
    begin = evidence.phase(cell, item.during)[0] if item.during else start.t if start else None
    if item.abort_after_s is None or begin is None or start is None:
        return None
    since, known, hits = begin + item.abort_after_s / start.speed, evidence.horizon(cell), 0
    for index, (t, _, is_hit) in enumerate(samples):
        hits += is_hit
        if t > known:
            return None
        if t >= since and not item.admits(hits / (index + 1)):
            return index
    return None


def _told_share(samples: Sequence[Sample], item: Threshold) -> str:
    return f"{item.about} {_ratio(samples):.2%} of {_counted(len(samples))}"


def _judge_rate(scenario: Scenario, item: Threshold, evidence: Evidence) -> Judgement:
    cell = scenario.name
    start = evidence.started(cell)
    if start is None or not evidence.completed(cell):
        return still_open("the story is not over")
    phases = [phase for phase in scenario.phases if phase.load and item.during in {None, phase.name}]
    lasted_s = load_lasted_s(evidence, cell, phases) * start.speed
    end, met = phase_end(evidence, cell, item), good_request(scenario, start.speed)
    rows = [row for row in rows_of(evidence, cell, item) if row.end_t is not None and row.end_t <= end]
    if not rows or not lasted_s:
        return inconclusive("no request to judge")
    value = sum(_amount(row, item, met) for row in rows) / lasted_s
    return (held if item.admits(value) else violated)(f"{item.about} {value:.4g}/s over {lasted_s:.4g} s production")


def _amount(row: Request, item: Threshold, met: Good) -> float:
    if item.about == "work":
        return row.work_units
    return float(met(row) if item.about == "goodput" else row.error in {"", "status"} and not row.aborted)
