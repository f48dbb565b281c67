"""What an alert is for: who is told, what it should do under each standard condition, and examples with numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator, Field, WithJsonSchema, field_validator, model_validator

from harness.contract.flows import Flows
from harness.contract.notices import Notices
from harness.contract.quantities import Duration
from harness.contract.strict import Strict
from harness.core.source import nearest
from harness.core.units import parse_duration

__all__ = ["CONDITIONS", "PAIR_WORDS", "WORDS", "Alert", "Condition", "Example", "between", "word_problem"]

Condition = Literal[
    "designed trigger",
    "at threshold",
    "just below",
    "series absent",
    "fresh start",
    "series at zero",
    "idle",
    "spread",
    "single sample",
    "burst before first scrape",
    "hang",
    "target gone",
    "restart",
    "sibling",
    "decay",
]
CONDITIONS: Final[tuple[str, ...]] = get_args(Condition)
WORDS: Final = ("fires in time", "fires", "quiet", "any")
"""What one alert may be asked for; also ``fires between 3m and 4m``, counted from when the condition began."""
PAIR_WORDS: Final = ("inhibited", "no new page", "any")
"""What an alert may be asked for while the one that it yields to fires too."""
_PAIRS: Final = frozenset({"sibling", "decay"})
_BETWEEN: Final = re.compile(r"(?:fires )?between (\S+) and (\S+)")


def between(text: str) -> tuple[float, float] | None:
    """The two instants of ``[fires ]between A and B`` in production seconds; ``None`` for anything else."""
    found = _BETWEEN.fullmatch(text)
    try:
        return (parse_duration(found[1]), parse_duration(found[2])) if found else None
    except ValueError:
        return None


def word_problem(condition: str, word: str) -> str:
    """Why ``word`` cannot be asked for under ``condition``, or nothing."""
    known = PAIR_WORDS if condition in _PAIRS else WORDS
    return "" if word in known or (known is WORDS and _is_window(word)) else _unknown(word, known)


def _is_window(word: str) -> bool:
    window = between(word) if word.startswith("fires ") else None
    return window is not None and window[0] <= window[1]


def _unknown(word: str, known: Sequence[str]) -> str:
    forms = ", ".join(known) + (", fires between 3m and 4m" if "fires" in known else "")
    return f"{word!r} is nothing that an alert does here: {nearest(word, known) or f'write {forms}'}"


def _alone(word: str) -> str:
    if word not in WORDS and not _is_window(word):
        raise ValueError(_unknown(word, WORDS))
    return word


def _any_word(word: str) -> str:
    known = (*WORDS, *PAIR_WORDS)
    if word not in known and not _is_window(word):
        raise ValueError(_unknown(word, tuple(dict.fromkeys(known))))
    return word


def _window(text: str) -> str:
    window = between(text) if text.startswith("between ") else None
    if window is None or window[0] > window[1]:
        raise ValueError("write it as in: between 4m and 6m")
    return text


_Word = Annotated[str, AfterValidator(_alone), WithJsonSchema({"type": "string", "examples": [*WORDS[1:3]]})]
_AnyWord = Annotated[
    str, AfterValidator(_any_word), WithJsonSchema({"type": "string", "examples": [*WORDS[1:3], *PAIR_WORDS]})
]
_Window = Annotated[str, AfterValidator(_window), WithJsonSchema({"type": "string", "examples": ["between 4m and 6m"]})]
_Series = Annotated[str, Field(pattern=r"^[a-zA-Z_:][\w:]*(\{.*\})?$")]


class Example(Strict):
    """A story in numbers: series that do something, and what the alert must do then, in virtual time.

    Only the series that are written here exist; labels that a key does not name are those of the contract and of the
    scrape job. ``before`` says what they do first: unless said otherwise counters stand still, gauges are 0 and
    targets are up.
    """

    given: dict[_Series, Flows] = Field(min_length=1)
    before: dict[_Series, Flows] = {}
    lasts: Duration | None = None
    then: _Word
    resolves: _Window | None = None
    alerts: int | None = Field(default=None, ge=1)
    says: str | list[str] = []

    @property
    def texts(self) -> tuple[str, ...]:
        """What its annotations must say, each somewhere."""
        return (self.says,) if isinstance(self.says, str) else tuple(self.says)

    @model_validator(mode="after")
    def _fits(self) -> Example:
        if self.resolves is not None and (self.lasts is None or not self.then.startswith("fires")):
            raise ValueError("resolves needs an alert that fires, and lasts: it counts from when the condition began")
        if self.alerts is not None and not self.then.startswith("fires"):
            raise ValueError("alerts counts those that fire")
        if self.says and not self.then.startswith("fires"):
            raise ValueError("says is about an alert that fires")
        return self


class Alert(Strict):
    """Intent of an alert; its expression lives in the rule file."""

    means: str
    reaches: str | None = None
    also_told: str | list[str] = []
    """Receivers beside it, by routes that continue."""
    yields_to: str | list[str] | None = None
    fires_in: str | list[str] = []
    runbook: str | None = None
    always: bool = False
    carries: dict[str, str] = {}
    """Labels of its pages that others build on, such as a severity."""
    under: dict[Condition, _AnyWord] = {}
    """What it should do under a standard condition, where that is not the default."""
    examples: dict[str, Example] = {}
    notices: Notices = Notices()
    """What its notices promise otherwise than those of all alerts."""

    @property
    def listeners(self) -> tuple[str, ...]:
        """The receivers that are told beside the one that is paged."""
        return (self.also_told,) if isinstance(self.also_told, str) else tuple(self.also_told)

    @property
    def inhibitors(self) -> tuple[str, ...]:
        """The alerts that it yields to."""
        named = self.yields_to or []
        return (named,) if isinstance(named, str) else tuple(named)

    @model_validator(mode="after")
    def _always_is_all(self) -> Alert:
        if self.always and (self.under or self.examples):
            raise ValueError("an alert that always fires has neither conditions nor examples")
        return self

    @field_validator("under")
    @classmethod
    def _words(cls, value: dict[str, str]) -> dict[str, str]:
        problems = (f"{name}: {problem}" for name, word in value.items() if (problem := word_problem(name, word)))
        for problem in problems:
            raise ValueError(problem)
        return value
