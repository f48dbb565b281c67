"""How values are described: the rules for a label of a metric and for a field of a log line or an answer."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from harness.contract.strict import Strict

__all__ = ["Derived", "FieldRule", "FieldType", "LabelRule", "compile_pattern"]

FieldType = Literal["string", "integer", "number", "boolean", "object", "array", "timestamp", "epoch", "any"]


def compile_pattern(text: str | None) -> str | None:
    """``text``, checked to be a regular expression where there is one; raises ``ValueError`` when it is not."""
    try:
        re.compile(text or "")
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return text


class FieldRule(Strict):
    """What a field must hold. Short forms: a type (``string``, optional with ``string?``), or a list of values."""

    short_forms = [{"type": "string", "pattern": r"^[a-z]+\??$"}, {"type": "array"}]

    type: FieldType = "any"
    one_of: list[Any] | None = None
    pattern: str | None = None
    optional: bool = False
    means: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            optional = value.endswith("?")
            return {"type": value.rstrip("?"), "optional": optional}
        if isinstance(value, list):
            return {"one_of": value}
        return value

    _pattern = field_validator("pattern")(compile_pattern)


class Derived(Strict):
    """How a pipeline makes a field from the raw line. Short form: the path, or the paths, that it is copied from."""

    short_forms = [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]

    from_: list[str] = Field(default=[], alias="from")
    bands: dict[str, float | None] = {}
    presence: dict[str, str] | None = None
    means: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        value = {"from": value} if isinstance(value, str | list) else value
        if isinstance(value, dict) and isinstance(value.get("from"), str):
            return {**value, "from": [value["from"]]}
        return value

    @model_validator(mode="after")
    def _one(self) -> Derived:
        if bool(self.from_) == (self.presence is not None):
            raise ValueError("say either from (which fields it is made of) or presence (which field says what it is)")
        return self


class LabelRule(Strict):
    """Which values a label may take: a closed list, a pattern, or anything up to ``at_most`` values."""

    short_forms = [{"type": "array", "items": {"type": "string"}}]

    one_of: list[str] | None = None
    pattern: str | None = None
    also: list[str] = []
    """Values beside those; a placeholder that is listed here is meant."""
    at_most: int | None = Field(default=None, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"one_of": value} if isinstance(value, list) else value

    @model_validator(mode="after")
    def _bounded(self) -> LabelRule:
        if self.one_of is None and self.pattern is None and self.at_most is None:
            raise ValueError("say which values the label may take: a list, a pattern or at_most")
        if self.one_of is not None and self.also:
            raise ValueError("one_of is the whole list: write the values of also into it")
        return self

    _pattern = field_validator("pattern")(compile_pattern)

    @property
    def meant(self) -> frozenset[str]:
        """Values that are named, whatever they look like."""
        return frozenset((*(self.one_of or ()), *self.also))

    def fits(self, value: str) -> bool:
        """Whether it may take ``value``, as far as a pattern tells."""
        return self.pattern is None or value in self.also or re.fullmatch(self.pattern, value) is not None
