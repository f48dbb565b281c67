"""Record types: each is one fact seen during a campaign.

``cell`` is the name of the scenario whose cell saw it (``campaign`` for parts that serve all cells).
``t`` is wall time in epoch seconds; production time is ``(t - CellStarted.t) * CellStarted.speed``.
Those of the load stand in ``requests``, which the load process can read without all the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from harness.evidence.requests import Gaps, Request

__all__ = [
    "ASKED_FROM",
    "CAMPAIGN",
    "RECORD_TYPES",
    "AlertSnapshot",
    "Barrier",
    "Canary",
    "CellFinished",
    "CellStarted",
    "ComponentState",
    "Document",
    "Exposition",
    "FaultAction",
    "Federated",
    "Gaps",
    "HttpAnswer",
    "IndexMapping",
    "LoadedRule",
    "LogLine",
    "Notification",
    "PhaseMark",
    "Reading",
    "Record",
    "Request",
    "Routing",
    "RuleState",
    "ScrapeRefused",
    "Series",
    "Silence",
    "Unmet",
    "Watched",
]

CAMPAIGN: Final = "campaign"
ASKED_FROM: Final = "asked_from"
"""Name of the reading: from its instant on Prometheus was asked, before any request; what had no value is younger."""


@dataclass(frozen=True, slots=True)
class CellStarted:
    """The zero of a cell's production time, written when its stack and subject are ready."""

    cell: str
    t: float
    speed: float
    scrape_s: float
    """Wall seconds between scrapes of the subject, as bound."""
    evaluation_s: float
    """Wall seconds between rule evaluations, as bound."""
    instances: tuple[str, ...] = ()
    jobs_read: tuple[str, ...] = ()
    """Scrape jobs that the story's own promises stand on; none: it may be any of them."""


@dataclass(frozen=True, slots=True)
class CellFinished:
    """The end of a cell: ``completed`` stories ran all their phases; others say why not in ``reason``."""

    cell: str
    t: float
    completed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PhaseMark:
    """A phase started or ended. ``planned_s`` is the production bound of the phase."""

    cell: str
    t: float
    phase: str
    action: Literal["start", "end"]
    reason: str = ""
    planned_s: float = 0.0


@dataclass(frozen=True, slots=True)
class FaultAction:
    """A fault was injected, confirmed (its effect was seen), healed, or could not be."""

    cell: str
    t: float
    phase: str
    fault: str
    action: Literal["inject", "confirm", "heal", "healed", "failed"]
    detail: str = ""
    kind: Literal["hook", "signal", "link", "cut", "stand_in"] = "hook"
    """Hooks change what the subject does; signals and links cut the monitoring as well.

    A cut is of the monitoring alone: its ``fault`` is ``cut`` and the name of the hop.
    """


@dataclass(frozen=True, slots=True)
class Series:
    """A stretch of one series that answers ``query``: ``points`` are (epoch seconds, value) pairs.

    Stretches of one series are disjoint and in order of time.
    """

    cell: str
    t: float
    query: str
    labels: dict[str, str]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class RuleState:
    """What Prometheus says of one alerting rule after an evaluation; written when it changes.

    ``active`` holds the pending and firing alerts: labels, annotations, state, activeAt, value.
    """

    cell: str
    t: float
    group: str
    alert: str
    state: str
    health: str
    last_error: str
    evaluated_t: float
    active: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class LoadedRule:
    """One rule as a running Prometheus holds it; ``kind`` is alert or record, durations are seconds."""

    cell: str
    t: float
    group: str
    name: str
    kind: str
    expression: str
    for_s: float = 0.0
    keep_firing_for_s: float = 0.0
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Routing:
    """What a running Alertmanager does with alerts: routes, inhibition and receivers, without their settings."""

    cell: str
    t: float
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AlertSnapshot:
    """What Alertmanager says of one alert; written when it changes. ``state``: active, suppressed, gone."""

    cell: str
    t: float
    labels: dict[str, str]
    fingerprint: str
    state: str
    starts_t: float
    inhibited_by: tuple[str, ...] = ()
    silenced_by: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notification:
    """One delivery to a sink. ``alerts`` is empty where the medium (mail, chat) carries text only."""

    cell: str
    t: float
    receiver: str
    integration: str
    status: str
    group_key: str
    alerts: tuple[dict[str, Any], ...]
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Silence:
    """The dead man's switch behind ``receiver`` gave the alarm: nothing of ``alert`` had arrived since ``since_t``."""

    cell: str
    t: float
    alert: str
    receiver: str
    since_t: float


@dataclass(frozen=True, slots=True)
class Document:
    """One document found in Elasticsearch, with the wall time at which it was first seen there."""

    cell: str
    t: float
    index: str
    id: str
    stream: str
    source: dict[str, Any]


@dataclass(frozen=True, slots=True)
class IndexMapping:
    """How Elasticsearch maps the fields of an index: dotted path → type, of fields that hold others only those."""

    cell: str
    t: float
    index: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log stream; ``fields`` is ``None`` where it is not in its format. JSON objects keep no ``text``."""

    cell: str
    t: float
    stream: str
    instance: str
    file: str
    number: int
    fields: dict[str, Any] | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What an endpoint answered to a probe; ``status`` 0 means no answer, then ``error`` says why."""

    cell: str
    t: float
    instance: str
    endpoint: str
    status: int
    duration_s: float
    content_type: str = ""
    body: Any = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Exposition:
    """The text of one instance's metrics endpoint, fetched beside Prometheus."""

    cell: str
    t: float
    instance: str
    text: str
    content_type: str = ""
    duration_s: float = 0.0
    """Wall seconds until the whole text was there."""


@dataclass(frozen=True, slots=True)
class Federated:
    """What Prometheus held of the subject's metrics once a story had come to rest, in the exposition format.

    Of native histograms their count and sum, behind a comment ``# native NAME``.
    """

    cell: str
    t: float
    text: str


@dataclass(frozen=True, slots=True)
class Canary:
    """A made-up secret of this run, planted in requests: it must surface nowhere."""

    cell: str
    t: float
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A counter of the stack's own conduct, such as dropped notifications or missed evaluations."""

    cell: str
    t: float
    component: str
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class ScrapeRefused:
    """A target answered a scrape, and Prometheus could not take the answer in; ``target`` is ``<job> <instance>``.

    Told once for each target and ``error``, which are Prometheus's own words.
    """

    cell: str
    t: float
    target: str
    error: str


@dataclass(frozen=True, slots=True)
class ComponentState:
    """A process of the stack, the subject or the generator was ready, was not ready in time (late), or exited.

    ``role`` is stack, subject, helper or generator; ``expected`` is false for an exit nobody asked for.
    """

    cell: str
    t: float
    component: str
    role: str
    action: Literal["ready", "late", "exited"]
    expected: bool = True
    exit_code: int | None = None
    tail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Barrier:
    """A barrier: everything has settled in ``plane`` (metrics, logs, or rest: nothing is held any more), or has not."""

    cell: str
    t: float
    plane: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unmet:
    """A need that could not be recorded, and why: clauses that need it are inconclusive."""

    cell: str
    t: float
    need: str
    reason: str


@dataclass(frozen=True, slots=True)
class Watched:
    """Everything that any source had to say up to ``t`` has been recorded: absence up to there is a fact."""

    cell: str
    t: float


Record = (
    CellStarted
    | CellFinished
    | PhaseMark
    | FaultAction
    | Series
    | RuleState
    | LoadedRule
    | Routing
    | AlertSnapshot
    | Notification
    | Silence
    | Document
    | IndexMapping
    | LogLine
    | HttpAnswer
    | Exposition
    | Federated
    | Request
    | Canary
    | Reading
    | ScrapeRefused
    | ComponentState
    | Barrier
    | Unmet
    | Watched
)

RECORD_TYPES: Final[dict[str, type[Any]]] = {
    "cell_started": CellStarted,
    "cell_finished": CellFinished,
    "phase": PhaseMark,
    "fault": FaultAction,
    "series": Series,
    "rule": RuleState,
    "loaded_rule": LoadedRule,
    "routing": Routing,
    "alert": AlertSnapshot,
    "notification": Notification,
    "silence": Silence,
    "document": Document,
    "mapping": IndexMapping,
    "line": LogLine,
    "answer": HttpAnswer,
    "exposition": Exposition,
    "federated": Federated,
    "request": Request,
    "canary": Canary,
    "reading": Reading,
    "scrape_refused": ScrapeRefused,
    "component": ComponentState,
    "barrier": Barrier,
    "unmet": Unmet,
    "watched": Watched,
}
