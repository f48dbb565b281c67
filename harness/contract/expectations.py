"""What a scenario expects: ``alert NAME``, ``log STREAM``, ``metric EXPRESSION``, ``health NAME``, ``load``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from harness.contract.quantities import Ratio
from harness.contract.strict import Strict

__all__ = ["SUBJECTS", "ExpectAlert", "ExpectHealth", "ExpectLoad", "ExpectLog", "ExpectMetric", "Expectation"]


class ExpectAlert(Strict):
    """The alert fires, pages ``pages`` alone, and resolves; optionally before or instead of another."""

    pages: str | None = None
    before: str | None = None
    inhibits: str | None = None
    resolves: bool = True


class ExpectLog(Strict):
    """Documents (or lines) of a stream: how many there must be, and which fields each carries.

    ``events`` reads ``one per [failed|successful] KIND|request`` where KIND is a request kind.
    ``where`` narrows the stream to lines whose fields have these values.
    """

    events: str | None = Field(default=None, pattern=r"^one per (failed |successful )?[\w-]+$")
    where: dict[str, Any] = {}
    fields: list[str] = []
    at: Literal["documents", "lines"] | None = None
    joined_by: str = "request_id"


class ExpectMetric(Strict):
    """A PromQL expression, evaluated throughout: what it must do in the story.

    ``counts`` reads as ``events`` of a log and compares the growth of a counter, exactly.
    """

    rises_in: str | None = None
    above: float | None = None
    below: float | None = None
    during: str | None = None
    counts: str | None = Field(default=None, pattern=r"^one per (failed |successful )?[\w-]+$")

    @model_validator(mode="after")
    def _something(self) -> ExpectMetric:
        if not (self.rises_in or self.counts or self.above is not None or self.below is not None):
            raise ValueError("say what the metric does: rises_in, above, below or counts")
        return self


class ExpectHealth(Strict):
    """The state that a health endpoint reports: always, or at some time in a phase."""

    is_: str | None = Field(default=None, alias="is")
    becomes: str | None = None
    during: str | None = None

    @model_validator(mode="after")
    def _one(self) -> ExpectHealth:
        if (self.is_ is None) == (self.becomes is None):
            raise ValueError("say either is (at every probe) or becomes (at some probe)")
        return self


class ExpectLoad(Strict):
    """What the client saw in a phase: the share of requests that failed, or that every one was answered."""

    during: str | None = None
    fails: Ratio | None = None
    all_answered: bool = False


Expectation = ExpectAlert | ExpectLog | ExpectMetric | ExpectHealth | ExpectLoad
SUBJECTS: dict[str, type[Strict]] = {
    "alert": ExpectAlert,
    "log": ExpectLog,
    "metric": ExpectMetric,
    "health": ExpectHealth,
    "load": ExpectLoad,
}
