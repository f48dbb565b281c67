"""The text of a stand-in for an exporter, and how its series move: a file of samples, changed by flows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from harness.contract.flows import Flow

__all__ = ["Course", "matching", "series_names"]

_SAMPLE: Final = re.compile(r"(?P<series>[a-zA-Z_:][\w:]*(?:\{.*\})?)\s+(?P<value>[^\s{}]+)\s*")
_SERIES: Final = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})?")
_LABEL: Final = re.compile(r'\s*(?P<name>\w+)\s*=\s*"(?P<value>(?:\\.|[^"\\])*)"\s*,?')


@dataclass(slots=True)
class _Line:
    """One sample: its value at instant ``since``, and what it has done from then on."""

    series: str
    value: float
    usual: Flow
    flow: Flow
    written: float
    since: float = 0.0

    @property
    def resting(self) -> Flow:
        """What it does unchanged; what has counted never goes back."""
        has_counted = self.flow.rate is not None and self.usual.rate is None
        return Flow(rate=0.0) if has_counted else self.usual

    def at(self, t: float) -> float | None:
        if self.flow.is_absent:
            return None
        speed = self.flow.rate if self.flow.rate is not None else self.flow.slope
        return self.value + speed * (t - self.since)

    def change(self, flow: Flow, t: float) -> None:
        """Go over to ``flow``: what counts goes on from where it is, a value is set."""
        reached = self.at(t)
        self.value = self.written if reached is None else reached
        if flow.rate is None and flow.at is not None:
            self.value = flow.at
        self.flow, self.since = flow, t


@dataclass(slots=True)
class Course:
    """An exposition whose samples move with production time ``t``, in seconds.

    ``usual`` says what series do while no fault changes them; the others keep the value of the file.
    """

    text: str
    usual: Mapping[str, Flow] = field(default_factory=dict)
    _lines: list[str | _Line] = field(init=False)

    def __post_init__(self) -> None:
        self._lines = [self._line(line) for line in self.text.splitlines()]

    def _line(self, line: str) -> str | _Line:
        found = _SAMPLE.fullmatch(line)
        if found is None:
            return line
        series, value = found["series"], float(found["value"])
        usual = next((flow for name, flow in self.usual.items() if matching(name, series)), Flow(at=value))
        start = usual.at if usual.rate is None and usual.at is not None else value
        return _Line(series, start, usual, usual, value)

    def change(self, changes: Mapping[str, Flow], t: float) -> None:
        """From ``t`` on the named series follow other flows."""
        for line, flow in self._named(changes):
            line.change(flow, t)

    def restore(self, changes: Mapping[str, Flow], t: float) -> None:
        """From ``t`` on the named series do what they usually do."""
        for line, _flow in self._named(changes):
            line.change(line.resting, t)

    def render(self, t: float) -> str:
        """The text at ``t``."""
        shown = (line if isinstance(line, str) else _shown(line, t) for line in self._lines)
        return "\n".join(line for line in shown if line is not None) + "\n"

    def _named(self, changes: Mapping[str, Flow]) -> Iterator[tuple[_Line, Flow]]:
        for line in self._lines:
            for name, flow in changes.items():
                if isinstance(line, _Line) and matching(name, line.series):
                    yield line, flow


def _shown(line: _Line, t: float) -> str | None:
    value = line.at(t)
    return None if value is None else f"{line.series} {value!r}"


def series_names(text: str) -> list[str]:
    """Every series of an exposition, with its labels."""
    return [found["series"] for line in text.splitlines() if (found := _SAMPLE.fullmatch(line))]


def matching(wanted: str, series: str) -> bool:
    """Whether ``series`` has the name and at least the labels of ``wanted``."""
    left, right = _SERIES.fullmatch(wanted), _SERIES.fullmatch(series)
    if left is None or right is None or left["name"] != right["name"]:
        return False
    return _labels(left["labels"]).items() <= _labels(right["labels"]).items()


def _labels(text: str | None) -> dict[str, str]:
    return {found["name"]: found["value"] for found in _LABEL.finditer(text or "")}
