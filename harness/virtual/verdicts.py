"""What an alert should do under each standard condition, and whether it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from harness.artefacts.alertmanager_config import AlertmanagerConfig
from harness.artefacts.bounds import FaultTiming, fire_bounds, resolve_bounds
from harness.artefacts.rules import named_labels
from harness.clauses.blemishes import blemish
from harness.contract.alert import between
from harness.core.errors import Location
from harness.core.units import format_duration
from harness.virtual.behaviour import Behaviour
from harness.virtual.conditions import Script
from harness.virtual.design import Design

__all__ = ["Cell", "Pair", "Verdict", "default_word", "judged", "paired", "resolved_problem", "unsaid_problem"]

_EXTRAPOLATE: Final = frozenset({"predict_linear", "double_exponential_smoothing", "holt_winters"})
"""What sees in every jump a trend, and goes beyond the value that is jumped to."""
Verdict = Literal["held", "violated", "reported", "inconclusive", "not applicable"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One alert under one condition: what it did, what it should do, the verdict and why.

    ``rule`` is where the rule is written, ``promise`` where the contract says what it should do (nowhere: the default).
    """

    alert: str
    condition: str
    verdict: Verdict
    does: str
    should: str = ""
    why: str = ""
    rule: Location | None = None
    promise: Location | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """What a warning and the critical alert of the same problem did in one experiment."""

    warning: Behaviour
    critical: Behaviour


def default_word(condition: str, design: Design) -> str:
    """What good behaviour is, where the contract says nothing else: one of its words."""
    if condition == "designed trigger":
        return "fires in time"
    if condition in {"at threshold", "just below"} and design.examined.functions & _EXTRAPOLATE:
        return "any"
    if condition == "restart" and design.drive is not None and design.drive.mode == "steps":
        return "any"
    if condition == "at threshold":
        strict = design.comparison is not None and design.comparison.operator in {">", "<", "!="}
        return "quiet" if strict else "any"
    if condition in {"series absent", "target gone"}:
        return "fires" if design.examined.is_about_absence else "quiet"
    if condition == "series at zero":
        return _at_zero(design)
    fixed = {"spread": "fires", "sibling": "inhibited", "decay": "no new page"}
    quiet = {"just below", "fresh start", "idle", "restart"}
    return fixed.get(condition) or ("quiet" if condition in quiet else "any")


def judged(design: Design, condition: str, script: Script, word: str, did: Behaviour) -> Cell:
    """Verdict on one alert that was watched alone."""
    does = did.told(script.onset_s, script.length_s - design.evaluation_s)
    if did.error:
        return _failed(design, condition, word, did)
    problem = _problem(design, script, word, did)
    if problem:
        return Cell(design.examined.name, condition, "violated", does, word, problem)
    verdict: Verdict = "reported" if word == "any" else "held"
    return Cell(design.examined.name, condition, verdict, does, word)


def paired(
    design: Design,
    condition: str,
    script: Script,
    word: str,
    pair: Pair,
    receivers: AlertmanagerConfig | None,
    external: Mapping[str, str],
) -> Cell:
    """Verdict on a warning while the critical alert of the same problem fires too."""
    end_s = script.length_s - design.evaluation_s
    does = f"{pair.warning.told(script.onset_s, end_s)}; critical {pair.critical.told(script.onset_s, end_s)}"
    name = design.examined.name
    if pair.warning.error:
        return _failed(design, condition, word, pair.warning)
    if not pair.warning.firing or not pair.critical.firing:
        return Cell(name, condition, "inconclusive", does, word, "the two do not fire together")
    if receivers is None:
        return Cell(name, condition, "inconclusive", does, word, "the contract names no alertmanager.yml")
    if word == "any":
        return Cell(name, condition, "reported", does, word)
    problem = _not_inhibited(pair, receivers, external)
    if not problem and word == "no new page":
        problem = _pages_again(pair, design)
    return Cell(name, condition, "violated" if problem else "held", does, word, problem)


def _failed(design: Design, condition: str, word: str, did: Behaviour) -> Cell:
    """A rule that cannot be evaluated ends the experiment; only its own alert is to blame."""
    is_own = f"rule: {design.examined.rule.name}," in did.error
    name, does = design.examined.name, "cannot be evaluated" if is_own else "unknown: another rule cannot be evaluated"
    return Cell(name, condition, "violated" if is_own else "inconclusive", does, word, did.error)


def _at_zero(design: Design) -> str:
    """Zero of a gauge is a measurement, zero of a counter is the silence before the first event."""
    if design.comparison is None or design.drive is None or design.drive.input.family.kind != "gauge":
        return "quiet"
    if (
        design.drive.mode == "age"
        or design.comparison.is_relative
        or len({each.family.name for each in design.inputs}) > 1
    ):
        return "any"
    threshold = design.comparison.threshold
    tests = {
        ">": threshold < 0,
        ">=": threshold <= 0,
        "<": threshold > 0,
        "<=": threshold >= 0,
        "==": threshold == 0,
        "!=": threshold != 0,
    }
    return "fires" if tests[design.comparison.operator] else "quiet"


def _problem(design: Design, script: Script, word: str, did: Behaviour) -> str:
    if word == "quiet":
        return "it should stay quiet" if did.fired_s is not None else ""
    if not word.startswith("fires"):
        return ""
    if did.fired_s is None:
        return "it should fire"
    if did.fired_s < script.onset_s:
        return "it already fires when the condition begins"
    if word == "fires":
        return ""
    if window := between(word):
        return _outside(did.fired_s - script.onset_s, window)
    return _timing_problem(design, script, did) or _text_problem(design, did)


def _outside(after_s: float, window: tuple[float, float]) -> str:
    if window[0] - 1e-6 <= after_s <= window[1] + 1e-6:
        return ""
    return f"it fires {format_duration(after_s)} after the condition began"


def resolved_problem(script: Script, word: str, step_s: float, did: Behaviour) -> str:
    """Why an alert did not end as ``word`` says (``between A and B`` after the condition began), or nothing."""
    window = between(word)
    if window is None or not did.firing:
        return ""
    over_s = did.firing[-1][1] + step_s
    if over_s >= script.length_s - 1e-6:
        return "it does not resolve"
    after_s = over_s - script.onset_s
    if window[0] - 1e-6 <= after_s <= window[1] + 1e-6:
        return ""
    return f"it resolves {format_duration(after_s)} after the condition began; should: {word}"


def unsaid_problem(texts: Sequence[str], did: Behaviour) -> str:
    """Which of ``texts`` no annotation of an alert says at the end of the condition, with what they say instead."""
    for alert in did.alerts:
        said = " | ".join(alert.annotations.values())
        for text in texts:
            if text not in said:
                return f"it does not say {text!r} but: {said}"
    return "" if did.alerts or not texts else "it does not fire any more when the condition ends"


def _timing_problem(design: Design, script: Script, did: Behaviour) -> str:
    timing = design.timing
    fire = fire_bounds(timing, FaultTiming(crossing_s=timing.range_s))
    resolve = resolve_bounds(timing)
    after_s = (did.fired_s or 0.0) - script.onset_s
    if after_s < fire.earliest.production_s(1) - 1e-6:
        return f"too early: {format_duration(after_s)} after the fault; earliest {fire.earliest}"
    if after_s > fire.latest.production_s(1) + 1e-6:
        return f"too late: {format_duration(after_s)} after the fault; latest {fire.latest}"
    if len(did.firing) > 1:
        return f"it fires {len(did.firing)} times for one fault"
    over_s = did.firing[-1][1] + design.evaluation_s - script.healed_s
    if over_s > resolve.latest.production_s(1) + 1e-6:
        return f"not resolved in time after healing; latest {resolve.latest}"
    return ""


def _text_problem(design: Design, did: Behaviour) -> str:
    for alert in did.alerts:
        for name, text in alert.annotations.items():
            if not text.strip() or blemish(text):
                return f"its {name} does not render: {text.strip() or 'empty'}"
    if not all(each.family.knows_labels for each in design.inputs):
        return ""
    for name, template in design.examined.rule.annotations.items():
        for label in named_labels(template):
            if any(not labels.get(label) for labels in did.labels):
                return f"its {name} speaks of the label {label}, which the alert does not carry"
    return ""


def _not_inhibited(pair: Pair, receivers: AlertmanagerConfig, external: Mapping[str, str]) -> str:
    critical = [{**external, **labels} for labels in pair.critical.labels]
    warnings = [{**external, **labels} for labels in pair.warning.labels]
    for labels in warnings:
        if receivers.inhibited_by(labels, critical) is None:
            return "no inhibition rule silences it while its critical sibling fires"
    for labels in critical:
        if receivers.inhibited_by(labels, [*critical, *warnings]) is not None:
            return "its critical sibling is silenced as well"
    return ""


def _pages_again(pair: Pair, design: Design) -> str:
    """A page goes out when the warning fires while the critical one, which had fired, does not any more."""
    muted_s = pair.critical.firing[0][0]
    paged_before = any(start < muted_s for start, _end in pair.warning.firing)
    freed_s = pair.critical.firing[-1][1] + design.evaluation_s
    late = [(start, end) for start, end in pair.warning.firing if end >= freed_s]
    again = [start for start, _end in late if not paged_before or start >= freed_s]
    if not again:
        return ""
    from_s = max(again[0], freed_s)
    return f"it pages anew {format_duration(from_s - freed_s)} after its critical sibling has resolved"
