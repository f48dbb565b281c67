"""What a rising load did, step by step, as a file: a table for spreadsheets and a picture of the curves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Final

from harness.core.events import Event, LoadStep
from harness.report.output import Output

__all__ = ["StepsReporter", "as_csv", "as_svg"]

_COLUMNS: Final = (
    "step", "rate_per_s", "held", "broke", "sent", "failed", "dropped",
    "throughput_per_s", "response_p95_s", "lateness_p99_s",
)  # fmt: skip
_CURVES: Final = (
    ("throughput_per_s", "answers per second"),
    ("response_p95_s", "response p95, s"),
    ("scrape_max_s", "longest scrape, s wall"),
    ("scrapes_failed", "scrapes failed"),
    ("log_lag_p99_s", "log lag p99, s wall"),
    ("documents_lost", "documents lost"),
    ("lateness_p99_s", "generator late p99, s wall"),
)
_WIDTH, _HEIGHT, _LEFT, _TOP = 560, 120, 190, 24


class StepsReporter:
    """Collects the steps of a search, and writes them when closed."""

    def __init__(self, output: Output, form: Callable[[Sequence[LoadStep]], str]) -> None:
        self._output, self._form = output, form
        self._steps: list[LoadStep] = []

    def handle(self, event: Event) -> None:
        """Take one event into account."""
        if isinstance(event, LoadStep):
            self._steps.append(event)

    def close(self) -> None:
        """Write the file."""
        if not self._output.closed:
            self._output.write(self._form(self._steps).encode())
        self._output.close()


def as_csv(steps: Sequence[LoadStep]) -> str:
    """One line for each step, in the order played; what was not observed is empty."""
    more = list(dict.fromkeys(name for step in steps for name in step.telemetry))
    lines = [",".join([*_COLUMNS, *more])]
    for step in steps:
        cells = [_text(getattr(step, name)) for name in _COLUMNS]
        lines.append(",".join(cells + [_text(step.telemetry.get(name)) for name in more]))
    return "".join(f"{line}\n" for line in lines)


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value).lower()


def _value(step: LoadStep, name: str) -> float | None:
    found = getattr(step, name) if name in _COLUMNS else step.telemetry.get(name)
    return None if found is None else float(found)


def as_svg(steps: Sequence[LoadStep]) -> str:
    """One small curve under the other, all over the offered rate; a filled dot is a step at which something broke."""
    ordered = sorted(steps, key=lambda step: step.rate_per_s)
    shown = [(name, title) for name, title in _CURVES if any(_value(step, name) is not None for step in ordered)]
    height = _TOP + len(shown) * _HEIGHT + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 20} {height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        *(line for row, (name, title) in enumerate(shown) for line in _curve(ordered, name, title, row)),
        *_rates(ordered, height - 8),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _x(step: LoadStep, steps: Sequence[LoadStep]) -> float:
    return _LEFT + _WIDTH * step.rate_per_s / max(other.rate_per_s for other in steps)


def _curve(steps: Sequence[LoadStep], name: str, title: str, row: int) -> Iterator[str]:
    known = [(step, value) for step in steps if (value := _value(step, name)) is not None]
    top, most = _TOP + row * _HEIGHT, max((value for _, value in known), default=0.0)
    base = top + _HEIGHT - 26
    dots = [
        (_x(step, steps), base - (value / most if most else 0.0) * (_HEIGHT - 46), step.held) for step, value in known
    ]
    yield f'<text x="8" y="{top + 24}">{escape(title)}</text>'
    yield f'<text x="{_LEFT - 8}" y="{top + 24}" text-anchor="end" fill="gray">{most:.4g}</text>'
    yield f'<line x1="{_LEFT}" y1="{base}" x2="{_LEFT + _WIDTH}" y2="{base}" stroke="silver"/>'
    yield f'<polyline fill="none" stroke="black" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y, _ in dots)}"/>'
    for x, y, held in dots:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" stroke="black" fill="{"white" if held else "crimson"}"/>'


def _rates(steps: Sequence[LoadStep], y: int) -> Iterator[str]:
    yield f'<text x="8" y="{y}">offered, per second</text>'
    for step in steps:
        yield f'<text x="{_x(step, steps):.1f}" y="{y}" text-anchor="middle">{step.rate_per_s:g}</text>'
