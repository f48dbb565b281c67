"""The four kinds of files, as models: contract, profile, scenario, campaign."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from harness.contract.alert import Alert
from harness.contract.beside import Coverage, Dashboards, Found
from harness.contract.fields import FieldRule
from harness.contract.load import LoadBounds, LoadSpec
from harness.contract.notices import Addresses, Notices
from harness.contract.planes import Artefacts, Budgets, Counting, Endpoint, HealthStates, Logs, Metrics, Monitoring
from harness.contract.quantities import Duration, Ratio, WallDuration
from harness.contract.strict import Strict
from harness.contract.subject import (
    FaultHook,
    Helper,
    LogSource,
    Readiness,
    Reading,
    RequestKind,
    Scrape,
    StandsFor,
    Start,
    TlsPort,
)
from harness.core.units import WallSeconds

__all__ = [
    "CampaignFile",
    "ContractFile",
    "Phase",
    "ProfileFile",
    "ScenarioFile",
    "Waiver",
]


class ContractFile(Strict):
    """``harness: contract/1``: what a service promises its operators."""

    harness: Literal["contract/1"]
    service: str
    artefacts: Artefacts = Artefacts()
    dashboards: Dashboards = Dashboards()
    coverage: Coverage = Coverage()
    discovery: dict[str, dict[str, Found]] = {}
    metrics: Metrics | None = None
    logs: Logs | None = None
    endpoints: dict[str, Endpoint] = {}
    answers: dict[str, dict[int, dict[str, FieldRule]]] = {}
    health: dict[str, HealthStates] = {}
    alerts: dict[str, Alert] = {}
    notices: Notices = Notices()
    receivers: dict[str, Addresses] = {}
    monitoring: Monitoring | None = None
    counting: Counting = Counting()
    budgets: Budgets = Budgets()

    def notices_of(self, alert: str) -> Notices:
        """What is promised of the notices of a declared alert: of all alerts, and of this one alone."""
        return self.notices.with_own(self.alerts[alert].notices)

    @model_validator(mode="after")
    def _references(self) -> ContractFile:
        for name, states in self.health.items():
            if states.endpoint not in self.endpoints:
                raise ValueError(f"health {name} names the endpoint {states.endpoint!r}, which is not declared")
            if states.alive_at is not None and states.alive_at not in self.endpoints:
                raise ValueError(f"health {name} is alive at {states.alive_at!r}, an endpoint that is not declared")
            if states.told_in and states.told_in.stream not in (self.logs.streams if self.logs else {}):
                raise ValueError(f"health {name} is told in {states.told_in.stream!r}, a stream that is not declared")
        for name in self.metrics.told_at if self.metrics else ():
            if name not in self.endpoints:
                raise ValueError(f"metrics are also at {name!r}, an endpoint that is not declared")
        for name, alert in self.alerts.items():
            for other in alert.inhibitors:
                if other not in self.alerts:
                    raise ValueError(f"alert {name} yields to {other!r}, which is not declared")
        for name, hop in self.monitoring.hops.items() if self.monitoring else ():
            if hop.noticed_by not in self.alerts:
                raise ValueError(f"the hop {name} is noticed by {hop.noticed_by!r}, which is not declared")
        return self


class ProfileFile(Strict):
    """``harness: profile/1``: all that the harness knows of a subject."""

    harness: Literal["profile/1"]
    subject: str
    start: Start
    helpers: dict[str, Helper] = {}
    instances: int = Field(default=1, ge=1)
    ports: list[str] = Field(min_length=1)
    host: Literal["127.0.0.1", "::1"] = "127.0.0.1"
    """Where on loopback instances listen."""
    tls: dict[str, TlsPort] = {}
    """Ports that speak https → how they are entered."""
    ready: Readiness
    clock: Literal["scaled", "wall"] = "wall"
    """``scaled``: the subject divides its own durations by ``{speed}``."""
    metrics: Scrape | None = None
    logs: dict[str, LogSource] = {}
    stands_for: list[StandsFor] = []
    requests: dict[str, RequestKind] = {}
    load: LoadBounds = LoadBounds()
    faults: dict[str, FaultHook] = {}
    corpus: list[str] = []
    canaries: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]] = []
    stop_within: WallDuration = WallSeconds(5.0)

    @property
    def _ships_logs(self) -> bool:
        return any(entry.logs and not entry.drop for entry in self.stands_for)

    @model_validator(mode="after")
    def _image_fits(self) -> ProfileFile:
        image = self.start.image
        if image and image.ports and set(image.ports) != set(self.ports):
            raise ValueError(f"ports of the image must name each of {', '.join(self.ports)}, and no other")
        if image and image.ports and self.host != "127.0.0.1":
            raise ValueError("ports of an image are published on 127.0.0.1: leave out host")
        return self

    @model_validator(mode="after")
    def _running_fits(self) -> ProfileFile:
        if not self.start.running:
            return self
        if set(self.start.running) != set(self.ports):
            raise ValueError(f"running must name each of the ports {', '.join(self.ports)}, and no other")
        for what, is_asked in {
            "instances: it is one": self.instances > 1,
            "logs in files of this run, or in its output": not all(log.is_fixed for log in self.logs.values()),
            "logs that are shipped: what was in them before would be, too": self._ships_logs,
            "clock: nobody told it the speed": self.clock == "scaled",
        }.items():
            if is_asked:
                raise ValueError(f"a subject that is running already cannot have {what}")
        return self


class Phase(Strict):
    """A phase ends after ``lasts``, or when ``until`` has come true (or its derived bound has passed)."""

    name: str
    lasts: Duration | None = None
    until: str | None = None
    at_most: Duration | None = None
    load: LoadSpec | None = None
    fault: dict[str, str | int | float] = {}
    each: dict[str, list[str | int | float]] = {}
    """Fault → values: the phase is played once for each of them (written out by ``sweep.unrolled``)."""
    cut: dict[str, str] = {}
    """Hops of the monitoring that are dead in this phase, and how."""

    @property
    def disturbances(self) -> dict[str, str | int | float]:
        """What is wrong in this phase, with the subject or with the monitoring: by the names of the fault records."""
        return {**self.fault, **{f"cut {hop}": manner for hop, manner in self.cut.items()}}

    @model_validator(mode="after")
    def _one_end(self) -> Phase:
        if (self.lasts is None) == (self.until is None):
            raise ValueError("a phase needs either lasts or until")
        if self.load and self.lasts is None and self.load.lengthless():
            raise ValueError("its length is not known before: say over how long the load changes, as in over: 5m")
        return self


class ScenarioFile(Strict):
    """``harness: scenario/1``: a story, its phases, and what must be seen."""

    harness: Literal["scenario/1"]
    story: str
    phases: list[Phase] = Field(min_length=1)
    may_fire: list[str] = []
    quiet: Literal["all"] | list[str] = []
    expect: list[dict[str, dict[str, Any]]] = []
    thresholds: list[str] = []
    speed: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    instances: int | None = Field(default=None, ge=1)


class Waiver(Strict):
    """A known violation that does not fail the gate until ``expires`` (a date)."""

    clause: str
    reason: str
    owner: str
    expires: str

    @field_validator("expires", mode="before")
    @classmethod
    def _date(cls, value: Any) -> Any:
        return value.isoformat() if type(value) is date else value  # YAML reads 2027-01-31 as a date


class CampaignFile(Strict):
    """``harness: campaign/1``: profile, contract and scenarios that are gated together."""

    harness: Literal["campaign/1"]
    name: str = "campaign"
    profile: str
    contract: str
    scenarios: list[str] = []
    speed: Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["auto"] = 60.0
    side_by_side: int = Field(default=8, ge=1)
    """How many stories are played at once, the longest first; each of the others starts when one of them ends."""
    budget: WallDuration | None = None
    waivers: list[Waiver] = []


__all__ += ["Ratio", "Reading", "Scrape"]
