"""Alertmanager's second API: alerts, groups, silences, status, receivers."""

from __future__ import annotations

from typing import Any

from harness.run.clients.http import Http

__all__ = ["AlertmanagerClient"]


class AlertmanagerClient:
    """One Alertmanager; every method raises ``HttpFault`` when it does not answer as it should."""

    def __init__(self, http: Http) -> None:
        self.http = http

    def alerts(self) -> list[dict[str, Any]]:
        """Alerts that are not resolved: active, silenced and inhibited ones alike."""
        return list(self.http.get_json("/api/v2/alerts"))

    def groups(self) -> list[dict[str, Any]]:
        """Alerts by the groups in which they are notified."""
        return list(self.http.get_json("/api/v2/alerts/groups"))

    def silences(self) -> list[dict[str, Any]]:
        """Silences, expired ones included."""
        return list(self.http.get_json("/api/v2/silences"))

    def receivers(self) -> tuple[str, ...]:
        """Names of the receivers that the configuration declares."""
        return tuple(item["name"] for item in self.http.get_json("/api/v2/receivers"))

    def status(self) -> dict[str, Any]:
        """Version, uptime, cluster state and the running configuration."""
        return dict(self.http.get_json("/api/v2/status"))

    def config(self) -> str:
        """The running configuration, as YAML."""
        return str(self.status()["config"]["original"])

    def ready(self) -> bool:
        """Whether it says it is ready; False too while it answers anything else."""
        return self.http.send("GET", "/-/ready").ok

    def own_metrics(self) -> str:
        """The text of its own metrics."""
        return self.http.get("/metrics").text
