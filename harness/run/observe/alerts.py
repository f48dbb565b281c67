"""Alerts as Alertmanager holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from harness.clauses.model import Need
from harness.evidence.records import AlertSnapshot, Record
from harness.run.clients.alertmanager import AlertmanagerClient
from harness.run.observe.source import Clock, Moment, epoch_s

__all__ = ["AlertSource"]

_FASTEST_S: Final = 0.1


class AlertSource:
    """Every alert when it comes, when its state, inhibition or receivers change, and when it is gone."""

    components = frozenset({"alertmanager"})
    needs = (Need("alerts"),)

    def __init__(self, cell: str, client: AlertmanagerClient, clock: Clock, *, evaluation_s: float) -> None:
        self.every_s = max(_FASTEST_S, evaluation_s)
        self.cells = (cell,)
        self._cell, self._client, self._clock = cell, client, clock
        self._held: dict[str, AlertSnapshot] = {}

    def read(self, now: float, moment: Moment) -> Sequence[Record]:  # noqa: ARG002 (part of the interface)
        """What changed since the last read."""
        found = self._client.alerts()
        t = self._clock()
        # An alert that Alertmanager has not looked at yet says nothing about inhibition.
        held = {
            item["fingerprint"]: _snapshot(self._cell, t, item)
            for item in found
            if item["status"]["state"] != "unprocessed"
        }
        present = {item["fingerprint"] for item in found}
        news = [alert for name, alert in held.items() if _facts(alert) != _facts(self._held.get(name))]
        gone = [replace(alert, t=t, state="gone") for name, alert in self._held.items() if name not in present]
        waiting = {name: alert for name, alert in self._held.items() if name in present - held.keys()}
        self._held = held | waiting
        return news + gone


def _snapshot(cell: str, t: float, item: dict[str, Any]) -> AlertSnapshot:
    status = item["status"]
    return AlertSnapshot(
        cell=cell,
        t=t,
        labels=item["labels"],
        fingerprint=item["fingerprint"],
        state=status["state"],
        starts_t=epoch_s(item["startsAt"]),
        inhibited_by=tuple(sorted(status["inhibitedBy"])),
        silenced_by=tuple(sorted(status["silencedBy"])),
        receivers=tuple(sorted(receiver["name"] for receiver in item["receivers"])),
    )


def _facts(alert: AlertSnapshot | None) -> Any:
    return alert and (alert.state, alert.starts_t, alert.inhibited_by, alert.silenced_by, alert.receivers)
