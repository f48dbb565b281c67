"""Open-loop schedules: the intended send times of a phase, as a pure function of what was written and a seed.

A phase is a rate over production time. Its arrivals are the instants at which the integral of that
rate passes 0.5, 1.5, 2.5 … (``even``), or passes the sums of seeded exponential steps (``poisson``);
one mechanism for every shape. Nothing here looks at a clock: a slow target cannot move a send time.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import count, pairwise
from typing import Any, Literal, get_args

from harness.core.errors import ConfigError

__all__ = ["Arrival", "Arrivals", "LoadPhase", "Shape", "expected_count", "lay_out", "proportional"]

Shape = Literal["constant", "ramp", "step", "sine", "spike"]
Arrivals = Literal["even", "poisson"]

_SINE_KNOTS_PER_PERIOD = 32
_MAX_ARRIVALS = 20_000_000


@dataclass(frozen=True, slots=True)
class Arrival:
    """One intended request: wall seconds after the phase's start, its kind, and its number among its kind."""

    offset_s: float
    kind: str
    body: int


@dataclass(frozen=True, slots=True)
class LoadPhase:
    """Load as a person writes it: rates per production second, durations in production seconds.

    ``to_rate_per_s`` is the other rate of a shape that has two: the end of a ramp, the last of the
    steps, the crest of a sine, the top of a spike. ``duration_s`` is a bound: a phase may be cut early.
    A phase at rate 0 sends nothing and needs no mix. Raises ``ConfigError`` for what cannot be driven.
    """

    name: str
    rate_per_s: float
    duration_s: float
    mix: Mapping[str, float] = field(default_factory=dict)
    shape: Shape = "constant"
    arrivals: Arrivals = "even"
    to_rate_per_s: float | None = None
    steps: int = 4
    period_s: float | None = None

    def __post_init__(self) -> None:
        _require_finite(self, "rate_per_s", minimum=0.0)
        _require_finite(self, "duration_s", above=0.0)
        if self.shape not in get_args(Shape) or self.arrivals not in get_args(Arrivals):
            raise ConfigError(
                f"phase {self.name!r}: no such shape or arrivals: {self.shape!r}, {self.arrivals!r}",
                remedy=f"shapes: {', '.join(get_args(Shape))}; arrivals: {', '.join(get_args(Arrivals))}",
            )
        self._check_shape()
        self._check_mix()

    def _check_shape(self) -> None:
        if self.shape == "constant":
            return
        if self.to_rate_per_s is None:
            raise ConfigError(f"phase {self.name!r}: shape {self.shape!r} needs to_rate_per_s")
        _require_finite(self, "to_rate_per_s", minimum=0.0)
        if self.period_s is not None:
            _require_finite(self, "period_s", above=0.0)
        if self.shape == "step" and self.steps < 2:
            raise ConfigError(f"phase {self.name!r}: steps must be 2 or more, not {self.steps}")

    def _check_mix(self) -> None:
        for kind, weight in self.mix.items():
            if not (_is_number(weight) and math.isfinite(weight) and weight >= 0):
                raise ConfigError(f"phase {self.name!r}: weight of {kind!r} must be 0 or more, not {weight!r}")
        silent = not self.rate_per_s and not self.to_rate_per_s
        if not silent and not any(self.mix.values()):
            raise ConfigError(f"phase {self.name!r}: load without a mix", remedy="name a kind with a weight above 0")

    def to_json(self) -> dict[str, Any]:
        """A plain mapping that ``from_json`` turns back into an equal phase."""
        return asdict(self)

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> LoadPhase:
        """The phase in a mapping. Raises ``ConfigError`` for missing, unknown or unusable fields."""
        try:
            return cls(**written)
        except TypeError as error:
            raise ConfigError(f"not a load phase: {error}") from error


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _require_finite(phase: LoadPhase, name: str, *, minimum: float = -math.inf, above: float = -math.inf) -> None:
    value = getattr(phase, name)
    if not _is_number(value):
        raise ConfigError(f"phase {phase.name!r}: {name} must be a number, not {value!r}")
    if not (math.isfinite(value) and value >= minimum and value > above):
        bound = f"above {above:g}" if above > -math.inf else f"{minimum:g} or more"
        raise ConfigError(f"phase {phase.name!r}: {name} must be finite and {bound}, not {value}")


@dataclass(frozen=True, slots=True)
class RateCurve:
    """A rate that is linear between knots ``(seconds, per second)``, with its exact integral and inverse."""

    knots: tuple[tuple[float, float], ...]
    sums: tuple[float, ...]

    @classmethod
    def through(cls, knots: list[tuple[float, float]]) -> RateCurve:
        """The curve through ``knots``, in order of time; a vertical step is two knots at one time."""
        sums = [0.0]
        for (t0, r0), (t1, r1) in pairwise(knots):
            sums.append(sums[-1] + (t1 - t0) * (r0 + r1) / 2)
        return cls(tuple(knots), tuple(sums))

    @property
    def total(self) -> float:
        """Requests expected over the whole curve."""
        return self.sums[-1]

    def when(self, amount: float) -> float:
        """The first instant at which the integral reaches ``amount`` (0 < amount < total), in seconds."""
        index = min(max(bisect_right(self.sums, amount) - 1, 0), len(self.knots) - 2)
        (t0, r0), (t1, r1) = self.knots[index], self.knots[index + 1]
        left = amount - self.sums[index]
        if left <= 0:
            return t0
        slope = (r1 - r0) / (t1 - t0)
        # The root of slope/2·x² + r0·x − left, in the form that does not cancel and allows slope 0.
        return t0 + 2 * left / (r0 + math.sqrt(max(r0 * r0 + 2 * slope * left, 0.0)))


def _curve(phase: LoadPhase, speed: float) -> RateCurve:
    end, low = phase.duration_s, phase.rate_per_s
    high = low if phase.to_rate_per_s is None else phase.to_rate_per_s
    match phase.shape:
        case "constant":
            knots = [(0.0, low), (end, low)]
        case "ramp":
            knots = [(0.0, low), (end, high)]
        case "spike":
            knots = [(0.0, low), (end / 3, low), (end / 2, high), (end * 2 / 3, low), (end, low)]
        case "step":
            knots = list(_step_knots(end, low, high, phase.steps))
        case "sine":
            knots = list(_sine_knots(end, low, high, phase.period_s or end))
    return RateCurve.through([(t / speed, rate * speed) for t, rate in knots])


def _step_knots(end: float, low: float, high: float, steps: int) -> Iterator[tuple[float, float]]:
    for index in range(steps):
        rate = low + (high - low) * index / (steps - 1)
        yield end * index / steps, rate
        yield end * (index + 1) / steps, rate


def _sine_knots(end: float, low: float, high: float, period: float) -> Iterator[tuple[float, float]]:
    amount = max(2, math.ceil(end / period * _SINE_KNOTS_PER_PERIOD))
    for index in range(amount + 1):
        at = end * index / amount
        yield at, low + (high - low) * (1 - math.cos(2 * math.pi * at / period)) / 2


def expected_count(phase: LoadPhase) -> float:
    """Requests that the whole phase would send: exact to rounding for ``even``, the mean for ``poisson``."""
    return _curve(phase, 1.0).total


def lay_out(phase: LoadPhase, speed: float = 1.0, seed: int = 0) -> Iterator[Arrival]:
    """The phase's arrivals in order of time, offsets in wall seconds at ``speed``.

    The same phase, speed and seed give the same arrivals, bit for bit. Raises ``ConfigError`` where
    the phase is longer than any machine could keep.
    """
    curve = _curve(phase, speed)
    if curve.total > _MAX_ARRIVALS:
        raise ConfigError(f"phase {phase.name!r}: {curve.total:.0f} requests are more than {_MAX_ARRIVALS}")
    kinds = proportional(phase.mix)
    for amount in _amounts(phase.arrivals, curve.total, seed):
        kind, body = next(kinds)
        yield Arrival(curve.when(amount), kind, body)


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


def proportional(weights: Mapping[str, float]) -> Iterator[tuple[str, int]]:
    """Names for ever, as ``(name, how many of it came before)``, each in its proportion at every point.

    After any number *n* of draws each name was drawn its exact quota ``n·weight/sum`` times, to
    within less than one (Tijdeman's chairman assignment), so short windows keep the mix too.
    """
    shares = [(name, weight / sum(weights.values())) for name, weight in weights.items() if weight > 0]
    slack = 1 / (2 * len(shares) - 2) if len(shares) > 1 else 0.0
    drawn = dict.fromkeys((name for name, _ in shares), 0)
    for turn in count(1):
        name = _most_urgent(shares, drawn, turn, slack)
        yield name, drawn[name]
        drawn[name] += 1


def _most_urgent(shares: list[tuple[str, float]], drawn: dict[str, int], turn: int, slack: float) -> str:
    best, soonest = "", math.inf
    for name, share in shares:
        done = drawn[name]
        due = (done + 1 - slack) / share
        # The tolerance keeps a name eligible whose quota misses the slack by rounding alone.
        if turn * share - done >= slack - 1e-9 and due < soonest:
            best, soonest = name, due
    return best or min(shares, key=lambda pair: (drawn[pair[0]] + 1) / pair[1])[0]
