"""What the subject's own endpoints answer: probes throughout, and the text of its metrics at marks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import orjson

from harness.clauses.model import Need
from harness.evidence.records import Exposition, HttpAnswer, Record
from harness.run.clients.http import Answer, HttpFault, server_of
from harness.run.observe.source import Clock, Moment
from harness.run.observe.targets import EndpointTarget, ExpositionTarget

__all__ = ["AnswerSource", "ExpositionSource"]

_BODY_LIMIT: Final = 1_048_576
_TEXT_LIMIT: Final = 2_000


class AnswerSource:
    """Probes of one endpoint of one instance; each becomes a record, no answer included."""

    def __init__(self, cell: str, target: EndpointTarget, clock: Clock) -> None:
        self.needs = (Need("answers", target.name),)
        self.components = frozenset({target.instance})
        self.every_s = target.every_s
        self.cells = (cell,)
        self._cell, self._target, self._clock = cell, target, clock
        self._http, self._path = (
            (target.server, target.url) if target.server else server_of(target.url, target.timeout_s, tls=target.tls)
        )

    def read(self, now: float, moment: Moment) -> Sequence[Record]:  # noqa: ARG002 (part of the interface)
        """One probe; its time is when it was sent."""
        target, t = self._target, self._clock()
        try:
            answer = self._http.send(target.method, self._path, body=target.body, headers=target.headers)
        except HttpFault as fault:
            waited_s = self._clock() - t
            return [HttpAnswer(self._cell, t, target.instance, target.name, 0, waited_s, error=fault.reason)]
        return [
            HttpAnswer(
                self._cell,
                t,
                target.instance,
                target.name,
                answer.status,
                answer.duration_s,
                answer.content_type,
                _body(answer, whole=target.whole),
            )
        ]


class ExpositionSource:
    """The metrics text of one instance, read at marks: it is large, and Prometheus reads it all the time."""

    every_s = math.inf
    needs = (Need("expositions"),)

    def __init__(self, cell: str, target: ExpositionTarget, clock: Clock) -> None:
        self.components = frozenset({target.instance})
        self.cells = (cell,)
        self._cell, self._target, self._clock = cell, target, clock
        self._http, self._path = (
            (target.server, target.url)
            if target.server
            else server_of(target.url, target.timeout_s, tls=target.tls, follow=True)
        )

    def read(self, now: float, moment: Moment) -> Sequence[Record]:  # noqa: ARG002 (part of the interface)
        """The text as it stands."""
        t = self._clock()
        answer = self._http.send("GET", self._path, headers=self._target.headers).require_ok()
        text, took_s = answer.text, answer.duration_s
        return [Exposition(self._cell, t, self._target.instance, text, answer.content_type, took_s)]


def _body(answer: Answer, *, whole: bool) -> Any:
    """The body as JSON where it is some, else its text or the beginning of it; None where it is empty."""
    if not answer.body:
        return None
    if len(answer.body) <= _BODY_LIMIT:
        try:
            return orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            pass
    return answer.text[: _BODY_LIMIT if whole else _TEXT_LIMIT]
