"""Schedules: the intended send times of a phase, as a pure function of what was written and a seed.

A phase carries traffic of three sorts, alone or one on top of the other: a ``Flow`` follows a rate, a ``Replay``
follows the times of a trace file, ``Users`` send again when they were answered. The arrivals of a flow are
the instants at which the integral of its rate passes 0.5, 1.5, 2.5 … (``even``), or passes the sums of seeded
exponential steps (``poisson``): one mechanism for every shape. Nothing here looks at a clock: a slow target
cannot move a send time. Users have none, which is why their loop is called closed.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, get_args

from harness.core.errors import ConfigError
from harness.core.trace import read_trace
from harness.run.load.curve import Piece, RateCurve
from harness.run.load.mix import proportional

__all__ = [
    "MAX_ARRIVALS",
    "Arrival",
    "Arrivals",
    "Flow",
    "LoadPhase",
    "Replay",
    "Traffic",
    "Users",
    "expected_count",
    "lay_out",
    "steady",
    "traced",
]

Arrivals = Literal["even", "poisson"]
Timed = tuple[float, str]

MAX_ARRIVALS = 20_000_000
_SPREAD = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class Arrival:
    """One intended request: wall seconds after the phase's start, its kind, and its number among its kind."""

    offset_s: float
    kind: str
    body: int


@dataclass(frozen=True, slots=True)
class Flow:
    """Open loop at a rate: ``pieces`` one after the other, then nothing; ``mix`` gives the kinds their weights.

    A flow at rate 0 needs no mix. Raises ``ConfigError`` for what cannot be driven.
    """

    pieces: tuple[Piece, ...]
    mix: Mapping[str, float]
    arrivals: Arrivals = "even"

    def __post_init__(self) -> None:
        if self.arrivals not in get_args(Arrivals):
            raise ConfigError(
                f"no such arrivals: {self.arrivals!r}", remedy=f"write one of: {', '.join(get_args(Arrivals))}"
            )
        if not self.pieces:
            raise ConfigError("a flow needs a piece")
        for piece in self.pieces:
            _require("a duration", piece.lasts_s, above=0.0)
            _require("a rate", piece.rate_per_s)
            _require("a rate", piece.to_per_s)
            if piece.period_s is not None:
                _require("a period", piece.period_s, above=0.0)
        _check_mix(self.mix, silent=not any(piece.rate_per_s or piece.to_per_s for piece in self.pieces))

    def timed(self, until_s: float, seed: int) -> Iterator[Timed]:
        """When each request is due, in production seconds up to ``until_s``, and its kind."""
        curve = RateCurve(self.pieces)
        kinds = proportional(self.mix)
        for amount in _amounts(self.arrivals, curve.amount(until_s), seed):
            yield curve.when(amount), next(kinds)

    def expected(self, until_s: float) -> float:
        """Requests up to ``until_s``: exact to rounding for ``even``, the mean for ``poisson``."""
        return RateCurve(self.pieces).amount(until_s)


@dataclass(frozen=True, slots=True)
class Replay:
    """Open loop at the times of a trace file, which also names the kinds."""

    trace: str

    def timed(self, until_s: float, _: int) -> Iterator[Timed]:
        """When each request is due, in production seconds up to ``until_s``, and its kind."""
        return itertools.takewhile(lambda item: item[0] < until_s, traced(self.trace))

    def expected(self, until_s: float) -> float:
        """Requests up to ``until_s``."""
        return bisect_left(traced(self.trace), (until_s, ""))


@dataclass(frozen=True, slots=True)
class Users:
    """A closed loop: each of ``users`` sends, waits for the answer, thinks for ``think_s``, and sends again."""

    users: int
    mix: Mapping[str, float]
    think_s: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.users, int) or self.users < 1:
            raise ConfigError(f"users must be a whole number above 0, not {self.users!r}")
        _require("the time to think", self.think_s)
        _check_mix(self.mix)


Traffic = Flow | Replay | Users


@dataclass(frozen=True, slots=True)
class LoadPhase:
    """Load as the driver is told it: rates per production second, durations in production seconds.

    ``duration_s`` is a bound: a phase may be cut early. What is intended in the first ``warm_up_s`` is
    sent and counted like all else, and marked. Raises ``ConfigError`` for what cannot be driven.
    """

    name: str
    duration_s: float
    traffic: tuple[Traffic, ...] = ()
    warm_up_s: float = 0.0

    def __post_init__(self) -> None:
        _require(f"phase {self.name!r}: duration_s", self.duration_s, above=0.0)
        _require(f"phase {self.name!r}: warm_up_s", self.warm_up_s)

    @property
    def kinds(self) -> set[str]:
        """Every request kind that the phase may send; reads the trace files."""
        found: set[str] = set()
        for item in self.traffic:
            if isinstance(item, Replay):
                found.update(kind for _, kind in traced(item.trace))
            else:
                found.update(kind for kind, weight in item.mix.items() if weight)
        return found

    def to_json(self) -> dict[str, Any]:
        """A plain mapping that ``from_json`` turns back into an equal phase."""
        return asdict(self)

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> LoadPhase:
        """The phase in a mapping. Raises ``ConfigError`` for missing, unknown or unusable fields."""
        try:
            traffic = tuple(_traffic(item) for item in written.get("traffic", ()))
            return cls(**{**written, "traffic": traffic})
        except ConfigError as error:
            raise ConfigError(f"phase {written.get('name')!r}: {error.problem}", remedy=error.remedy) from error
        except (TypeError, AttributeError) as error:
            raise ConfigError(f"not a load phase: {error}") from error


def traced(path: str) -> tuple[Timed, ...]:
    """The arrivals in a trace file, read once. Raises ``ConfigError`` as ``read_trace`` does."""
    file = Path(path)
    return _traced(file, file.stat().st_mtime_ns if file.is_file() else 0)


@lru_cache(maxsize=64)
def _traced(file: Path, _: int) -> tuple[Timed, ...]:
    return tuple((item.at_s, item.kind) for item in read_trace(file))


def _traffic(written: Mapping[str, Any]) -> Traffic:
    if "trace" in written:
        return Replay(**written)
    if "users" in written:
        return Users(**written)
    return Flow(**{**written, "pieces": tuple(Piece(**piece) for piece in written.get("pieces", ()))})


def steady(
    name: str, rate_per_s: float, duration_s: float, mix: Mapping[str, float], arrivals: Arrivals = "even"
) -> LoadPhase:
    """The plainest phase: one rate from its beginning to its end."""
    _require(f"phase {name!r}: duration_s", duration_s, above=0.0)
    return LoadPhase(name, duration_s, (Flow((Piece(duration_s, rate_per_s, rate_per_s),), mix, arrivals),))


def _check_mix(mix: Mapping[str, float], *, silent: bool = False) -> None:
    for kind, weight in mix.items():
        _require(f"the weight of {kind!r}", weight)
    if not silent and not any(mix.values()):
        raise ConfigError("load without a mix", remedy="name a kind with a weight above 0")


def _require(what: str, value: object, *, above: float | None = None) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ConfigError(f"{what} must be a number, not {value!r}")
    fits = value >= 0 if above is None else value > above
    if not (math.isfinite(value) and fits):
        raise ConfigError(f"{what} must be finite and {'0 or more' if above is None else 'above 0'}, not {value}")


def expected_count(phase: LoadPhase) -> float:
    """Requests that the open loops of the whole phase would send: the mean where arrivals are random."""
    return sum(item.expected(phase.duration_s) for item in phase.traffic if not isinstance(item, Users))


def lay_out(phase: LoadPhase, speed: float = 1.0, seed: int = 0) -> Iterator[Arrival]:
    """The arrivals of the phase's open loops in order of time, offsets in wall seconds at ``speed``.

    The same phase, speed and seed give the same arrivals, bit for bit. Raises ``ConfigError`` where
    the phase is longer than any machine could keep, or a trace cannot be read.
    """
    if (expected := expected_count(phase)) > MAX_ARRIVALS:
        raise ConfigError(f"phase {phase.name!r}: {expected:.0f} requests are more than {MAX_ARRIVALS}")
    loops = [item for item in phase.traffic if not isinstance(item, Users)]
    seeds = (seed ^ (index * _SPREAD) for index in range(len(loops)))
    timed = [item.timed(phase.duration_s, own) for item, own in zip(loops, seeds, strict=False)]
    return _numbered(timed[0] if len(timed) == 1 else heapq.merge(*timed, key=itemgetter(0)), speed)


def _numbered(timed: Iterable[Timed], speed: float) -> Iterator[Arrival]:
    drawn: Counter[str] = Counter()
    for at_s, kind in timed:
        yield Arrival(at_s / speed, kind, drawn[kind])
        drawn[kind] += 1


def _amounts(arrivals: Arrivals, total: float, seed: int) -> Iterator[float]:
    if arrivals == "even":
        # Half a spacing at either end keeps the spacing even across two phases of one rate.
        yield from (index + 0.5 for index in range(math.ceil(total - 0.5)))
        return
    source = random.Random(seed)  # noqa: S311 - a schedule needs a repeatable source, not a secret one
    amount = source.expovariate(1.0)
    while amount < total:
        yield amount
        amount += source.expovariate(1.0)
