"""What stands beside metrics, logs and alerts in a contract: discovery, dashboards, and what must be covered."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from harness.contract.strict import Strict

__all__ = ["Coverage", "CoverageKind", "Dashboards", "Found"]


class Found(Strict):
    """A target as live discovery would find it, and what becomes of it: where it is scraped, or that it is not."""

    given: dict[str, str]
    """Its labels before relabelling: ``__address__`` and ``__meta_…``."""
    scraped: str | None = None
    """URL without the scheme of http, such as ``10.0.0.7:9090/metrics``."""
    labels: dict[str, str] = {}
    """Labels that its series get, at least these."""
    dropped: bool = False

    @model_validator(mode="after")
    def _one_end(self) -> Found:
        if (self.scraped is None) != self.dropped:
            raise ValueError("say either scraped: ADDRESS/PATH or dropped: true")
        if "__address__" not in self.given:
            raise ValueError("given lacks __address__, which every discovery finds")
        return self


CoverageKind = Literal[
    "alerts fire",
    "alerts stay quiet",
    "firing",
    "quiet",
    "route",
    "declared",
    "panel",
    "runbook",
    "log_query",
    "metric_consumer",
    "event_consumer",
]


class Coverage(Strict):
    """What must stand beside every alert, metric and log event; what is not required is only listed."""

    require: Literal["all"] | list[CoverageKind] = []
    waived: dict[str, str] = {}
    """Row, such as ``metric NAME`` or ``alert NAME quiet`` → why it may lack what is required."""
    baseline: str | None = None
    """A file with gaps that are known: new ones fail, and so does one that is closed and still listed."""


class Dashboards(Strict):
    """The dashboards plane: in which stories its panels are looked at."""

    shown_in: list[str] = []
    """The first of these stories that the campaign has; without any, all of its stories."""
