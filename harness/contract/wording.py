"""Read a one-line grammar word by word; every error has the column of its word and a remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final, Literal

from harness.core.errors import ConfigError, Location
from harness.core.source import nearest
from harness.core.units import parse_duration

__all__ = ["COMPARISON", "Operator", "Place", "Reader", "last_outside"]

Place = Callable[[int], Location]
Operator = Literal["<", "<=", ">", ">="]
COMPARISON: Final = re.compile(r"<=|>=|<|>")
_TOKEN: Final = re.compile(r"<=|>=|<|>|[^\s<>]+")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_PER_S: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}


class Reader:
    """The words of ``text`` from ``start`` to ``end``, taken one after the other. All errors are ``ConfigError``."""

    def __init__(self, text: str, place: Place, start: int = 0, end: int | None = None) -> None:
        stop = len(text) if end is None else end
        self._end = len(text[:stop].rstrip())
        self._words = [(match.start(), match[0]) for match in _TOKEN.finditer(text, start, stop)]
        self._place = place

    @property
    def words(self) -> tuple[str, ...]:
        """What is left."""
        return tuple(word for _, word in self._words)

    @property
    def next(self) -> str:
        """The next word, empty at the end."""
        return self._words[0][1] if self._words else ""

    @property
    def here(self) -> Location:
        """Where the next word stands, or where the line ends."""
        return self._place(self._words[0][0] if self._words else self._end)

    def fail(self, problem: str, remedy: str) -> ConfigError:
        """The error to raise about the next word."""
        return ConfigError(problem, location=self.here, remedy=remedy)

    def take(self, what: str) -> str:
        """The next word, which is ``what``."""
        if not self.next or COMPARISON.fullmatch(self.next):
            raise self.fail(f"{what} is missing here", "add it")
        return self._words.pop(0)[1]

    def skip(self, count: int = 1) -> None:
        """Leave ``count`` words out."""
        del self._words[:count]

    def accept(self, word: str) -> bool:
        """Take ``word`` if it comes next."""
        found = self.next == word
        self.skip(found)
        return found

    def keyword(self, known: Iterable[str]) -> str:
        """The next word, one of ``known``."""
        options = tuple(known)
        if self.next and self.next not in options:
            hint = nearest(self.next, options) or f"write {' or '.join(options)}"
            raise self.fail(f"{self.next!r} is not understood here", hint)
        return self.take(" or ".join(options))

    def comparison(self) -> Operator:
        """The next word, a comparison; a limit must follow."""
        if not COMPARISON.fullmatch(self.next):
            raise self.fail("a comparison is missing here", "write < or <=, > or >=, and a limit")
        operator: Operator = self._words.pop(0)[1]  # type: ignore[assignment]
        if not self.next:
            raise self.fail("the limit is missing", "write it with its unit")
        return operator

    def finish(self, known: Iterable[str], remedy: str) -> None:
        """Nothing may follow; ``known`` are words that a misspelt one may have been."""
        if self.next:
            raise self.fail(f"{self.next!r} is not understood here", nearest(self.next, known) or remedy)

    # --- quantities

    def duration(self) -> float:
        """Seconds, written as ``12s``."""
        try:
            seconds = parse_duration(self.next)
        except ValueError as error:
            raise self.fail(str(error), "write it as in 800ms, 12s or 2m") from None
        self.skip()
        return seconds

    def number(self, unit: str = "") -> float:
        """A number, followed by ``unit``."""
        text = self.next.removesuffix(unit)
        if not _NUMBER.fullmatch(text) or not self.next.endswith(unit):
            raise self.fail(f"{self.next!r} is not a number", f"write such as 5{unit}")
        self.skip()
        return float(text)

    def percent(self) -> float:
        """A share, written as ``40%``."""
        if _NUMBER.fullmatch(self.next[:-1]) and float(self.next[:-1]) > 100:
            raise self.fail(f"{self.next} is more than all", "a share is at most 100%")
        return self.number("%") / 100

    def per_second(self) -> float:
        """Events per second, written as ``0.5/s``."""
        number, _, unit = self.next.partition("/")
        if unit not in _PER_S or not _NUMBER.fullmatch(number):
            raise self.fail(f"{self.next!r} is not a rate", "write it as in 0.5/s or 30/m")
        self.skip()
        return float(number) / _PER_S[unit]

    def quantity(self) -> float:
        """A bare number; one with a unit is turned into the base unit, as PromQL has it."""
        if "/" in self.next:
            return self.per_second()
        if self.next.endswith("%"):
            return self.number("%") / 100
        return self.number() if _NUMBER.fullmatch(self.next) else self.duration()


def last_outside(text: str, pattern: re.Pattern[str]) -> int:
    """Offset of the last match of ``pattern`` outside quotes and brackets, -1 for none."""
    depth, quote, bare = 0, "", [True] * len(text)
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote and text[index - 1] != "\\" else quote
        elif character in "\"'`":
            quote = character
        depth += (character in "([{") - (character in ")]}") if not quote else 0
        bare[index] = not quote and depth == 0
    return max((found.start() for found in pattern.finditer(text) if bare[found.start()]), default=-1)
