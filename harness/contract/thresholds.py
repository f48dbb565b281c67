"""Thresholds of a story: one line each, strict, with units.

::

    CONDITION [during PHASE] [, abort_on_fail [after DURATION]]

    response p95 of generate < 12s          service, first token, inter-token, widest gap, lateness; p50 … p99.9, max
    failed < 1%                             goodput > 95% of requests, dropped < 1%
    throughput > 0.4/s                      goodput > 0.4/s, work > 10/s (work units of the answers)
    promql sum(rate(x_total[5m])) < 0.1/s
    log error with level=error count < 5
    alert TooManyErrors is quiet            pending, firing
    not saturated                           requests in flight and response time do not both rise

Durations are production time unless they end in ``wall``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from harness.contract.wording import COMPARISON, Operator, Place, Reader, last_outside
from harness.core.errors import ConfigError, Location
from harness.core.source import nearest

__all__ = ["ALERT_STATES", "RATES", "SHARES", "TIMES", "Threshold", "parse_threshold"]

Subject = Literal["time", "share", "rate", "promql", "log", "alert", "saturation"]

TIMES: Final = ("response", "service", "first token", "inter-token", "widest gap", "lateness")
SHARES: Final = ("failed", "goodput", "dropped")
RATES: Final = ("throughput", "goodput", "work")
ALERT_STATES: Final = ("quiet", "pending", "firing")
_HEADS: Final = (*TIMES, *SHARES, *RATES[::2], "promql", "log", "alert", "not saturated")
_OPTION: Final = "abort_on_fail"
_ENDINGS: Final = ("during", "of", "wall", _OPTION)
_PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d+)?)")
_COMMA: Final = re.compile(",")
_DURING: Final = re.compile(r"(?<=\s)during(?=\s)")


@dataclass(frozen=True, slots=True)
class Threshold:
    """One line: what is looked at, and what it must be.

    ``share`` is the percentile of a time (1 for the maximum). ``limit`` is in seconds, a share, per production second
    or a bare number; ``wall`` says that its seconds are those of the wall. ``places`` tells where words stand that can
    only be checked against other files. ``abort_after_s``, where set, lets a failure end the story, from so many
    production seconds after its phase (or the story) began.
    """

    text: str
    subject: Subject
    about: str
    operator: Operator = "<"
    limit: float = 0.0
    share: float = 1.0
    kind: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    state: str = ""
    wall: bool = False
    during: str | None = None
    abort_after_s: float | None = None
    places: Mapping[str, Location] = field(default_factory=dict)

    @property
    def source(self) -> Location:
        """Where it is written."""
        return self.places["text"]

    @property
    def name(self) -> str:
        """A name without the limit, so that the clause's id stays when the number is tuned."""
        text = self.text
        if self.subject not in {"alert", "saturation"}:
            written = text[: text.rindex(self.operator)]
            text = f"{written} {'below' if '<' in self.operator else 'above'}"
        return "_".join(f"{text} {f'during {self.during}' if self.during else ''}".split())

    def admits(self, value: float) -> bool:
        """Whether ``value``, in the unit of the limit, is allowed."""
        if self.operator in {"<", "<="}:
            return value < self.limit or (self.operator == "<=" and value == self.limit)
        return value > self.limit or (self.operator == ">=" and value == self.limit)


def parse_threshold(text: str, place: Place) -> Threshold:
    """The threshold written in ``text``; ``place`` turns an offset into a position. Raises ``ConfigError``."""
    stop, abort_s = _abort(text, place)
    end, during, where = _during(text[:stop])
    condition = text[:end]
    found = _condition(condition, place)
    if abort_s is not None and found.subject in {"rate", "saturation"}:
        raise ConfigError(
            "this is known when its phase is over: it cannot end the story early",
            location=place(stop + 1),
            remedy="remove abort_on_fail, or put it on a share or a response time",
        )
    places = {**found.places, "text": place(0), "during": place(where)}
    return replace(found, text=condition.strip(), during=during, abort_after_s=abort_s, places=places)


# --- the end of the line ---------------------------------------------------------------------------


def _abort(text: str, place: Place) -> tuple[int, float | None]:
    """Where the options begin, and the delay of ``abort_on_fail`` if it is one of them."""
    at = last_outside(text, _COMMA)
    if at < 0:
        return len(text), None
    line = Reader(text, place, at + 1)
    line.keyword((_OPTION,))
    delay_s = 0.0
    if line.next:
        line.keyword(("after",))
        delay_s = line.duration()
    line.finish((), f"write {_OPTION}, or {_OPTION} after 2m")
    return at, delay_s


def _during(text: str) -> tuple[int, str | None, int]:
    """Where the condition ends, the phase, and where its name stands."""
    at = last_outside(text, _DURING)
    if at < 0:
        return len(text), None, 0
    name = text[at + len("during") :]
    return at, " ".join(name.split()), len(text) - len(name.lstrip())


# --- conditions ------------------------------------------------------------------------------------


def _condition(text: str, place: Place) -> Threshold:
    line = Reader(text, place)
    match line.next:
        case "":
            raise line.fail("the threshold is empty", "write such as: response p95 < 2s")
        case "promql":
            return _promql(text, place)
        case "log":
            return _log(line)
        case "alert":
            return _alert(line)
        case "not":
            return _saturation(line)
    return _figure(line)


def _finish(line: Reader) -> None:
    line.finish(_ENDINGS, "after the limit come only: during PHASE, and a comma with abort_on_fail")


def _figure(line: Reader) -> Threshold:
    about = _about(line)
    share = _statistic(line, about) if about in TIMES else 1.0
    kind, places = None, dict[str, Location]()
    if line.accept("of"):
        places["kind"] = line.here
        kind = line.take("a kind of request")
    operator = line.comparison()
    places["limit"] = line.here
    if about in TIMES:
        return _time(line, Threshold("", "time", about, operator, share=share, kind=kind, places=places))
    subject, limit = _share_or_rate(line, about)
    _finish(line)
    return Threshold("", subject, about, operator, limit, kind=kind, places=places)


def _about(line: Reader) -> str:
    for length in (2, 1):
        name = " ".join(line.words[:length])
        if name in _HEADS:
            line.skip(length)
            return name
    hint = nearest(line.next, _HEADS) or nearest(" ".join(line.words[:2]), _HEADS)
    known = f"known: {', '.join(dict.fromkeys(_HEADS))}"
    raise line.fail(f"{line.next!r} is nothing that a threshold can be on", hint or known)


def _statistic(line: Reader, about: str) -> float:
    if line.accept("max"):
        return 1.0
    found = _PERCENTILE.fullmatch(line.next)
    if line.next and (not found or not float(found[1])):
        raise line.fail(f"{line.next!r} is not a percentile", f"write such as: {about} p95 < 2s")
    return float(line.take("p50, p90, p95, p99 or max")[1:]) / 100


def _time(line: Reader, item: Threshold) -> Threshold:
    text = line.next
    limit_s = line.duration()
    wall = line.accept("wall")
    _finish(line)
    if item.about == "lateness" and not wall:
        where = item.places["limit"]
        raise ConfigError("lateness is real time", location=where, remedy=f"write {text} wall")
    return replace(item, limit=limit_s, wall=wall)


def _share_or_rate(line: Reader, about: str) -> tuple[Subject, float]:
    if line.next.endswith("%") and about in SHARES:
        share = line.percent()
        if line.words == ("of", "requests"):
            line.skip(2)
        return "share", share
    if not line.next.endswith("%") and about in RATES:
        return "rate", line.per_second()
    unit = "in percent, such as 1%" if about in SHARES else "per second, such as 0.5/s"
    raise line.fail(f"{about} is not measured in {line.next!r}", f"write it {unit}")


def _log(line: Reader) -> Threshold:
    line.skip()
    places, where = {"stream": line.here}, dict[str, str]()
    stream = line.take("a stream")
    if line.accept("with"):
        while line.next != "count":
            name, _, wanted = line.next.partition("=")
            if not (name and wanted):
                remedy = f"write such as: log {stream} with level=error count < 5"
                raise line.fail(f"{line.next!r} is not FIELD=VALUE", remedy)
            where[name] = wanted
            line.skip()
    line.keyword(("count", "with"))
    operator, limit = line.comparison(), line.number()
    _finish(line)
    return Threshold("", "log", stream, operator, limit, where=where, places=places)


def _alert(line: Reader) -> Threshold:
    line.skip()
    where, name = line.here, line.take("an alert")
    line.keyword(("is",))
    state = line.keyword(ALERT_STATES)
    _finish(line)
    return Threshold("", "alert", name, state=state, places={"alert": where})


def _saturation(line: Reader) -> Threshold:
    line.skip()
    line.keyword(("saturated",))
    _finish(line)
    return Threshold("", "saturation", "saturated")


def _promql(text: str, place: Place) -> Threshold:
    at = last_outside(text, COMPARISON)
    if at < 0:
        unclosed = COMPARISON.search(text)
        problem = "a bracket or quote is left open" if unclosed else "the expression is compared with nothing"
        remedy = "write such as: promql sum(rate(failures_total[5m])) < 0.1/s"
        raise ConfigError(problem, location=place(unclosed.start() if unclosed else len(text)), remedy=remedy)
    begin = text.index("promql") + len("promql")
    begin += len(text[begin:at]) - len(text[begin:at].lstrip())
    line = Reader(text, place, at)
    operator, where = line.comparison(), line.here
    limit = line.quantity()
    _finish(line)
    if begin >= at:
        raise ConfigError("the expression is missing", location=place(at), remedy="write it before the comparison")
    places = {"expression": place(begin), "limit": where}
    return Threshold("", "promql", text[begin:at].strip(), operator, limit, places=places)
