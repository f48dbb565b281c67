"""Series made to order: counters that run at a rate, gauges at a level, histograms with a chosen quantile."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from harness.virtual.families import Family, Job

__all__ = ["Input", "Level", "Segment", "notation", "render"]

Labels = tuple[tuple[str, str], ...]
_ROUNDING: Final = 1e-9
"""On a bucket's border a rounding error would throw the quantile into the next bucket: stay this much below."""
Seen = Literal["scraped", "absent", "gone", "failed"]


@dataclass(frozen=True, slots=True)
class Level:
    """What one input does: events per second, and where they or the value itself lie.

    ``at`` is the value of a gauge, or the quantile of a histogram; ``slow`` is the share of a histogram's
    events above all its buckets. ``mixture`` says instead how many events a second lie at which value. ``slope``
    is by how much a gauge moves in a second, on top of ``at``; ``in_steps`` of 1, as one that changes so often.
    A series that is not ``there`` has no samples.
    """

    rate: float = 0.0
    at: float = 0.0
    slow: float = 0.0
    slope: float = 0.0
    in_steps: bool = False
    mixture: tuple[tuple[float, float], ...] = ()
    there: bool = True
    copies: int = 1
    """How many series there are, each on a target of its own."""
    moment: bool = False
    """Whether the value is an instant: ``at`` counts from the beginning of the experiment."""


@dataclass(frozen=True, slots=True)
class Input:
    """One class of series: a family with labels that some selector asks for.

    ``variants`` are other label sets that the same selectors accept, for traffic that is spread.
    ``quantile`` is the one that the expression asks of a histogram.
    """

    family: Family
    job: Job
    labels: Labels
    variants: tuple[Labels, ...] = ()
    quantile: float = 0.95
    apart: tuple[str, ...] = ()
    """Labels beside those of the target by which copies of it are told apart."""

    @property
    def is_counting(self) -> bool:
        """Whether the series only grow."""
        return self.family.kind in {"counter", "histogram"}

    def __hash__(self) -> int:
        return hash((self.family.name, self.job.place, self.labels))


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the story: what each input does for ``length_s``.

    ``towards`` are levels that gauges reach in a straight line by the end. ``seen`` is ``failed`` while the target
    is up but cannot be scraped, ``gone`` when discovery has dropped it, ``absent`` while nothing was ever there.
    ``reset`` starts counters anew; ``burst_s`` lets as much happen at once as these levels bring in that time.
    """

    length_s: float
    levels: Mapping[Input, Level]
    towards: Mapping[Input, Level] | None = None
    seen: Seen = "scraped"
    reset: bool = False
    burst_s: float = 0.0


@dataclass(slots=True)
class _Line:
    """One series while its samples are written."""

    name: str
    labels: Labels
    share: float
    total: float = 0.0
    was_seen: bool = False


def render(
    inputs: Sequence[Input],
    segments: Sequence[Segment],
    interval_s: float,
    *,
    rest: Mapping[Input, Level] | None = None,
    start_s: float = 0.0,
) -> dict[str, str]:
    """Samples of all series, ``interval_s`` apart, in promtool's notation.

    With ``rest`` the story is spread over three targets (fewer where selectors name them) and, for what counts,
    over label values: traffic is divided among them; a gauge does so on one target while the others do what
    ``rest`` says. It begins ``start_s`` after the epoch.
    """
    segments = [_dated(segment, start_s) for segment in segments] if start_s else segments
    found: dict[str, str] = {}
    for each in inputs:
        copies = max((segment.levels[each].copies for segment in segments), default=1)
        for target, labels, share in _places(each, copies, spread=rest is not None):
            calm = rest.get(each) if rest is not None and target and not each.is_counting else None
            copy = 0 if rest is not None else target
            found |= _written(each, target, labels, share, segments, interval_s, calm, copy)
    return found


def _dated(segment: Segment, start_s: float) -> Segment:
    """``segment`` with instants as seconds since the epoch."""

    def dated(levels: Mapping[Input, Level]) -> dict[Input, Level]:
        return {each: replace(level, at=level.at + start_s * level.moment) for each, level in levels.items()}

    return replace(segment, levels=dated(segment.levels), towards=segment.towards and dated(segment.towards))


def _places(each: Input, copies: int, *, spread: bool) -> Iterator[tuple[int, Labels, float]]:
    if not spread:
        yield 0, each.labels, 1.0
        for copy in range(1, copies):
            own = {name: f"{name}-{copy}" for name in each.apart if name not in dict(each.labels)}
            yield copy, tuple(sorted({**dict(each.labels), **own}.items())), 1.0
        return
    sets = (each.labels, *each.variants) if each.is_counting else (each.labels,)
    targets = each.job.most
    for target in range(targets):
        for labels in sets:
            yield target, labels, 1.0 / (targets * len(sets))


def _written(
    each: Input,
    target: int,
    labels: Labels,
    share: float,
    segments: Sequence[Segment],
    interval_s: float,
    calm: Level | None,
    copy: int,
) -> dict[str, str]:
    full = dict(each.job.target_labels(target)) | dict(labels)
    found = {}
    for suffix, extra, weigh in _parts(each):
        tokens = _tokens(each, weigh, segments, interval_s, share, calm, copy)
        found[notation(each.family.name + suffix, {**full, **extra})] = _packed(tokens)
    return found


def notation(name: str, labels: Mapping[str, str]) -> str:
    """A series as PromQL writes it; an empty label is none."""
    shown = ",".join(f"{key}={_quoted(value)}" for key, value in sorted(labels.items()) if value)
    return f"{name}{{{shown}}}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _parts(each: Input) -> Iterator[tuple[str, dict[str, str], int | None]]:
    """Suffix, extra labels and the number of the part: buckets count from 0, then the sum, then the count."""
    if each.family.kind != "histogram":
        yield "", {}, None
        return
    bounds = [*each.family.buckets, math.inf]
    for index, bound in enumerate(bounds):
        yield "_bucket", {"le": _bound(bound)}, index
    yield "_sum", {}, len(bounds)
    yield "_count", {}, len(bounds) + 1


def _bound(bound: float) -> str:
    """As Prometheus stores it since version 3, however a service writes it: ``1.0`` and not ``1``."""
    if math.isinf(bound):
        return "+Inf"
    text = f"{bound:.12g}"
    return text if "." in text or "e" in text else f"{text}.0"


def _tokens(
    each: Input,
    part: int | None,
    segments: Sequence[Segment],
    interval_s: float,
    share: float,
    calm: Level | None,
    copy: int,
) -> Iterator[str]:
    total, moved, seen = 0.0, 0.0, False
    for segment, level, is_first in _instants(each, segments, interval_s, calm):
        if each.is_counting:
            total = 0.0 if segment.reset and is_first else total
            grown_s = (segment.burst_s if is_first else 0.0) + (interval_s if seen or not is_first else 0.0)
            total += _speed(each, part, level) * share * grown_s if segment.seen != "absent" else 0.0
        shown = (
            level.there
            and copy < level.copies
            and (segment.seen == "scraped" or (segment.seen == "failed" and each.family.kind == "up"))
        )
        if shown:
            yield _number(total if each.is_counting else _value(each, level, segment.seen) + _moved(level, moved))
        else:
            yield "stale" if seen and segment.seen != "absent" else "_"
        seen, moved = shown, moved + level.slope * interval_s


def _instants(
    each: Input, segments: Sequence[Segment], interval_s: float, calm: Level | None
) -> Iterator[tuple[Segment, Level, bool]]:
    begin_s, step = 0.0, 0
    for segment in segments:
        is_first = True
        while step * interval_s < begin_s + segment.length_s - 1e-6:
            part = (step * interval_s - begin_s) / segment.length_s
            yield segment, calm or _between(each, segment, part), is_first
            is_first, step = False, step + 1
        begin_s += segment.length_s


def _between(each: Input, segment: Segment, part: float) -> Level:
    level = segment.levels[each]
    if segment.towards is None or each.is_counting:
        return level
    return replace(level, at=level.at + (segment.towards[each].at - level.at) * part)


def _value(each: Input, level: Level, seen: Seen) -> float:
    return 0.0 if each.family.kind == "up" and seen == "failed" else level.at


def _moved(level: Level, moved: float) -> float:
    return float(math.floor(moved + _ROUNDING)) if level.in_steps else moved


def _speed(each: Input, part: int | None, level: Level) -> float:
    if part is None:
        return level.rate
    if level.mixture:
        return _mixed(each, part, level)
    weights = _weights(each, level)
    if part < len(weights):
        return level.rate * math.fsum(weights[: part + 1])
    return level.rate * level.at if part == len(weights) else level.rate


def _mixed(each: Input, part: int, level: Level) -> float:
    bounds = [*each.family.buckets, math.inf]
    if part < len(bounds):
        return math.fsum(rate for rate, value in level.mixture if value <= bounds[part])
    return math.fsum(rate * value for rate, value in level.mixture) if part == len(bounds) else level.rate


def _weights(each: Input, level: Level) -> list[float]:
    """Shares of the events by bucket, so that the quantile lies exactly at ``level.at``."""
    bounds = each.family.buckets
    weights = [0.0] * (len(bounds) + 1)
    if level.slow:
        weights[0], weights[-1] = 1 - level.slow, level.slow
        return weights
    index = next((i for i, bound in enumerate(bounds) if level.at <= bound), len(bounds))
    if index == len(bounds):
        weights[-1] = 1.0
        return weights
    low = bounds[index - 1] if index else 0.0
    depth, q = (level.at - low) / (bounds[index] - low), each.quantile
    if depth >= q:
        weights[index] = min(1.0, q / depth * (1 + _ROUNDING))
        weights[-1] = 1 - weights[index]
    elif index:
        below = (q - depth) / (1 - depth)
        weights[index - 1], weights[index] = below, 1 - below
    else:
        weights[0] = 1.0
    return weights


def _number(value: float) -> str:
    return f"{round(value, 9):.17g}" if abs(value) < 1e6 else f"{value:.17g}"


def _packed(tokens: Iterator[str]) -> str:
    """Runs of equal samples in promtool's short form."""
    runs: list[tuple[str, int]] = []
    for token in tokens:
        if runs and runs[-1][0] == token:
            runs[-1] = (token, runs[-1][1] + 1)
        else:
            runs.append((token, 1))
    return " ".join(_run(token, count) for token, count in runs)


def _run(sample: str, count: int) -> str:
    if count == 1:
        return sample
    if sample == "stale":
        return " ".join([sample] * count)
    return f"_x{count}" if sample == "_" else f"{sample}x{count - 1}"
