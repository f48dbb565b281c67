"""A fault of the subject itself, asked for over HTTP; all that is known of it is data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from harness.contract.fault_values import Value
from harness.core.tls import Tls
from harness.run.clients.http import Answer, Http, HttpFault
from harness.run.faults.value import fill, fill_path, mismatch
from harness.run.stack.wait import NotYet

__all__ = ["Call", "HookFault"]


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call: ``{{value}}`` in path, body and ``expect`` is replaced.

    ``server`` is the base address, ``timeout_s`` wall seconds; ``expect`` maps JSON pointers of the answer to a value
    or a comparison (``> 0``).
    """

    server: str
    method: str
    path: str
    body: Any = None
    expect: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 2.0
    tls: Tls | None = None

    def send(self, value: Value) -> Answer:
        """Make the call; raises ``HttpFault`` unless the answer is 2xx."""
        content = None if self.body is None else orjson.dumps(fill(self.body, value))
        headers = {"content-type": "application/json"} if content is not None else {}
        http = Http(self.server, headers=self.headers, timeout_s=self.timeout_s, tls=self.tls)
        return http.send(self.method, fill_path(self.path, value), body=content, headers=headers).require_ok()

    def seen(self, value: Value) -> str:
        """Make the call and hold its answer against ``expect``; raises ``NotYet`` where it differs."""
        answer = self.send(value)
        if self.expect and (problem := mismatch(answer.json(), self.expect, value)):
            raise NotYet(f"{answer.method} {answer.url}: {problem}")
        return f"{answer.method} {answer.url} answered {answer.status}" + (": as expected" if self.expect else "")


class HookFault:
    """Injected, confirmed on every instance and healed by calls; each list has one call per instance."""

    def __init__(
        self,
        name: str,
        value: Value,
        *,
        inject: tuple[Call, ...],
        confirm: tuple[Call, ...],
        heal: tuple[Call, ...],
        within_s: float = 5.0,
    ) -> None:
        self.name, self.within_s = name, within_s
        self._value, self._inject, self._confirm, self._heal = value, inject, confirm, heal
        self._unhealed: list[Call] = []

    def inject(self) -> str:
        """Make every call to inject."""
        for call in self._inject:
            call.send(self._value)
        return f"value {self._value}"

    def confirm(self) -> str:
        """Every confirming call answers as expected."""
        return "; ".join(call.seen(self._value) for call in self._confirm)

    def heal(self) -> str:
        """Make every call to heal; one that fails is made again while the end is confirmed."""
        self._unhealed = list(self._heal)
        self._try_to_heal()
        return f"{len(self._heal) - len(self._unhealed)} of {len(self._heal)} instances answered"

    def confirm_healed(self) -> str:
        """Every healing call was answered, as it expects."""
        if problem := self._try_to_heal():
            raise NotYet(problem)
        return "every instance says so"

    def _try_to_heal(self) -> str:
        problem = ""
        for call in tuple(self._unhealed):
            try:
                call.seen(self._value)
            except (HttpFault, NotYet) as missing:
                problem = str(missing)
            else:
                self._unhealed.remove(call)
        return problem
