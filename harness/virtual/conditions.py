"""The standard conditions: what happens to the inputs of an alert, condition by condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from harness.virtual.design import Design, whole
from harness.virtual.inputs import Input, Level, Segment
from harness.virtual.reasons import NotApplicableError, NotGeneratedError

__all__ = ["CONDITIONS", "Script", "script"]


@dataclass(frozen=True, slots=True)
class Script:
    """What happens, in production seconds from the beginning.

    ``onset_s`` is when the condition begins and ``healed_s`` when it ends (the end, where it does not).
    ``setting`` is the setting that must have been reached before then. With ``rest`` the inputs are spread over
    several targets.
    """

    segments: tuple[Segment, ...]
    onset_s: float
    healed_s: float
    setting: str = ""
    rest: Mapping[Input, Level] | None = None

    @property
    def length_s(self) -> float:
        """Length of the whole story."""
        return sum(segment.length_s for segment in self.segments)


def script(condition: str, design: Design) -> Script:
    """The story of ``condition`` for one alert.

    Raises ``NotApplicableError`` where the condition means nothing for it, ``NotGeneratedError`` where its
    inputs cannot be made.
    """
    return _BUILDERS[condition](design)


def _need(design: Design, setting: str) -> None:
    if design.drive is None:
        raise NotApplicableError("no value moves it, only presence and absence")
    if setting not in design.inputs_at:
        raise NotGeneratedError(f"no {design.drive} brings the expression there")


def _pulse(design: Design, setting: str, *, heals: bool) -> Script:
    _need(design, setting)
    calm, moved = design.levels("healthy"), design.levels(setting)
    lead_s, hold_s = design.lead_s, design.hold_s
    segments = [Segment(lead_s, calm), Segment(hold_s, moved)]
    if heals:
        segments.append(Segment(design.recovery_s, calm))
    return Script(tuple(segments), lead_s, lead_s + hold_s, setting)


def _designed_trigger(design: Design) -> Script:
    if design.drive is None:
        calm, lead_s, hold_s = design.baseline, design.lead_s, design.hold_s
        segments = (Segment(lead_s, calm), Segment(hold_s, calm, seen="gone"), Segment(design.recovery_s, calm))
        return Script(segments, lead_s, lead_s + hold_s)
    return _pulse(design, "trigger", heals=True)


def _at_threshold(design: Design) -> Script:
    if design.comparison is None:
        raise NotApplicableError("it compares with no number")
    if design.comparison.operator == "==":
        raise NotApplicableError("the threshold itself is the designed trigger")
    return _pulse(design, "exact", heals=False)


def _just_below(design: Design) -> Script:
    if design.comparison is None:
        raise NotApplicableError("it compares with no number")
    if "near" not in design.inputs_at:
        raise NotApplicableError("nothing lies just on the quiet side of its threshold")
    return _pulse(design, "near", heals=False)


def _series_absent(design: Design) -> Script:
    hold_s = design.hold_s
    return Script((Segment(hold_s, design.baseline, seen="absent"),), 0.0, hold_s)


def _fresh_start(design: Design) -> Script:
    """Healthy traffic from the first scrape on: windows that are not full yet must not deceive."""
    lead_s, hold_s = 4 * design.scrape_s, design.hold_s
    calm = design.levels("healthy") if design.drive else design.baseline
    return Script((Segment(lead_s, calm, seen="absent"), Segment(hold_s, calm)), lead_s, lead_s + hold_s)


def _series_at_zero(design: Design) -> Script:
    calm = design.levels("healthy")
    still = {each: _zero(calm[each], at=float(each.family.kind == "up")) for each in design.inputs}
    hold_s = design.hold_s
    return Script((Segment(hold_s, still),), 0.0, hold_s)


def _zero(level: Level, at: float = 0.0) -> Level:
    """As many series as there are, at 0."""
    return Level(at=at, there=level.there, copies=level.copies)


def _idle(design: Design) -> Script:
    busy = design.levels("healthy")
    still = {each: replace(level, rate=0.0) if each.is_counting else level for each, level in busy.items()}
    lead_s, hold_s = design.lead_s, design.hold_s
    return Script((Segment(lead_s, busy), Segment(hold_s, still)), lead_s, lead_s + hold_s)


def _spread(design: Design) -> Script:
    if design.drive is not None and design.drive.mode == "copies":
        raise NotApplicableError("its series are many already")
    told = _pulse(design, "trigger", heals=True)
    healthy = design.levels("healthy")
    if design.drive is None or design.drive.input.is_counting:
        return replace(told, rest=healthy)
    if design.drive.input.family.kind != "up" and not design.fires_upwards:
        return replace(told, rest={})
    low = {each: replace(level, at=level.at / 10) for each, level in healthy.items() if each == design.drive.input}
    return replace(told, rest=healthy if design.drive.input.family.kind == "up" else {**healthy, **low})


def _single_sample(design: Design) -> Script:
    _need(design, "trigger")
    lead_s, hold_s = 4 * design.scrape_s, design.hold_s
    moved = design.levels("trigger")
    segments = (
        Segment(lead_s, moved, seen="absent"),
        Segment(design.scrape_s, moved, burst_s=design.examined.timing.range_s),
        Segment(hold_s, moved, seen="absent"),
    )
    return Script(segments, lead_s, lead_s + hold_s)


def _burst(design: Design) -> Script:
    _need(design, "trigger")
    if not any(each.is_counting for each in design.inputs):
        raise NotApplicableError("it reads nothing that counts")
    moved, lead_s, hold_s = design.levels("trigger"), 4 * design.scrape_s, design.hold_s
    still = {each: replace(level, rate=0.0) if each.is_counting else level for each, level in moved.items()}
    segments = (
        Segment(lead_s, moved, seen="absent"),
        Segment(design.scrape_s, moved, burst_s=max(design.examined.timing.range_s, 60.0)),
        Segment(hold_s, still),
    )
    return Script(segments, lead_s, lead_s + hold_s)


def _hang(design: Design) -> Script:
    if not any(each.family.kind != "up" for each in design.inputs):
        raise NotApplicableError("a hung service is still up to discovery: see the live stories")
    busy = design.levels("healthy")
    stuck = {each: replace(level, rate=0.0) if each.is_counting else level for each, level in busy.items()}
    risen = {each: _risen(design, each, level) for each, level in stuck.items()}
    lead_s, hold_s = design.lead_s, design.hold_s
    segments = (
        Segment(lead_s, busy),
        Segment(4 * design.evaluation_s, stuck, towards=risen),
        Segment(hold_s, risen),
    )
    return Script(segments, lead_s, lead_s + hold_s + 4 * design.evaluation_s)


def _risen(design: Design, each: Input, level: Level) -> Level:
    if each.family.kind != "gauge":
        return level
    if design.drive is not None and each == design.drive.input:
        return design.levels("trigger")[each] if design.fires_upwards else level
    return replace(level, at=level.at + 10)


def _target_gone(design: Design) -> Script:
    calm, lead_s, hold_s = design.levels("healthy"), design.lead_s, design.hold_s
    return Script((Segment(lead_s, calm), Segment(hold_s, calm, seen="gone")), lead_s, lead_s + hold_s)


def _restart(design: Design) -> Script:
    calm, lead_s, hold_s = design.levels("healthy"), design.lead_s, design.hold_s
    fresh = {each: _zero(level) if each.family.kind == "gauge" else level for each, level in calm.items()}
    segments = (
        Segment(lead_s, calm),
        Segment(design.scrape_s, calm, seen="failed"),
        Segment(design.scrape_s, fresh, reset=True),
        Segment(hold_s, calm),
    )
    return Script(segments, lead_s, lead_s + hold_s)


def _sibling(design: Design) -> Script:
    return _pulse(design, "trigger", heals=False)


def _decay(design: Design) -> Script:
    """Far beyond the trigger, so that the alert with the shorter ``for`` fires first; back to the trigger; healed.

    Healing is at once for what is counted, which then leaves the window, and a straight line for a gauge.
    """
    told = _pulse(design, "trigger", heals=True)
    lead, hold, rest = told.segments
    storm = Segment(hold.length_s, design.storm())
    down: tuple[Segment, ...] = ()
    if design.drive is not None and not design.drive.input.is_counting:
        down_s = whole(max(design.timing.for_s, 4 * design.evaluation_s) * 2, design.evaluation_s)
        down = (Segment(down_s, hold.levels, towards=rest.levels),)
    segments = (lead, storm, hold, *down, rest)
    return replace(told, segments=segments, healed_s=told.healed_s + storm.length_s)


_BUILDERS: Final[dict[str, Callable[[Design], Script]]] = {
    "designed trigger": _designed_trigger,
    "at threshold": _at_threshold,
    "just below": _just_below,
    "series absent": _series_absent,
    "fresh start": _fresh_start,
    "series at zero": _series_at_zero,
    "idle": _idle,
    "spread": _spread,
    "single sample": _single_sample,
    "burst before first scrape": _burst,
    "hang": _hang,
    "target gone": _target_gone,
    "restart": _restart,
    "sibling": _sibling,
    "decay": _decay,
}
CONDITIONS: Final = tuple(_BUILDERS)
