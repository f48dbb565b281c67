"""prometheus_client's instruments, which keep what a label set says until it moves.

A scrape asks for every series, but since the last one few of them moved: a router of five hundred lines would spend
more on telling them again and again than on its requests. Moves mark their label set; ``collect`` reads the marked
ones anew and hands out the rest as it was. The text is that of ``generate_latest`` to the byte.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, Concatenate, ParamSpec, Self

import prometheus_client
from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

__all__ = ["Counter", "Gauge", "Histogram", "KeptMetric", "head_of", "line_of"]

P = ParamSpec("P")
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class KeptMetric(Metric):
    """A family as it was collected, and its text."""

    text: str


class _Kept(MetricWrapperBase):
    """A family with labels, or, as prometheus_client has it, one of its children."""

    def __init__(self, name: str, documentation: str, labelnames: Iterable[str], **rest: Any) -> None:
        self.moved = True
        self.samples: list[Sample] = []
        self.text = ""
        self._names = tuple(labelnames)
        self._series: list[tuple[dict[str, str], str]] = []
        self._children: dict[tuple[str, ...], Self] = {}
        self._told: KeptMetric | None = None
        super().__init__(name, documentation, self._names, **rest)

    def labels(self, *values: Any, **named: Any) -> Self:
        """The child of these label values."""
        child = None if named else self._children.get(values)
        if child is None:
            values = tuple(str(value) for value in values or [named[name] for name in self._names])
            child = self._children[values] = super().labels(*values)
        return child

    def remove(self, *values: Any) -> None:
        """Forget the child of these label values."""
        super().remove(*values)
        self._children.pop(tuple(str(value) for value in values), None)
        self._told = None

    def collect(self) -> Iterable[Metric]:
        """The family as it is now; of children that did not move, what they said before."""
        if not self._children:
            return super().collect()
        moved = [(values, child) for values, child in list(self._children.items()) if child.moved]
        for values, child in moved:
            child.moved = False  # before it is read: what moves meanwhile is read again
            child._read(dict(zip(self._names, values, strict=True)))
        if moved or self._told is None:
            self._told = self._tell()
        return [self._told]

    def _tell(self) -> KeptMetric:
        [plain] = self.describe()
        family = KeptMetric(plain.name, plain.documentation, plain.type)
        family.samples = [sample for child in self._children.values() for sample in child.samples]
        family.text = head_of(plain) + "".join([child.text for child in self._children.values()])
        return family

    def _read(self, labels: dict[str, str]) -> None:
        [metric] = super().collect()
        if not self._series:
            self._series = [(labels | sample.labels, series_of(sample, labels)) for sample in metric.samples]
        told = list(zip(metric.samples, self._series, strict=True))
        self.samples = [Sample(sample.name, labels, sample.value) for sample, (labels, _) in told]
        self.text = "".join([f"{series} {_value(sample)}\n" for sample, (_, series) in told])


def _moving(move: Callable[Concatenate[Any, P], None]) -> Callable[Concatenate[Any, P], None]:
    @functools.wraps(move)
    def marked(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> None:
        move(self, *args, **kwargs)
        self.moved = True

    return marked


class Counter(_Kept, prometheus_client.Counter):
    """Moves by ``inc``."""

    inc = _moving(prometheus_client.Counter.inc)


class Gauge(_Kept, prometheus_client.Gauge):
    """Moves by ``inc``, ``dec`` and ``set``; not by a function, which nobody would hear."""

    inc = _moving(prometheus_client.Gauge.inc)
    dec = _moving(prometheus_client.Gauge.dec)
    set = _moving(prometheus_client.Gauge.set)


class Histogram(_Kept, prometheus_client.Histogram):
    """Moves by ``observe``."""

    observe = _moving(prometheus_client.Histogram.observe)


def head_of(family: Metric) -> str:
    """Name, meaning and type of a family in the text format."""
    name = f"{family.name}_total" if family.type == "counter" else family.name
    about = family.documentation.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {about}\n# TYPE {name} {family.type}\n"


def line_of(sample: Sample) -> str:
    """One sample in the text format."""
    return f"{series_of(sample, {})} {_value(sample)}\n"


def series_of(sample: Sample, labels: dict[str, str]) -> str:
    """A line of the text format up to its value: the name of ``sample`` with its labels and these."""
    pairs = sorted((labels | sample.labels).items())
    text = ",".join([f'{name}="{value.translate(_ESCAPES)}"' for name, value in pairs])
    return f"{sample.name}{{{text}}}" if text else sample.name


def _value(sample: Sample) -> str:
    return str(floatToGoString(sample.value))  # type: ignore[no-untyped-call]
