"""Load as a story writes it: one course of a rate, a trace, or users; alone, in sequence, or on top of each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from harness.contract.quantities import Duration, PerSecond, WallDuration
from harness.contract.strict import Strict
from harness.core.units import ProductionSeconds

__all__ = ["Ceiling", "Course", "Leg", "LoadBounds", "LoadSpec", "Ramp", "Sine", "Spike", "Step"]

Weight = Annotated[int | float, Field(gt=0, allow_inf_nan=False)]
_COURSES: Final = ("rate", "ramp", "step", "sine", "spike")
_HOST: Final = re.compile(r"[0-9a-z._-]+|[0-9a-f:]+(%[0-9a-z]+)?")
_LOADS: Final = (*_COURSES, "trace", "users", "sequence", "sum")


class Ceiling(Strict):
    """The most that one host off this machine may be sent in one run."""

    requests: int = Field(ge=1)
    for_: Annotated[WallDuration, Field(gt=0)] = Field(alias="for")


class LoadBounds(Strict):
    """Where load may go beside loopback: host → its ceiling. Whatever is not named here is never sent to."""

    allow: dict[str, Ceiling] = {}

    @model_validator(mode="after")
    def _hosts(self) -> LoadBounds:
        for name in self.allow:
            if not _HOST.fullmatch(name):
                raise ValueError(f"{name!r} is not the name or the address of a host: leave out scheme, port and path")
        return self


class Ramp(Strict):
    """A rate that rises or falls evenly; then it stays."""

    from_: PerSecond = Field(alias="from")
    to: PerSecond
    over: Annotated[Duration, Field(gt=0)] | None = None


class Step(Strict):
    """A rate that changes in steps of equal length; then it stays at the last."""

    from_: PerSecond = Field(alias="from")
    to: PerSecond
    steps: int = Field(default=4, ge=2)
    over: Annotated[Duration, Field(gt=0)] | None = None


class Sine(Strict):
    """A rate that swings between a trough, where it begins, and a crest."""

    from_: PerSecond = Field(alias="from")
    to: PerSecond
    period: Annotated[Duration, Field(gt=0)]


class Spike(Strict):
    """A rate that jumps up once and back again."""

    from_: PerSecond = Field(alias="from")
    to: PerSecond
    at: Duration
    lasts: Annotated[Duration, Field(gt=0)]


class Course(Strict):
    """What a rate does over time: exactly one of these."""

    rate: PerSecond | None = None
    ramp: Ramp | None = None
    step: Step | None = None
    sine: Sine | None = None
    spike: Spike | None = None

    def needs_length(self) -> bool:
        """Whether this course cannot be told without knowing how long it lasts."""
        return any(part is not None and part.over is None for part in (self.ramp, self.step))


class Leg(Course):
    """One part of a sequence."""

    lasts: Annotated[Duration, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Leg:
        _exactly_one(self, _COURSES)
        return self


class LoadSpec(Course):
    """Offered load of a phase, per production second; the mix is in proportion to its weights."""

    trace: str | None = None
    users: int | None = Field(default=None, ge=1)
    think: Duration = ProductionSeconds(0.0)
    sequence: Annotated[list[Leg], Field(min_length=1)] | None = None
    sum: Annotated[list[LoadSpec], Field(min_length=1)] | None = None
    mix: Annotated[dict[str, Weight], Field(min_length=1)] | None = None
    arrivals: Literal["constant", "poisson"] = "constant"
    warm_up: Duration = ProductionSeconds(0.0)

    @model_validator(mode="after")
    def _whole(self) -> LoadSpec:
        what = _exactly_one(self, _LOADS)
        given = self.model_fields_set
        self._check_mix(what)
        if "think" in given and what != "users":
            raise ValueError("only users think: everything else is sent at its own time")
        if "arrivals" in given and what in {"trace", "users", "sum"}:
            raise ValueError(f"{what} already says when requests are sent: leave out arrivals")
        for leg in (self.sequence or [])[:-1]:
            if leg.lasts is None:
                raise ValueError("every part of a sequence but the last needs lasts")
        if any(part.warm_up for part in self.sum or ()):
            raise ValueError("write warm_up once, beside sum")
        return self

    def _check_mix(self, what: str) -> None:
        if what == "trace" and self.mix is not None:
            raise ValueError("a trace names its own kinds: leave out mix")
        if what == "sum" and self.mix is not None:
            raise ValueError("each part of a sum has its own mix: leave out this one")
        if what not in {"trace", "sum"} and self.mix is None:
            raise ValueError("load without a mix: name a request kind with a weight, as in mix: {generate: 1}")

    def parts(self) -> Iterator[tuple[tuple[str | int, ...], LoadSpec]]:
        """Every load that is not a sum, with its path below this one."""
        if self.sum is None:
            yield (), self
        for index, part in enumerate(self.sum or ()):
            for path, inner in part.parts():
                yield ("sum", index, *path), inner

    def lengthless(self) -> bool:
        """Whether something in it takes its length from the phase."""
        last = (self.sequence or [])[-1:]
        parts = (part for _, part in self.parts() if part is not self)
        return (
            self.needs_length()
            or any(leg.lasts is None and leg.needs_length() for leg in last)
            or any(part.lengthless() for part in parts)
        )


def _exactly_one(load: Strict, names: tuple[str, ...]) -> str:
    given = [name for name in names if getattr(load, name) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise ValueError(f"write exactly one of {', '.join(names)}; there is {found}")
    return given[0]
