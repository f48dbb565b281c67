"""Where a cell is observed: addresses, log files and how documents are told to be its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.contract.line_formats import Parse, parse_json
from harness.core.tls import Tls
from harness.evidence.records import LogLine
from harness.run.clients.http import Http

__all__ = [
    "CellTargets",
    "DocumentTarget",
    "EndpointTarget",
    "ExpositionTarget",
    "LogTarget",
    "ProcessTarget",
]


@dataclass(frozen=True, slots=True)
class EndpointTarget:
    """An endpoint of one instance that is probed throughout. Durations are wall seconds."""

    instance: str
    name: str
    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    every_s: float = 0.25
    timeout_s: float = 2.0
    tls: Tls | None = None
    server: Http | None = None
    """Where set, ``url`` is a path below it."""
    whole: bool = False
    """A text is evidence to its end: it is compared, and not only shown."""


@dataclass(frozen=True, slots=True)
class ExpositionTarget:
    """The metrics endpoint of one instance, read beside Prometheus, and as Prometheus does: redirects are followed."""

    instance: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    tls: Tls | None = None
    timeout_s: float = 2.0
    server: Http | None = None
    """Where set, ``url`` is a path below it."""


@dataclass(frozen=True, slots=True)
class LogTarget:
    """Files of one stream of one instance: ``pattern`` is an absolute path or glob.

    With ``from_end`` only what is written from now on counts: the files are not this run's alone.
    """

    stream: str
    instance: str
    pattern: str
    from_end: bool = False
    parse: Parse = parse_json
    begins: re.Pattern[str] | None = None
    """What the first line of a record of several lines begins with."""
    is_due: Callable[[LogLine], bool] | None = None
    """Which lines are to arrive as documents; all where it is None."""
    keeps_text: bool = False
    """The text of a line is evidence even where its fields say all that it says."""


@dataclass(frozen=True, slots=True)
class ProcessTarget:
    """The process of one instance; its pid changes when it is restarted, and is None while nobody knows it."""

    instance: str
    pid: Callable[[], int | None]


@dataclass(frozen=True, slots=True)
class DocumentTarget:
    """Documents in Elasticsearch, of one cell or of many that share it: they are read once and told apart by content.

    ``cell_at`` is the dotted path in a document whose value attributes it, ``cells`` maps values to cells: equal ones,
    or beginnings where the key ends in ``/`` (log paths). ``stream_at`` is the dotted path that names its log stream.
    ``query`` narrows the search; it must not use fields that a template of production may leave unindexed.
    """

    elasticsearch: Http
    index: str
    cell_at: str
    cells: Mapping[str, str]
    stream_at: str
    query: Mapping[str, Any] = field(default_factory=lambda: {"match_all": {}})
    every_s: float = 0.5


@dataclass(frozen=True, slots=True)
class CellTargets:
    """All that a cell's observer looks at; what is None or empty is not there. Intervals are wall seconds, as bound."""

    cell: str
    scrape_s: float = 1.0
    evaluation_s: float = 1.0
    prometheus: Http | None = None
    alertmanager: Http | None = None
    filebeat: Http | None = None
    documents: DocumentTarget | None = None
    endpoints: tuple[EndpointTarget, ...] = ()
    expositions: tuple[ExpositionTarget, ...] = ()
    logs: tuple[LogTarget, ...] = ()
    processes: tuple[ProcessTarget, ...] = ()
