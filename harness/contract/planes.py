"""What a contract promises, plane by plane: metrics, logs, endpoints, health, monitoring, and its budgets."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from harness.contract.fields import Derived, FieldRule, LabelRule, compile_pattern
from harness.contract.line_formats import FORMATS, LineFormat, Parse, of_records, parser_of
from harness.contract.quantities import Duration, HttpPath, WallDuration
from harness.contract.strict import Strict
from harness.core.units import WallSeconds

__all__ = [
    "Answers",
    "Artefacts",
    "Budgets",
    "Counting",
    "Endpoint",
    "HealthStates",
    "Hop",
    "LogEvent",
    "LogStream",
    "Logs",
    "Method",
    "MetricFamily",
    "Metrics",
    "Monitoring",
    "ToldIn",
]

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class Artefacts(Strict):
    """Production files, by path relative to the contract; each plane is optional."""

    prometheus: str | None = None
    alertmanager: str | None = None
    filebeat: str | None = None
    index_template: str | None = None
    ingest_pipelines: str | list[str] = []
    lifecycle_policies: str | list[str] = []
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
    help: Literal["required", "optional"] | None = None
    from_start: Literal["all"] | list[dict[str, list[str]]] = []
    rests_at: float | None = None
    moves: bool = False
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
    also_at: str | list[str] = []
    help: Literal["required", "optional"] = "required"

    @property
    def told_at(self) -> list[str]:
        """The endpoints that tell the same values."""
        return [self.also_at] if isinstance(self.also_at, str) else self.also_at


class LogEvent(Strict):
    """One event of a stream: the fields that every line of it carries beside the envelope."""

    fields: dict[str, FieldRule] = {}
    optional: bool = False
    means: str = ""


class LogStream(Strict):
    """A log stream. ``event_at`` is the field that names the event; without events every line is one."""

    format: LineFormat = "json"
    pattern: str | None = None
    record_begins: str | None = None
    other_lines: Literal["allowed", "refused"] = "refused"
    event_at: str = "msg"
    fields: dict[str, FieldRule] = {}
    events: dict[str, LogEvent] = {}
    other_events: Literal["allowed", "forbidden"] = "allowed"
    not_shipped: list[dict[str, Any]] | None = None
    means: str = ""

    @property
    def is_text(self) -> bool:
        """Whether values have no types of their own: a number is one that reads as such."""
        return self.format != "json"

    @property
    def line_is(self) -> str:
        """What a line of it is, in words."""
        return FORMATS[self.format]

    @property
    def parse(self) -> Parse:
        """What reads a line, or a record of several."""
        parse = parser_of(self.format, self.pattern)
        return of_records(parse) if self.record_begins else parse

    @property
    def begins(self) -> re.Pattern[str] | None:
        """What the first line of a record begins with; ``None`` where every line is one."""
        return re.compile(self.record_begins) if self.record_begins else None

    @model_validator(mode="after")
    def _readable(self) -> LogStream:
        if (self.format == "text") != (self.pattern is not None):
            raise ValueError("format: text and pattern belong together: the named groups of the pattern are the fields")
        rules = [self.fields, *(event.fields for event in self.events.values())]
        deep = [name for each in rules for name, rule in each.items() if rule.type in ("object", "array")]
        if self.is_text and deep:
            raise ValueError(f"{deep[0]!r} cannot be an object or an array: values of {self.format} lines are text")
        return self

    _patterns = field_validator("pattern", "record_begins")(compile_pattern)


class Logs(Strict):
    """The logs plane: ``envelope`` fields stand in every line of every stream."""

    envelope: dict[str, FieldRule] = {}
    streams: dict[str, LogStream]
    other_fields: Literal["allowed", "forbidden"] = "allowed"
    free_fields: Literal["indexed", "stored"] = "indexed"
    joined_by: str | None = None
    stored_in: str | None = None
    event_time: str | None = None
    identity: list[str] = []
    counted_by: str | None = None
    begins_with: list[str] = []
    not_shipped: list[dict[str, Any]] | None = None
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
    path: HttpPath
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
    """A hop of the monitoring: the stories that cut it, and the alert that is told, or falls silent, when it is."""

    cut_in: str | list[str]
    noticed_by: str
    within: Duration | None = None
    """No later than this after its death, whatever the rule and its route would allow."""

    @property
    def stories(self) -> tuple[str, ...]:
        """The stories that cut it, each in a manner of its own: a part that hangs is not one that is gone."""
        return (self.cut_in,) if isinstance(self.cut_in, str) else tuple(self.cut_in)


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
