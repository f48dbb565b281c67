"""The four kinds of files, as models: contract, profile, scenario, campaign."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from harness.contract.alert import Alert
from harness.contract.beside import Coverage, Dashboards, Found
from harness.contract.fields import Derived, FieldRule, LabelRule
from harness.contract.flows import Flows
from harness.contract.load import LoadBounds, LoadSpec
from harness.contract.quantities import Duration, Ratio, WallDuration
from harness.contract.strict import Strict
from harness.core.units import WallSeconds

__all__ = [
    "Alert",
    "Answers",
    "Artefacts",
    "Budgets",
    "CampaignFile",
    "ContractFile",
    "Counting",
    "Credentials",
    "Endpoint",
    "FaultHook",
    "HealthStates",
    "Helper",
    "HookCall",
    "Hop",
    "LogEvent",
    "LogSource",
    "LogStream",
    "Logs",
    "MetricFamily",
    "Metrics",
    "Monitoring",
    "Phase",
    "ProfileFile",
    "Readiness",
    "RequestKind",
    "ScenarioFile",
    "StandsFor",
    "Start",
    "ToldIn",
    "Waiver",
]

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


# --- contract -------------------------------------------------------------------------------------


class Artefacts(Strict):
    """Production files, by path relative to the contract; each plane is optional."""

    prometheus: str | None = None
    alertmanager: str | None = None
    filebeat: str | None = None
    index_template: str | None = None
    dashboards: str | list[str] = []
    """Grafana dashboards: files, or patterns such as ``production/dashboards/*.json``."""


class MetricFamily(Strict):
    """A metric family: its type, its labels with their values, its buckets and what it tells."""

    type: Literal["counter", "gauge", "histogram", "summary", "untyped"]
    labels: dict[str, LabelRule] = {}
    buckets: list[float] | None = None
    unit: str | None = None
    clock: Literal["production", "wall"] = "production"
    measures: Literal["seconds", "milliseconds", "bytes", "bits", "ratio", "percent", "count"] | None = None
    """What it measures, where its name does not end with it."""
    optional: bool = False
    from_start: Literal["all"] | list[dict[str, list[str]]] = []
    rests_at: float | None = None
    at_most: int | None = Field(default=None, gt=0)
    means: str = ""

    @model_validator(mode="after")
    def _start_fits(self) -> MetricFamily:
        strange = {name for each in self.from_start if isinstance(each, dict) for name in each} - self.labels.keys()
        if strange:
            raise ValueError(f"from_start names the label {min(strange)!r}, which is not declared")
        if self.from_start == "all" and any(rule.one_of is None for rule in self.labels.values()):
            raise ValueError("from_start: all needs a list of values for every label; name the combinations instead")
        if self.rests_at is not None and self.type != "gauge":
            raise ValueError("only a gauge comes to rest")
        return self

    @model_validator(mode="after")
    def _buckets_fit(self) -> MetricFamily:
        if self.buckets is not None and self.type != "histogram":
            raise ValueError("only a histogram has buckets")
        if self.buckets is not None and self.buckets != sorted(set(self.buckets)):
            raise ValueError("buckets must rise")
        return self


class Metrics(Strict):
    """The metrics plane; family names are written without ``prefix``."""

    prefix: str = ""
    families: dict[str, MetricFamily]
    also_at: str | None = None


class LogEvent(Strict):
    """One event of a stream: the fields that every line of it carries beside the envelope."""

    fields: dict[str, FieldRule] = {}
    optional: bool = False
    means: str = ""


class LogStream(Strict):
    """A log stream. ``event_at`` is the field that names the event; without events every line is one."""

    event_at: str = "msg"
    fields: dict[str, FieldRule] = {}
    events: dict[str, LogEvent] = {}
    other_events: Literal["allowed", "forbidden"] = "allowed"
    means: str = ""


class Logs(Strict):
    """The logs plane: ``envelope`` fields stand in every line of every stream."""

    envelope: dict[str, FieldRule] = {}
    streams: dict[str, LogStream]
    other_fields: Literal["allowed", "forbidden"] = "allowed"
    joined_by: str | None = None
    event_time: str | None = None
    identity: list[str] = []
    derived: dict[str, Derived] = {}

    @model_validator(mode="after")
    def _told_apart(self) -> Logs:
        if self.derived and not self.identity:
            raise ValueError("derived fields are compared line by line: name the fields that are a line's identity")
        return self


class Answers(Strict):
    """What one status code of an endpoint promises of its body."""

    fields: dict[str, FieldRule] = {}
    content_type: str | None = None


class Endpoint(Strict):
    """An HTTP endpoint that is probed throughout: which codes it may answer, and with what."""

    port: str
    path: str
    method: Method = "GET"
    headers: dict[str, str] = {}
    body: Any = None
    answers: dict[int, Answers]
    within: WallDuration = WallSeconds(1.0)
    every: WallDuration = WallSeconds(0.5)


class ToldIn(Strict):
    """Where a change of health is told in the log: an event of a stream, and the field that names the new state."""

    stream: str
    event: str
    event_at: str = "msg"
    state_at: str


class HealthStates(Strict):
    """A health endpoint: where its body names the state, which code belongs to each, which checks it lists."""

    endpoint: str
    state_at: str
    codes: dict[str, int]
    checks_at: str | None = None
    checks: list[str] = []
    caused_by: dict[str, list[str]] = {}
    fails_where: dict[str, Any] = {"healthy": False}
    gauge: str | None = None
    gauge_label: str = "status"
    alive_at: str | None = None
    told_in: ToldIn | None = None

    @property
    def at_rest(self) -> str:
        """The state while no check fails."""
        return next(state for state in self.codes if state not in self.caused_by)

    @model_validator(mode="after")
    def _caused(self) -> HealthStates:
        strange = sorted({name for names in self.caused_by.values() for name in names} - set(self.checks))
        if strange:
            raise ValueError(f"caused_by names the check {strange[0]!r}, which is not listed in checks")
        rest = [state for state in self.codes if state not in self.caused_by]
        if self.caused_by and (len(rest) != 1 or not self.caused_by.keys() <= self.codes.keys()):
            raise ValueError("caused_by names every state of codes but one: that of no failed check")
        return self


class Hop(Strict):
    """A hop of the monitoring: the story that cuts it, and the alert that is told, or falls silent, when it is dead."""

    cut_in: str
    noticed_by: str
    within: Duration | None = None
    """No later than this after its death, whatever the rule and its route would allow."""


class Monitoring(Strict):
    """The monitoring plane: who notices when a part of the monitoring itself is dead, hop by hop."""

    hops: dict[str, Hop] = {}


class Budgets(Strict):
    """Real-time limits: generator lateness, delivery to a receiver, log line to searchable, the metrics text."""

    lateness_p99: WallDuration = WallSeconds(0.05)
    delivery: WallDuration = WallSeconds(2.0)
    log_lag: WallDuration = WallSeconds(5.0)
    exposition: WallDuration | None = None
    exposition_bytes: int | None = Field(default=None, gt=0)


class Counting(Strict):
    """How a service counts requests that did not simply end."""

    aborted: list[int] = []


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
    health: dict[str, HealthStates] = {}
    alerts: dict[str, Alert] = {}
    monitoring: Monitoring | None = None
    counting: Counting = Counting()
    budgets: Budgets = Budgets()

    @model_validator(mode="after")
    def _references(self) -> ContractFile:
        for name, states in self.health.items():
            if states.endpoint not in self.endpoints:
                raise ValueError(f"health {name} names the endpoint {states.endpoint!r}, which is not declared")
            if states.alive_at is not None and states.alive_at not in self.endpoints:
                raise ValueError(f"health {name} is alive at {states.alive_at!r}, an endpoint that is not declared")
            if states.told_in and states.told_in.stream not in (self.logs.streams if self.logs else {}):
                raise ValueError(f"health {name} is told in {states.told_in.stream!r}, a stream that is not declared")
        if self.metrics and self.metrics.also_at and self.metrics.also_at not in self.endpoints:
            raise ValueError(f"metrics are also at {self.metrics.also_at!r}, an endpoint that is not declared")
        for name, alert in self.alerts.items():
            for other in alert.inhibitors:
                if other not in self.alerts:
                    raise ValueError(f"alert {name} yields to {other!r}, which is not declared")
        for name, hop in self.monitoring.hops.items() if self.monitoring else ():
            if hop.noticed_by not in self.alerts:
                raise ValueError(f"the hop {name} is noticed by {hop.noticed_by!r}, which is not declared")
        return self


# --- profile --------------------------------------------------------------------------------------


class Helper(Strict):
    """A process that must run before the subject, such as a fake upstream."""

    command: list[str] = Field(min_length=1)
    ports: list[str] = []
    environment: dict[str, str] = {}
    folder: str = "."
    ready: Readiness | None = None
    beside: list[Literal["filebeat", "elasticsearch"]] = []
    """It runs only in cells that have these parts, such as an exporter that reads them."""


class Readiness(Strict):
    """A subject is ready when ``path`` on ``port`` answers one of ``status``."""

    port: str
    path: str = "/"
    status: list[int] = [200]
    within: WallDuration = WallSeconds(30.0)


class SubjectImage(Strict):
    """The subject as an image, for the containers backend.

    ``{port.NAME}`` in ``arguments`` and in the environment of ``start`` is the port that the program listens on.
    Without ``ports`` the container shares the network of the machine and listens on a port of loopback that it is told;
    with them it has the network of its cell, and its own ports are published on loopback.
    """

    short_forms = [{"type": "string"}]

    name: str
    arguments: list[str] = []
    """Arguments after the entry point of the image."""
    ports: dict[str, Annotated[int, Field(ge=1, le=65535)]] = {}
    """Named port → port inside the container."""
    memory: str | None = None
    cpus: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class Start(Strict):
    """How one instance starts.

    ``{port.NAME}``, ``{logs}``, ``{data}``, ``{build}``, ``{speed}``, ``{seed}``, ``{instance}``, ``{index}``,
    ``{python}`` and ``{helper.NAME.PORT}`` are replaced in command and environment. ``secrets`` maps a variable to the
    environment variable of the caller that holds its value: it is never written to a bundle. A subject that runs
    already has ``running`` alone: it is neither started nor signalled nor ended. With an ``image`` the containers
    backend starts that; the others need a ``command``.
    """

    command: list[str] = []
    launcher: list[str] = []
    """A process of the subject that forks an instance for every order on its standard input; ``command`` is then what
    it is told instead of a program of its own."""
    running: dict[str, Annotated[int, Field(ge=1, le=65535)]] = {}
    """Named port → where on loopback the subject, started by somebody else, listens."""
    folder: str = "."
    environment: dict[str, str] = {}
    secrets: dict[str, str] = {}
    build: list[str] = []
    """A command that is run once before the campaign starts, such as a compiler."""
    image: SubjectImage | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Start:
        if bool(self.command or self.image) == bool(self.running):
            raise ValueError(
                "a subject has either a command that starts it or the ports where it is running, or else an image"
            )
        if self.launcher and not self.command:
            raise ValueError("a launcher is told a command, and there is none")
        if self.running and len(self.model_fields_set) > 1:
            others = ", ".join(sorted(self.model_fields_set - {"running"}))
            raise ValueError(f"a subject that is running already is not started: leave out {others}")
        return self


class LogSource(Strict):
    """Where a stream is written: a file (``path``, with ``{logs}``), or standard output or error."""

    short_forms = [{"type": "string"}]

    path: str | None = None
    output: Literal["stdout", "stderr"] | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether every run finds it at the same place, with what was written there before."""
        return self.path is not None and "{" not in self.path

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"output": value} if value in {"stdout", "stderr"} else {"path": value}
        return value

    @model_validator(mode="after")
    def _one(self) -> LogSource:
        if (self.path is None) == (self.output is None):
            raise ValueError("name either a path or an output")
        return self


class Credentials(Strict):
    """How an endpoint of the subject is entered: secrets are named, variables of the caller hold them."""

    username: str | None = None
    password_from: str | None = None
    bearer_from: str | None = None
    any_certificate: bool = False
    """Accept whatever certificate the endpoint shows: for one that it made itself."""

    @model_validator(mode="after")
    def _whole(self) -> Credentials:
        if (self.username is None) != (self.password_from is None):
            raise ValueError("basic authentication takes username and password_from")
        if self.username is not None and self.bearer_from is not None:
            raise ValueError("choose between username and bearer_from")
        return self


class StandsFor(Strict):
    """A production address (or all targets of a scrape job) that the subject answers to in a cell."""

    address: str | None = None
    job: str | None = None
    part: Literal["prometheus", "alertmanager", "elasticsearch"] | None = None
    """The job or address is this part of the cell's own stack."""
    instance: int | Literal["all"] = "all"
    port: str | None = None
    scheme: Literal["http", "https"] = "http"
    path: str | None = None
    """Where the metrics are, if not where the job says."""
    labels: dict[str, str] = {}
    """What live discovery would say of the target: ``__meta_…`` labels that production relabels by."""
    credentials: Credentials | None = None
    helper: str | None = None
    """The job or address is this helper, at its port ``port``; where it does not run, ``exposition`` stands in."""
    exposition: str | None = None
    """A file in the exposition format served in the address's stead (a stand-in for an exporter)."""
    does: dict[str, Flows] = {}
    """Series of the exposition → what they do beside keeping their value."""
    logs: str | None = None
    """A production log path or glob; the subject's stream named by ``stream`` is read in its stead."""
    stream: str | None = None
    drop: bool = False
    """The job or address has no stand-in and is left out of the bound configuration."""

    @model_validator(mode="after")
    def _one_name(self) -> StandsFor:
        if sum(name is not None for name in (self.address, self.job, self.logs)) != 1:
            raise ValueError("name one of address, job or logs")
        if self.does and self.exposition is None:
            raise ValueError("does needs an exposition whose series it moves")
        if any(
            len(flows) > 1 or (flows[0].rate is not None and flows[0].at is not None) for flows in self.does.values()
        ):
            raise ValueError("a sample of an exposition counts, as 0.5/s, or has a value; histograms cannot move")
        return self


class HookCall(Strict):
    """An HTTP call of a fault hook; ``{{value}}`` in path and body is replaced by the story's value."""

    method: Method = "POST"
    port: str
    path: str
    body: Any = None
    helper: str | None = None
    expect: dict[str, Any] = {}
    """JSON pointer → what must stand there: a value, or ``"> 0"`` and the like."""


class FaultHook(Strict):
    """A fault: of the subject, over HTTP or by a signal, or of an exporter that a stand-in serves.

    A stand-in's series take another course: a value, events per second, a value that moves, or ``absent``;
    ``{{value}}`` is replaced. The first scrape of it confirms.
    """

    inject: HookCall | None = None
    confirm: HookCall | None = None
    heal: HookCall | None = None
    signal: Literal["kill", "stop", "restart"] | None = None
    stand_in: str | None = None
    set: dict[str, str | int | float] = {}
    unit: Literal["ratio", "seconds", "number", "text", "list"] = "number"
    replaces: bool = False
    """Injecting another value takes the place of the one in force; otherwise that one is healed first."""
    within: WallDuration = WallSeconds(5.0)

    @model_validator(mode="after")
    def _complete(self) -> FaultHook:
        if (self.stand_in is None) != (not self.set):
            raise ValueError("a fault of a stand-in names its exposition and what its series do: stand_in and set")
        if self.stand_in and (self.signal or self.inject or self.confirm or self.heal):
            raise ValueError("a fault is of the subject or of a stand-in, not both")
        if (
            self.stand_in is None
            and self.signal is None
            and (self.inject is None or self.heal is None or self.confirm is None)
        ):
            raise ValueError("a hook needs inject, confirm and heal: what cannot be confirmed proves nothing")
        return self


class Reading(Strict):
    """Where an answer tells more about a request: JSON pointers, or ``header:NAME``."""

    request_id: str | None = None
    work_units: str | None = None
    labels: dict[str, str] = {}


class RequestKind(Strict):
    """A kind of request as data.

    ``{{seq}}``, ``{{request_id}}``, ``{{random}}`` (another text every time), ``{{canary.NAME}}`` (another text every
    run) and, but for headers, ``{{prompt}}`` are replaced in it.
    """

    port: str
    method: Method = "POST"
    path: str
    headers: dict[str, str] = {}
    body: Any = None
    expects: list[int] = [200]
    streaming: Literal["none", "sse", "lines"] = "none"
    read: Reading = Reading()
    labels: dict[str, str] = {}
    request_id_header: str | None = None
    timeout: WallDuration = WallSeconds(30.0)
    abort_after: WallDuration | None = None


class Scrape(Strict):
    """Where the subject's metrics are read beside Prometheus."""

    port: str
    path: str = "/metrics"
    scheme: Literal["http", "https"] = "http"
    headers: dict[str, str] = {}
    credentials: Credentials | None = None


class ProfileFile(Strict):
    """``harness: profile/1``: all that the harness knows of a subject."""

    harness: Literal["profile/1"]
    subject: str
    start: Start
    helpers: dict[str, Helper] = {}
    instances: int = Field(default=1, ge=1)
    ports: list[str] = Field(min_length=1)
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


# --- scenario -------------------------------------------------------------------------------------


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


# --- campaign -------------------------------------------------------------------------------------


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
