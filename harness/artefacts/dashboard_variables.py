"""What a panel really asks: its variables and Grafana's own filled in as Grafana does it, for the board as stored.

Values that only a running Grafana knows (those of query variables) stand in label matchers as *some value*: the
matcher becomes a regular expression that any value passes. Where such a value would decide the shape of the query,
such as in ``by ($label)``, the query is unknown, and said to be so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from harness.artefacts.dashboard import Dashboard, Target, Variable
from harness.artefacts.promql import Place
from harness.core.errors import Location
from harness.core.units import format_duration, parse_duration

__all__ = ["Filled", "Filler"]

_STRING: Final = r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`'
_VARIABLE: Final = re.compile(
    r"""\$(?P<plain>[A-Za-z_]\w*)
    |\$\{(?P<name>[A-Za-z_]\w*)(?:\.[^:}]+)?(?::(?P<how>[^}]+))?\}
    |\[\[(?P<old>[A-Za-z_]\w*)(?::(?P<old_how>\w+))?\]\]""",
    re.VERBOSE,
)
_PIECE: Final = re.compile(
    rf"""(?P<sign>=~|!~|!=|=)\s*(?P<value>{_STRING})
    |(?P<text>{_STRING})
    |(?P<out>{_VARIABLE.pattern})""",
    re.VERBOSE | re.DOTALL,
)
_POINTS: Final = 1000
"""About as many points as a panel is wide."""
_ALL: Final = frozenset({"$__all", "All"})
_SOME: Final = ".+"
_NONE: Final = "a value that no series has"
_LIVE: Final = frozenset({"query", "adhoc", "groupby"})
"""Kinds of variables whose values a running Grafana finds out."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A query with all variables filled in; ``problem`` says what is wrong, ``unknown`` what only Grafana knows."""

    text: str
    place: Place
    problem: str = ""
    problem_at: int = 0
    unknown: str = ""


@dataclass(slots=True)
class _Work:
    """One query while it is filled: the pieces written so far, and where each came from."""

    step_s: float | None
    parts: list[str]
    origins: list[tuple[int, int]]
    length: int = 0
    problem: str = ""
    problem_at: int = 0
    unknown: str = ""

    def put(self, text: str, origin: int) -> None:
        self.parts.append(text)
        self.origins.append((self.length, origin))
        self.length += len(text)

    def blame(self, problem: str, at: int) -> None:
        if not self.problem:
            self.problem, self.problem_at = problem, at


@dataclass(frozen=True, slots=True)
class Filler:
    """Fills in the variables of one board; ``scrape_s`` is the interval that its data source is told."""

    board: Dashboard
    scrape_s: float

    def target(self, target: Target) -> Filled:
        """The query of ``target``."""
        return self.text(target.text, target.place, target.interval)

    def text(self, text: str, place: Place, interval: str = "") -> Filled:
        """``text`` of the board with everything filled in; ``interval`` is the smallest step it asks for."""
        work = _Work(_seconds(interval), [], [])
        at = 0
        for found in _PIECE.finditer(text):
            work.put(text[at : found.start()], at)
            self._piece(work, found)
            at = found.end()
        work.put(text[at:], at)
        where = _placing(place, work.origins)
        return Filled("".join(work.parts), where, work.problem, work.problem_at, work.unknown)

    def _piece(self, work: _Work, found: re.Match[str]) -> None:
        if found["value"] is not None:
            self._matcher(work, found)
        elif found["text"] is not None:
            work.put(_VARIABLE.sub(lambda one: self._loose(work, one), found["text"]), found.start())
        else:
            work.put(self._outside(work, found), found.start())

    def _matcher(self, work: _Work, found: re.Match[str]) -> None:
        """``sign "value"``: the value of a label matcher, or an argument that follows a comparison."""
        sign, literal = found["sign"], found["value"]
        live = [each for each in self._named(literal) if self._is_live(each)]
        if not live:
            filled = _VARIABLE.sub(lambda one: self._known(work, one, found.start()), literal)
            work.put(found[0][: -len(literal)] + filled, found.start())
        elif sign.startswith("!"):
            work.put(f'{sign}"{_NONE}"', found.start())
        elif sign == "=" and any(_takes_several(each) for each in live):
            work.put(f'="({_SOME}|{_SOME})"', found.start())  # Grafana puts (a|b) here, which equals nothing
        else:
            work.put(f'=~"{self._pattern(work, found)}"', found.start())

    def _pattern(self, work: _Work, found: re.Match[str]) -> str:
        """The literal as a regular expression in which any value may stand for a live variable."""
        inner, at, parts = found["value"][1:-1], 0, []
        exact = found["sign"] == "="
        for one in _VARIABLE.finditer(inner):
            variable = self._variable(_name(one))
            live = variable is not None and self._is_live(variable)
            parts.append(_escaped(inner[at : one.start()]) if exact else inner[at : one.start()])
            parts.append(_all_of(variable) if live and variable else self._known(work, one, found.start()))
            at = one.end()
        return "".join([*parts, _escaped(inner[at:]) if exact else inner[at:]])

    def _outside(self, work: _Work, found: re.Match[str]) -> str:
        variable = self._variable(_name(found))
        if variable is not None and self._is_live(variable):
            work.unknown = work.unknown or f"the value of ${variable.name} is known to a running Grafana only"
            return found[0]
        return self._known(work, found, found.start())

    def _loose(self, work: _Work, one: re.Match[str]) -> str:
        """A variable in some other text: what is not defined there is the text's own, such as a group's name."""
        known = _name(one) in self._own(work) or self._variable(_name(one)) is not None
        return self._outside(work, one) if known else one[0]

    def _known(self, work: _Work, one: re.Match[str], at: int) -> str:
        name, own = _name(one), self._own(work)
        variable = self._variable(name)
        if name in own:
            return own[name]
        if variable is None:
            work.blame(f"the board defines no variable ${name}", at)
            return one[0]
        values = self._values(variable, own)
        if not values:
            work.unknown = work.unknown or f"the board stores no value of ${name}"
            return one[0]
        return _formatted(values, one["how"] or one["old_how"] or "", several=_takes_several(variable))

    def _own(self, work: _Work) -> dict[str, str]:
        """Grafana's own variables for the board's range of time."""
        step_s, range_s = work.step_s or self.scrape_s, self.board.range_s
        interval_s = max(step_s, float(math.ceil(range_s / _POINTS)))
        return {
            "__interval": format_duration(interval_s),
            "__interval_ms": f"{interval_s * 1000:.0f}",
            "__rate_interval": format_duration(max(interval_s + step_s, 4 * step_s)),
            "__rate_interval_ms": f"{max(interval_s + step_s, 4 * step_s) * 1000:.0f}",
            "__range": format_duration(range_s),
            "__range_s": f"{range_s:.0f}",
            "__range_ms": f"{range_s * 1000:.0f}",
            "__dashboard": self.board.title,
        }

    def _variable(self, name: str) -> Variable | None:
        return next((each for each in self.board.variables if each.name == name), None)

    def _named(self, literal: str) -> Iterator[Variable]:
        found = (self._variable(_name(one)) for one in _VARIABLE.finditer(literal))
        return (each for each in found if each is not None)

    def _is_live(self, variable: Variable) -> bool:
        return variable.kind in _LIVE

    def _values(self, variable: Variable, own: dict[str, str]) -> tuple[str, ...]:
        listed = _listed(variable)
        if set(variable.values) & _ALL:
            return (variable.all_value,) if variable.all_value else listed
        values = variable.values or listed[:1]
        if variable.kind == "interval":
            return tuple(own["__interval"] if value.startswith(("auto", "$__auto")) else value for value in values)
        return values


def _name(one: re.Match[str]) -> str:
    return one["plain"] or one["name"] or one["old"] or ""


def _takes_several(variable: Variable) -> bool:
    """Whether the board, as stored, puts several values in the variable's place."""
    return variable.is_multiple and (len(variable.values) > 1 or bool(set(variable.values) & _ALL))


def _all_of(variable: Variable) -> str:
    chosen = set(variable.values) & _ALL
    return variable.all_value if chosen and variable.all_value else _SOME


def _listed(variable: Variable) -> tuple[str, ...]:
    """Values that the file lists; ``text : value`` pairs by their value."""
    written = [option for option in variable.options if option not in _ALL and not option.startswith("$__auto")]
    if not written and variable.kind in {"custom", "interval"}:
        parts = [part.strip() for part in re.split(r"(?<!\\),", variable.query)]
        written = [part.split(" : ")[-1].strip() for part in parts if part]
    return tuple(written) or ((variable.query,) if variable.kind in {"constant", "textbox"} and variable.query else ())


def _formatted(values: tuple[str, ...], how: str, *, several: bool) -> str:
    if how in {"pipe", "csv", "raw", "text"} or (len(values) == 1 and not several and how != "regex"):
        joined = {"csv": ",", "raw": ","}.get(how, "|")
        return joined.join(values)
    return _escaped(values[0]) if len(values) == 1 else f"({'|'.join(map(_escaped, values))})"


def _escaped(text: str) -> str:
    """``text`` as part of a regular expression in a quoted literal."""
    return re.sub(r"[.*+?()|\[\]{}^$]", r"\\\\\g<0>", text)


def _seconds(interval: str) -> float | None:
    try:
        return parse_duration(interval.lstrip("> ")) if interval else None
    except ValueError:
        return None  # itself a variable


def _placing(place: Place, origins: list[tuple[int, int]]) -> Callable[[int], Location]:
    """From an offset in the filled text back to its place in the file."""

    def where(offset: int) -> Location:
        start, origin = max((pair for pair in origins if pair[0] <= offset), default=(0, 0))
        return place(origin + offset - start)

    return where
