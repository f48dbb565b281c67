# ruff: noqa: ARG002 - hooks of many small classes share one signature
"""Faults of the exposition: it lies, freezes, or does not answer."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from reference_router.faults.base import Fault, FaultError

if TYPE_CHECKING:
    from reference_router.instance import Router

__all__ = ["MetricDrop", "MetricFreeze", "MetricLabel", "MetricRename", "MetricScale", "MetricsEndpoint"]


class ExpositionFault(Fault):
    """Changes the finished exposition text."""

    async def inject(self, router: Router) -> None:
        """Change it from now on."""
        router.exposition.filters.append(self._filter)

    async def heal(self, router: Router) -> None:
        """Leave it as it is again."""
        router.exposition.filters.remove(self._filter)

    def strike(self, text: bytes) -> bytes:
        """The text as it will be served."""
        raise NotImplementedError

    def _filter(self, text: bytes) -> bytes:
        changed = self.strike(text)
        if changed != text:
            self.hit()
        return changed


def _family(metric: str) -> str:
    """Regular expression for the lines of one family: head, name, rest of the name."""
    return rf"^(# (?:HELP|TYPE) )?({re.escape(metric)})((?:_bucket|_sum|_count|_total)?)(?=[ {{])"


@dataclass(eq=False)
class MetricRename(ExpositionFault):
    """A family appears under another name."""

    name: ClassVar[str] = "metric_rename"
    metric: str
    to: str

    def strike(self, text: bytes) -> bytes:
        """Renamed."""
        pattern = _family(self.metric).encode()
        return re.sub(pattern, rb"\g<1>" + self.to.encode() + rb"\g<3>", text, flags=re.MULTILINE)


@dataclass(eq=False)
class MetricDrop(ExpositionFault):
    """A family is missing."""

    name: ClassVar[str] = "metric_drop"
    metric: str

    def strike(self, text: bytes) -> bytes:
        """Without it."""
        return re.sub(_family(self.metric).encode() + rb".*\n", b"", text, flags=re.MULTILINE)


@dataclass(eq=False)
class MetricLabel(ExpositionFault):
    """A ``label`` of a family is called ``to``."""

    name: ClassVar[str] = "metric_label"
    metric: str
    label: str
    to: str

    def strike(self, text: bytes) -> bytes:
        """With the wrong label."""
        family = re.compile(_family(self.metric).encode())
        label = re.compile(rb"([{,])" + re.escape(self.label.encode()) + rb'(?==")')
        lines = text.split(b"\n")
        replacement = rb"\g<1>" + self.to.encode()
        return b"\n".join(label.sub(replacement, line, 1) if family.match(line) else line for line in lines)


@dataclass(eq=False)
class MetricScale(ExpositionFault):
    """Values of a family are multiplied by ``factor``, as if every event counted that often."""

    name: ClassVar[str] = "metric_scale"
    metric: str
    factor: float = 2.0

    def strike(self, text: bytes) -> bytes:
        """With wrong values."""
        family = re.compile(_family(self.metric).encode())
        return b"\n".join(self._scaled(line) if family.match(line) else line for line in text.split(b"\n"))

    def _scaled(self, line: bytes) -> bytes:
        if line.startswith(b"#"):
            return line
        head, _, value = line.rpartition(b" ")
        return head + b" " + repr(float(value) * self.factor).encode()


@dataclass(eq=False)
class MetricFreeze(ExpositionFault):
    """Every scrape sees what the first one after injection saw."""

    name: ClassVar[str] = "metric_freeze"

    def __post_init__(self) -> None:
        self._frozen: bytes | None = None

    def strike(self, text: bytes) -> bytes:
        """The past."""
        if self._frozen is None:
            self._frozen = text
        return self._frozen


@dataclass(eq=False)
class MetricsEndpoint(Fault):
    """``GET /metrics`` answers 500 (``error``), late (``slow``, by ``wall_s``), or not at all (``hang``)."""

    name: ClassVar[str] = "metrics_endpoint"
    mode: str = "error"
    wall_s: float = 1.0

    def __post_init__(self) -> None:
        self._healed = asyncio.Event()

    def check(self, router: Router) -> None:
        """Known modes."""
        if self.mode not in ("error", "slow", "hang"):
            raise FaultError(f"{self.name}: modes are error, slow, hang")

    async def inject(self, router: Router) -> None:
        """From the next scrape on."""
        router.operations.before_metrics.append(self._strike)

    async def heal(self, router: Router) -> None:
        """Answer again, held scrapes included."""
        router.operations.before_metrics.remove(self._strike)
        self._healed.set()

    async def _strike(self) -> None:
        self.hit()
        if self.mode == "error":
            raise RuntimeError("the metrics endpoint is out of order")
        bound_s = self.wall_s if self.mode == "slow" else None
        with suppress(TimeoutError):
            await asyncio.wait_for(self._healed.wait(), bound_s)
