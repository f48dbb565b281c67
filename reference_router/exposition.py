"""The registry as Prometheus text and as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from reference_router.instruments import KeptMetric, head_of, line_of

__all__ = ["CONTENT_TYPE", "Exposition"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Exposition:
    """Renders one registry; ``filters`` see the finished text, in order, before it is served."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.filters: list[Callable[[bytes], bytes]] = []
        self._registry = registry

    def text(self) -> bytes:
        """Prometheus text format."""
        text = "".join(map(_text_of, self._registry.collect())).encode()
        for change in self.filters:
            text = change(text)
        return text

    def json(self) -> list[dict[str, Any]]:
        """Families with their samples, for people and scripts without a Prometheus parser."""
        return [
            {
                "name": family.name,
                "type": family.type,
                "help": family.documentation,
                "samples": [
                    {"name": sample.name, "labels": sample.labels, "value": sample.value} for sample in family.samples
                ],
            }
            for family in self._registry.collect()
        ]

    def family_count(self) -> int:
        """Number of metric families."""
        return sum(1 for _ in self._registry.collect())


def _text_of(family: Metric) -> str:
    return family.text if isinstance(family, KeptMetric) else head_of(family) + "".join(map(line_of, family.samples))
