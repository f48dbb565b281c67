"""What a rule did in an experiment: when it was pending and firing, with which labels, and what it would have said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.core.units import format_duration
from harness.virtual.answers import Findings, FiredAlert

__all__ = ["Behaviour", "Span", "behaviour", "spans"]

Span = tuple[float, float]
"""First and last evaluation, in seconds, at which something held."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Stretches of evaluations at which the alert was pending and firing, from the condition's begin on.

    Instants are production seconds. What ended before the condition began belongs to the condition "fresh start".

    ``labels`` are those of the firing alerts, ``alerts`` the rendered ones, ``error`` is why an evaluation failed.
    """

    pending: tuple[Span, ...] = ()
    firing: tuple[Span, ...] = ()
    labels: tuple[Mapping[str, str], ...] = ()
    alerts: tuple[FiredAlert, ...] = ()
    error: str = ""

    @property
    def fired_s(self) -> float | None:
        """The first evaluation at which it fired."""
        return self.firing[0][0] if self.firing else None

    def told(self, onset_s: float, end_s: float) -> str:
        """In words, with instants counted from ``onset_s``; an alert that fires at ``end_s`` goes on firing."""
        if self.firing:
            count = f" {len(self.labels)} alerts" if len(self.labels) > 1 else ""
            return f"fires{count} " + ", ".join(_shown(each, onset_s, end_s) for each in self.firing)
        if self.pending:
            return "pends " + ", ".join(_shown(each, onset_s, end_s) for each in self.pending)
        return "quiet"


def behaviour(
    findings: Findings, watched: str, step_s: float, fixed: Mapping[str, str], onset_s: float = 0.0
) -> Behaviour:
    """What the alert with the fixed labels did from ``onset_s`` on, from answers to ``watched`` every ``step_s``."""
    states: dict[str, list[float]] = {"pending": [], "firing": []}
    labels: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
    for (expression, t), samples in sorted(findings.answers.items(), key=lambda item: item[0][1]):
        if expression != watched:
            continue
        mine = [each.labels for each in samples if _carries(each.labels, fixed)]
        for state in {each["alertstate"] for each in mine}:
            states[state].append(t)
        for each in mine:
            if each["alertstate"] == "firing" and t >= onset_s:
                kept = {k: v for k, v in each.items() if k not in {"__name__", "alertstate"}}
                labels[tuple(sorted(kept.items()))] = kept
    fired = findings.fired.get(fixed["alertname"], ())
    return Behaviour(
        tuple(span for span in spans(states["pending"], step_s) if span[1] >= onset_s),
        tuple(span for span in spans(states["firing"], step_s) if span[1] >= onset_s),
        tuple(labels.values()),
        tuple(each for each in fired if _carries(each.labels, fixed)),
        findings.error,
    )


def spans(instants: Sequence[float], step_s: float) -> tuple[Span, ...]:
    """Instants that follow one another by ``step_s``, as stretches."""
    found: list[Span] = []
    for t in _ordered(instants):
        if found and t - found[-1][1] <= step_s * 1.5:
            found[-1] = (found[-1][0], t)
        else:
            found.append((t, t))
    return tuple(found)


def _carries(labels: Mapping[str, str], fixed: Mapping[str, str]) -> bool:
    return all(labels.get(name, "") == value for name, value in fixed.items())


def _ordered(instants: Iterable[float]) -> list[float]:
    return sorted(set(instants))


def _shown(span: Span, onset_s: float, end_s: float) -> str:
    begin = _signed(span[0] - onset_s)
    return f"{begin}…" if span[1] >= end_s - 1e-6 else f"{begin} to {_signed(span[1] - onset_s)}"


def _signed(seconds: float) -> str:
    return ("-" if seconds < 0 else "") + format_duration(abs(seconds))
