"""Alerting rules as Prometheus evaluates them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from harness.clauses.model import Need
from harness.evidence.records import Reading, Record, RuleState
from harness.run.clients.prometheus import PrometheusClient
from harness.run.observe.series import PROMETHEUS
from harness.run.observe.source import Clock, Moment, epoch_s

__all__ = ["RuleSource"]

_HEARTBEAT_S: Final = 1.0
_FASTEST_S: Final = 0.1


class RuleSource:
    """The state of every alerting rule: when it changes, and at least every second, to show that it was watched.

    The widest time between two evaluations of a group is told as the reading ``evaluation_gap_s``, as far as the reads
    came close enough to each other to have seen both. What was missed is counted by Prometheus itself.
    """

    components = PROMETHEUS
    needs = (Need("rules"),)

    def __init__(self, cell: str, client: PrometheusClient, clock: Clock, *, evaluation_s: float) -> None:
        self.every_s = max(_FASTEST_S, evaluation_s / 2)
        self.cells = (cell,)
        self._cell, self._client, self._clock = cell, client, clock
        self._evaluation_s = evaluation_s
        self._seen: dict[tuple[str, str, int], tuple[Any, float]] = {}
        self._evaluated: dict[str, float] = {}
        self._read_t = self._widest_s = 0.0

    def read(self, now: float, moment: Moment) -> Sequence[Record]:  # noqa: ARG002 (part of the interface)
        """States of the rules that changed, or of all where nothing may be left out."""
        groups = self._client.rules("alert")
        t = self._clock()
        states = [
            state
            for key, state in self._states(groups, t)
            if self._is_news(key, state) or (moment != "poll" and state.evaluated_t > 0)
        ]
        return [*states, *self._gaps(groups, t)]

    def _gaps(self, groups: list[dict[str, Any]], t: float) -> Iterator[Reading]:
        saw_each = t - self._read_t < self._evaluation_s
        self._read_t = t
        for group in groups:
            name, evaluated_t = f"{group['file']} {group['name']}", epoch_s(group["lastEvaluation"])
            before = self._evaluated.get(name, 0.0)
            self._evaluated[name] = evaluated_t
            gap_s = evaluated_t - before
            if saw_each and before and gap_s > self._widest_s:
                self._widest_s = gap_s
                yield Reading(self.cells[0], t, f"rules {group['name']}", "evaluation_gap_s", round(gap_s, 3))

    def _states(self, groups: list[dict[str, Any]], t: float) -> Iterator[tuple[tuple[str, str, int], RuleState]]:
        for group in groups:
            for number, rule in enumerate(group["rules"]):
                yield (group["file"], group["name"], number), _state(self._cell, t, group["name"], rule)

    def _is_news(self, key: tuple[str, str, int], state: RuleState) -> bool:
        facts = (state.state, state.health, state.last_error, state.active)
        before, written_t = self._seen.get(key, (None, 0.0))
        if repr(facts) == before and state.t - written_t < _HEARTBEAT_S:
            return False
        self._seen[key] = (repr(facts), state.t)
        return True


def _state(cell: str, t: float, group: str, rule: dict[str, Any]) -> RuleState:
    return RuleState(
        cell=cell,
        t=t,
        group=group,
        alert=rule["name"],
        state=rule["state"],
        health=rule["health"],
        last_error=rule.get("lastError", ""),
        evaluated_t=epoch_s(rule["lastEvaluation"]),
        active=tuple(_active(alert) for alert in rule.get("alerts") or ()),
    )


def _active(alert: dict[str, Any]) -> dict[str, Any]:
    """One pending or firing alert; ``active_t`` is ``activeAt`` in epoch seconds, ``value`` a number."""
    return {
        "labels": alert["labels"],
        "annotations": alert["annotations"],
        "state": alert["state"],
        "activeAt": alert["activeAt"],
        "active_t": epoch_s(alert["activeAt"]),
        "value": float(alert["value"]),
    }
