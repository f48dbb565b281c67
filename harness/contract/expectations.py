"""What a scenario expects: ``alert NAME``, ``log STREAM``, ``metric EXPRESSION``, ``health NAME``, ``load``."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field, model_validator

from harness.contract.quantities import Ratio
from harness.contract.strict import Strict

__all__ = [
    "SUBJECTS",
    "WITHOUT_NAME",
    "ExpectAlert",
    "ExpectHealth",
    "ExpectLoad",
    "ExpectLog",
    "ExpectMetric",
    "ExpectSeries",
    "Expectation",
]


_WHICH: Final = r"(failed |successful |aborted )?[\w-]+"


class ExpectAlert(Strict):
    """The alert fires, pages ``pages`` alone, and resolves; optionally before or instead of another."""

    pages: str | None = None
    before: str | None = None
    inhibits: str | None = None
    resolves: bool = True


class ExpectLog(Strict):
    """Documents (or lines) of a stream: how many there must be, and which fields each carries.

    ``events`` reads ``one per [failed|successful|aborted] KIND|request`` where KIND is a request kind.
    ``where`` narrows the stream to lines whose fields have these values.
    """

    events: str | None = Field(default=None, pattern=rf"^one per {_WHICH}$")
    where: dict[str, Any] = {}
    fields: list[str] = []
    at: Literal["documents", "lines"] | None = None
    joined_by: str = "request_id"
    rotates: bool = False


class ExpectMetric(Strict):
    """A PromQL expression, evaluated throughout: what it must do in the story.

    ``counts`` reads as ``events`` of a log, or ``work units of …``, and compares the growth of a counter, exactly;
    ``by`` does so for each value of some labels of the metric. ``seconds of …`` compares it with how long the client
    waited, to ``within`` so much of that.
    """

    rises_in: str | None = None
    above: float | None = None
    below: float | None = None
    during: str | None = None
    counts: str | None = Field(default=None, pattern=rf"^(one per|work units of|seconds of) {_WHICH}$")
    within: Ratio | None = None
    by: dict[str, str] = {}

    @model_validator(mode="after")
    def _something(self) -> ExpectMetric:
        if self.by and not self.counts:
            raise ValueError("by says under which labels counts is compared: say what is counted")
        if (self.within is not None) != (self.counts or "").startswith("seconds of "):
            raise ValueError("seconds are not counted exactly: seconds of … and within belong together")
        if not (self.rises_in or self.counts or self.above is not None or self.below is not None):
            raise ValueError("say what the metric does: rises_in, above, below or counts")
        return self


class ExpectHealth(Strict):
    """The state that a health endpoint reports: always, or at some time in a phase; or which checks the story fails."""

    is_: str | None = Field(default=None, alias="is")
    becomes: str | None = None
    proves: Literal["alone", "pairs"] | None = None
    during: str | None = None

    @model_validator(mode="after")
    def _one(self) -> ExpectHealth:
        if sum(said is not None for said in (self.is_, self.becomes, self.proves)) != 1:
            raise ValueError("say one of is (at every probe), becomes (at some probe) and proves (which checks fail)")
        return self


class ExpectLoad(Strict):
    """What the client saw in a phase: the share of requests that failed, or that every one was answered."""

    during: str | None = None
    fails: Ratio | None = None
    all_answered: bool = False


class ExpectSeries(Strict):
    """How many series an instance may give birth to in a phase, whatever clients send: none, unless said otherwise."""

    during: str
    grow_by: int = Field(default=0, ge=0)


Expectation = ExpectAlert | ExpectLog | ExpectMetric | ExpectHealth | ExpectLoad | ExpectSeries
WITHOUT_NAME: Final = frozenset({"load", "series"})
"""Subjects of which there is one."""
SUBJECTS: dict[str, type[Strict]] = {
    "alert": ExpectAlert,
    "log": ExpectLog,
    "metric": ExpectMetric,
    "health": ExpectHealth,
    "load": ExpectLoad,
    "series": ExpectSeries,
}
