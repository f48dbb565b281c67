"""Filebeat's monitoring endpoint: what became of the events it read."""

from __future__ import annotations

from typing import Any, Final

from harness.run.clients.http import Http

__all__ = ["FilebeatClient"]

_COUNTERS: Final = {
    "output_acked": ("libbeat", "output", "events", "acked"),
    "output_dropped": ("libbeat", "output", "events", "dropped"),
    "output_duplicates": ("libbeat", "output", "events", "duplicates"),
    "output_failed": ("libbeat", "output", "events", "failed"),
    "pipeline_dropped": ("libbeat", "pipeline", "events", "dropped"),
    "pipeline_failed": ("libbeat", "pipeline", "events", "failed"),
    "pipeline_active": ("libbeat", "pipeline", "events", "active"),
    "pipeline_published": ("libbeat", "pipeline", "events", "published"),
    "open_files": ("filebeat", "harvester", "open_files"),
}


class FilebeatClient:
    """One Filebeat with ``http.enabled: true``; every method raises ``HttpFault`` when it does not answer."""

    def __init__(self, http: Http) -> None:
        self.http = http

    def stats(self) -> dict[str, Any]:
        """Everything it counts, as it tells it."""
        return dict(self.http.get_json("/stats"))

    def counters(self) -> dict[str, float]:
        """Events by fate: output acked, dropped, duplicates, failed; pipeline active, dropped, failed, published."""
        stats = self.stats()
        return {name: _number(stats, path) for name, path in _COUNTERS.items()}


def _number(stats: Any, path: tuple[str, ...]) -> float:
    for step in path:
        stats = stats.get(step, {}) if isinstance(stats, dict) else {}
    return float(stats) if isinstance(stats, int | float) else 0.0
