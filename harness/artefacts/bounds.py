"""When an alert may fire and must fire, and must resolve: sums of named terms, each on its own clock.

A bound is printed with its terms, so that a person can see which one to doubt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from harness.core.units import ProductionSeconds, WallSeconds, format_duration

__all__ = [
    "AlertTiming",
    "Bound",
    "FaultTiming",
    "Term",
    "Window",
    "crossing_s",
    "fire_bounds",
    "resolve_bounds",
    "yielding_bound",
]


@dataclass(frozen=True, slots=True)
class Term:
    """One summand in seconds of the named clock; production terms shrink with the speed, wall terms do not."""

    name: str
    seconds: float
    clock: Literal["production", "wall"] = "production"

    def __str__(self) -> str:
        sign = "-" if self.seconds < 0 else ""
        return f"{sign}{format_duration(abs(self.seconds))} {self.name}{' (wall)' if self.clock == 'wall' else ''}"


@dataclass(frozen=True, slots=True)
class Bound:
    """An instant counted from the first (fire) or last (resolve) faulty event, as a sum of terms."""

    terms: tuple[Term, ...]

    def production_s(self, speed: float) -> ProductionSeconds:
        """The sum in production seconds at ``speed``."""
        return ProductionSeconds(self._sum("production") + self._sum("wall") * speed)

    def wall_s(self, speed: float) -> WallSeconds:
        """The sum in wall seconds at ``speed``."""
        return WallSeconds(self._sum("production") / speed + self._sum("wall"))

    def __str__(self) -> str:
        shown = " + ".join(str(term) for term in self.terms if term.seconds)
        return shown.replace("+ -", "- ") or "0s"

    def _sum(self, clock: str) -> float:
        return sum(term.seconds for term in self.terms if term.clock == clock)


@dataclass(frozen=True, slots=True)
class Window:
    """The earliest and the latest instant at which something may be seen."""

    earliest: Bound
    latest: Bound

    def __str__(self) -> str:
        return f"earliest {self.earliest}; latest {self.latest}"


@dataclass(frozen=True, slots=True)
class AlertTiming:
    """Production durations that one alert passes through, in seconds; ``delivery_s`` is wall time.

    ``range_s`` is how far its expression looks back, through all recording rules; ``recorded_s`` how late what these
    record may be, ``offset_s`` how far in the past its group evaluates. ``scrape_s`` and ``evaluation_s`` are intervals
    as configured or, where wider gaps were recorded, the widest gap.
    """

    scrape_s: float
    evaluation_s: float
    range_s: float = 0.0
    for_s: float = 0.0
    keep_firing_for_s: float = 0.0
    group_wait_s: float = 0.0
    group_interval_s: float = 0.0
    delivery_s: float = 0.0
    recorded_s: float = 0.0
    offset_s: float = 0.0

    @property
    def pending_s(self) -> float:
        """``for`` in whole evaluations."""
        return math.ceil(round(self.for_s / self.evaluation_s, 9)) * self.evaluation_s


@dataclass(frozen=True, slots=True)
class FaultTiming:
    """From the fault to its first recorded event, in production seconds; ``crossing_s`` is the window's filling.

    ``service_wall_s`` is service time of a subject that lives on the wall clock.
    """

    arrival_gap_s: float = 0.0
    queue_s: float = 0.0
    service_s: float = 0.0
    crossing_s: float = 0.0
    service_wall_s: float = 0.0

    @property
    def first_event(self) -> tuple[Term, ...]:
        """Terms from the fault to the first faulty event that the subject records."""
        return (
            Term("arrival gap", self.arrival_gap_s),
            Term("queue", self.queue_s),
            Term("service time", self.service_s),
            Term("service time", self.service_wall_s, "wall"),
        )


def crossing_s(range_s: float, threshold: float | None = None, rate: float | None = None) -> float:
    """Seconds until a value averaged over ``range_s`` crosses ``threshold`` when events come at ``rate``.

    The whole range where the load is not known; infinite where ``rate`` never exceeds the threshold.
    """
    if threshold is None or rate is None:
        return range_s
    if rate <= threshold:
        return math.inf
    return min(range_s, max(threshold, 0.0) / rate * range_s)


def fire_bounds(alert: AlertTiming, fault: FaultTiming) -> Window:
    """When the page may arrive, counted from the fault; earliest counts from the first faulty event.

    Latest assumes that one whole scrape and one whole evaluation have just been missed.
    """
    earliest = Term("for", alert.for_s), Term("evaluation", -min(alert.evaluation_s, alert.for_s))
    latest = (
        *fault.first_event,
        Term("scrape", alert.scrape_s),
        Term("crossing", fault.crossing_s),
        Term("recording rules", alert.recorded_s),
        Term("query_offset", alert.offset_s),
        Term("evaluation", alert.evaluation_s),
        Term("for in whole evaluations", alert.pending_s),
        Term("group_wait", alert.group_wait_s),
        Term("delivery", alert.delivery_s, "wall"),
    )
    return Window(Bound(earliest), Bound(latest))


def resolve_bounds(alert: AlertTiming, fault: FaultTiming | None = None) -> Window:
    """When the resolved notice may arrive, counted from healing: the faulty samples must leave the window.

    What was in the queue or in service while the subject healed may still end as a faulty event.
    """
    drain = fault or FaultTiming()
    latest = (
        Term("queue", drain.queue_s),
        Term("service time", drain.service_s),
        Term("service time", drain.service_wall_s, "wall"),
        Term("scrape", alert.scrape_s),
        Term("range", alert.range_s),
        Term("recording rules", alert.recorded_s),
        Term("query_offset", alert.offset_s),
        Term("evaluation", alert.evaluation_s),
        Term("keep_firing_for", alert.keep_firing_for_s),
        Term("group_interval", alert.group_interval_s),
        Term("delivery", alert.delivery_s, "wall"),
    )
    return Window(Bound((Term("keep_firing_for", alert.keep_firing_for_s),)), Bound(latest))


def yielding_bound(alert: AlertTiming, inhibitor: AlertTiming, named: str, resend_s: float) -> Bound:
    """When the end of ``alert`` is told at the latest where the alert ``named`` inhibits it; from healing, too.

    What is resolved while it is inhibited leaves its group without a notice: Alertmanager learns of it again, and tells
    it, when Prometheus sends it once more, which it does for a quarter of an hour.
    """
    return Bound(
        (
            *resolve_bounds(inhibitor).latest.terms,
            Term(f"resend delay after {named} ceased to inhibit", resend_s),
            Term("evaluation", alert.evaluation_s),
            Term("group_interval", alert.group_interval_s),
        )
    )
