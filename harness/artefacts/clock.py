"""Production time made short: durations divided by the speed, rates divided back into production units.

Counts per window and values per second keep their production meaning, so that no threshold is ever
touched. What cannot be scaled without changing its meaning is refused by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from harness.artefacts.clock_check import verify
from harness.artefacts.promql import Query, Selector, parse
from harness.artefacts.promql_tokens import CallSpan, DurationSpan, last_argument, word_before
from harness.core.errors import ConfigError, Location
from harness.core.units import format_duration, parse_duration

__all__ = ["Change", "Clock", "Scaled", "ScrapeIntervals"]

MAX_ERROR_RATIO = 0.01
PER_SECOND = frozenset({"rate", "irate", "deriv"})
PER_WINDOW = frozenset({"increase", "delta", "idelta"})
COUNTS = frozenset({"changes", "resets"})
HORIZON = "predict_linear"
"""Its last argument is a number of seconds that is no duration."""
REFUSED = {
    "holt_winters": "its smoothing depends on the sampling of absolute time",
    "double_exponential_smoothing": "its smoothing depends on the sampling of absolute time",
    **dict.fromkeys(("time", "timestamp"), "it reads the wall clock, which does not run faster"),
    **dict.fromkeys(
        ("ts_of_min_over_time", "ts_of_max_over_time", "ts_of_first_over_time", "ts_of_last_over_time"),
        "it answers with an instant of the wall clock",
    ),
    **dict.fromkeys(
        ("minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year"),
        "the calendar does not run faster",
    ),
}
_SUFFIXES = ("", "_bucket", "_sum", "_count", "_total", "_created")


@dataclass(frozen=True, slots=True)
class Change:
    """One rewritten piece: what stood at ``location``, what stands there now, why, and the rounding error."""

    location: Location
    before: str
    after: str
    why: str
    error_ratio: float = 0.0

    def __str__(self) -> str:
        rounded = f" (rounded by {self.error_ratio:.2%})" if self.error_ratio else ""
        return f"{self.location}: {self.before} → {self.after}{rounded}: {self.why}"


@dataclass(frozen=True, slots=True)
class Scaled:
    """A scaled text with every change in the order written, and what is doubtful about it."""

    text: str
    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScrapeIntervals:
    """Production scrape intervals that may feed an expression: the shortest and the longest, in seconds."""

    shortest_s: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class _Splice:
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Clock:
    """How fast one cell lives: ``speed`` production seconds pass in one second of wall time.

    ``wall_families`` are the metric families that tick on the wall clock all the same (process CPU,
    garbage collection): their rates are left alone.
    """

    speed: float
    wall_families: frozenset[str] = field(default=frozenset())

    def __post_init__(self) -> None:
        if not math.isfinite(self.speed) or self.speed < 1:
            raise ConfigError(f"a speed is a number of at least 1, not {self.speed}")

    @property
    def speed_text(self) -> str:
        """The speed as PromQL writes it."""
        return f"{self.speed:.12g}"

    def seconds(self, production_s: float, location: Location | None = None) -> float:
        """Wall seconds for ``production_s``, in whole milliseconds; refuses a rounding error above 1 %."""
        exact = production_s / self.speed
        rounded = round(exact * 1000) / 1000
        if production_s and abs(rounded / exact - 1) > MAX_ERROR_RATIO:
            raise ConfigError(
                f"{format_duration(production_s)} at speed {self.speed_text} is {exact * 1000:.3f} ms: "
                "rounding to whole milliseconds would change it by more than 1 %",
                location=location,
                remedy="choose a lower speed",
            )
        return rounded

    def duration(self, text: str, location: Location, why: str = "clock: durations divided by speed") -> Change:
        """The change that scales one duration of a configuration file, such as ``15s`` to ``250ms``."""
        try:
            production_s = parse_duration(text)
        except ValueError as error:
            raise ConfigError(str(error), location=location) from None
        wall_s = self.seconds(production_s, location)
        return Change(location, text, format_duration(wall_s), why, self._error(production_s))

    def expression(self, query: Query, scrapes: ScrapeIntervals | None = None) -> Scaled:
        """``query`` in the time of this cell.

        ``scrapes`` are the production intervals of the jobs that feed it; with them, a range that holds
        fewer than two scrapes is refused and one under four is warned of. Raises ``ConfigError`` for
        everything that cannot be scaled soundly.
        """
        if self.speed == 1:
            return Scaled(query.text)
        self._refuse(query)
        if scrapes is not None:
            _refuse_short_ranges(query, scrapes)
        horizons = self._horizons(query)
        splices = [*self._durations(query), *self._calls(query), *(each for pair in horizons.values() for each in pair)]
        text = _spliced(query.text, splices, 0, len(query.text))
        scaled = parse(text, query.place)
        verify(query.tree, scaled.tree, self)
        return Scaled(text, self._changes(query, splices, horizons), _warnings(query, scrapes))

    def is_wall(self, selector: Selector) -> bool:
        """Whether ``selector`` reads only families of the wall clock; refuses one that reads both kinds."""
        names = [family + suffix for family in self.wall_families for suffix in _SUFFIXES]
        if not any(selector.may_read(name) for name in names):
            return False
        if selector.metric:
            return True
        raise ConfigError(
            "a selector without a metric name may read families of both clocks",
            remedy="select the families by name",
        )

    def factor(self, name: str, selectors: tuple[Selector, ...]) -> str:
        """What a call of ``name`` on ``selectors`` must be followed by: ``/60``, ``*60`` or nothing."""
        wall = self._ticks(selectors)
        if name in PER_SECOND:
            return "" if wall else f"/{self.speed_text}"
        return f"*{self.speed_text}" if wall and name in PER_WINDOW else ""

    def horizon(self, name: str, selectors: tuple[Selector, ...]) -> str:
        """What the last argument of a call of ``name`` on ``selectors`` must be followed by: ``/60`` or nothing."""
        return f"/{self.speed_text}" if name == HORIZON and not self._ticks(selectors) else ""

    def _ticks(self, selectors: tuple[Selector, ...]) -> bool:
        return bool(selectors) and all(self.is_wall(each) for each in selectors)

    def _error(self, production_s: float) -> float:
        return abs(self.seconds(production_s) * self.speed / production_s - 1) if production_s else 0.0

    def _refuse(self, query: Query) -> None:
        for call in query.calls:
            if call.name in REFUSED:
                problem = f"{call.name}() cannot be scaled: {REFUSED[call.name]}"
                raise _refusal(problem, query.place(call.start))
        if query.uses_at:
            raise _refusal("an @ modifier pins an instant of the wall clock", query.place(query.text.find("@")))
        clocks = {self._wall_at(query, each) for each in query.selectors if each.function in _TICKING}
        if len(clocks) == 2:
            raise _refusal("the expression mixes families of the wall clock with others", query.place(0))
        counted = [each for each in query.selectors if each.function in COUNTS and self._wall_at(query, each)]
        if counted:
            problem = f"{counted[0].function}() of {counted[0].metric} counts ticks of the wall clock"
            raise _refusal(problem, query.place(0))

    def _wall_at(self, query: Query, selector: Selector) -> bool:
        try:
            return self.is_wall(selector)
        except ConfigError as error:
            raise ConfigError(error.problem, location=query.place(0), remedy=error.remedy) from None

    def _durations(self, query: Query) -> list[_Splice]:
        return [
            _Splice(each.start, each.end, format_duration(self.seconds(each.seconds, query.place(each.start))))
            for each in query.durations
        ]

    def _calls(self, query: Query) -> list[_Splice]:
        found: list[_Splice] = []
        for call in query.calls:
            factor = self.factor(call.name, query.within(call).selectors) if call.name in _TICKING else ""
            if factor:
                # a bracket right behind group_left would be read as its labels
                grouped = word_before(query.text, call.start) in {"group_left", "group_right"}
                opening = "() (" if grouped else "("
                found += [_Splice(call.start, call.start, opening), _Splice(call.end, call.end, factor + ")")]
        return found

    def _horizons(self, query: Query) -> dict[CallSpan, list[_Splice]]:
        """How the last argument of each forecast is scaled."""
        found: dict[CallSpan, list[_Splice]] = {}
        for call in query.calls:
            factor = self.horizon(call.name, query.within(call).selectors) if call.name == HORIZON else ""
            if factor:
                start, end = last_argument(query.text, call)
                found[call] = [_Splice(start, start, "("), _Splice(end, end, f"){factor}")]
        return found

    def _changes(
        self, query: Query, splices: list[_Splice], horizons: dict[CallSpan, list[_Splice]]
    ) -> tuple[Change, ...]:
        wrapped = {each.start for each in splices if each.start == each.end}
        calls = [each for each in query.calls if each.start in wrapped and each.name in _TICKING]
        found = [(each.start, _call_change(query, each, splices)) for each in calls]
        for first, last in horizons.values():
            before = query.text[first.start : last.end]
            why = f"clock: horizon divided by speed {self.speed_text}"
            after = _spliced(query.text, splices, first.start, last.end)
            found.append((first.start, Change(query.place(first.start), before, after, why)))
        found += [(each.start, self._duration_change(query, each)) for each in query.durations]
        return tuple(change for _start, change in sorted(found, key=lambda pair: pair[0]))

    def _duration_change(self, query: Query, span: DurationSpan) -> Change:
        wall_s = self.seconds(span.seconds)
        why = f"clock: {span.role} divided by speed {self.speed_text}"
        return Change(query.place(span.start), span.text, format_duration(wall_s), why, self._error(span.seconds))


_TICKING = PER_SECOND | PER_WINDOW | COUNTS


def _refusal(problem: str, location: Location) -> ConfigError:
    remedy = "prove this rule at speed 1 or in virtual time, or write it without that part"
    return ConfigError(problem, location=location, remedy=remedy)


def _refuse_short_ranges(query: Query, scrapes: ScrapeIntervals) -> None:
    for span, needed_s in _sampled_ranges(query, scrapes.shortest_s):
        if span.seconds < 2 * needed_s:
            raise ConfigError(
                f"the range [{span.text}] holds fewer than two samples {format_duration(needed_s)} apart",
                location=query.place(span.start),
                remedy=f"use at least {format_duration(4 * needed_s)}",
            )


def _warnings(query: Query, scrapes: ScrapeIntervals | None) -> tuple[str, ...]:
    if scrapes is None:
        return ()
    return tuple(
        f"{query.place(span.start)}: the range [{span.text}] holds fewer than four samples "
        f"{format_duration(needed_s)} apart: one lost scrape empties it"
        for span, needed_s in _sampled_ranges(query, scrapes.longest_s)
        if span.seconds < 4 * needed_s
    )


def _sampled_ranges(query: Query, scrape_s: float) -> list[tuple[DurationSpan, float]]:
    """Ranges with the distance of the samples in them: the step of a subquery, otherwise the scrapes."""
    found: list[tuple[DurationSpan, float]] = []
    for span in query.durations:
        if span.role == "step":
            found[-1] = (found[-1][0], span.seconds)
        elif span.role == "range":
            found.append((span, scrape_s))
    return found


def _call_change(query: Query, call: CallSpan, splices: list[_Splice]) -> Change:
    before = query.text[call.start : call.end]
    after = _spliced(query.text, splices, call.start, call.end)
    return Change(query.place(call.start), before, after, "clock: back to production units")


def _spliced(text: str, splices: list[_Splice], start: int, end: int) -> str:
    parts, at = [], start
    for splice in sorted(splices, key=lambda each: (each.start, each.end)):
        if start <= splice.start and splice.end <= end:
            parts += [text[at : splice.start], splice.text]
            at = splice.end
    return "".join([*parts, text[at:end]])
