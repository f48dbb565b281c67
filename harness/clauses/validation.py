"""Rules for fields, compiled once into a test that most lines pass; only what fails is looked at for its reasons.

A line is validated a hundred thousand times a story: what can be decided about a rule is decided before the first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from harness.clauses.values import INSTANTS, pattern_of, reads_as, said
from harness.contract.fields import FieldRule

__all__ = ["Known", "Shapes", "Validator", "kind_of"]

Fields = Mapping[str, Any]
Fits = Callable[[Any], object]
"""A test of one value: what it answers is true or not."""
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list, tuple),
}


class Validator:
    """Tests fields against rules by dotted path, quickly; ``broken_fields`` says what is wrong.

    Lines of one event are alike: which fields are there and of which types decides most rules, and is looked at once
    for each shape. What is left for every line are the values that have to be looked at.
    """

    __slots__ = ("_inner", "_of_values", "_plans", "_rules")

    def __init__(self, rules: Mapping[str, FieldRule], *, text: bool = False) -> None:
        """With ``text`` all values are text, and are what they read as."""
        self._rules = rules
        self._of_values = _of_texts if text else _of_values
        self._plans: dict[_Shape, _Plan | None] = {}
        self._inner: dict[tuple[str, frozenset[str]], Validator] = {}

    def fits(self, fields: Fields) -> bool:
        """Whether every rule is kept."""
        shape = (*fields, *map(type, fields.values()))
        plan = self._plans.get(shape, _UNKNOWN)
        if plan is _UNKNOWN:
            plan = self._learn(shape, fields)
        if plan is None:
            return False
        tests, inner = plan
        for name, fits in tests:
            if not fits(fields[name]):
                return False
        for name, validator, known in inner:
            value = fields[name]
            # most objects need no call: their shape alone keeps the rules
            if known.get((*value, *map(type, value.values()))) != _ALL_KEPT and not validator.fits(value):
                return False
        return True

    def _learn(self, shape: _Shape, fields: Fields) -> _Plan | None:
        if len(self._plans) >= _MOST_SHAPES:  # lines that are all of another shape must not fill the memory
            self._plans.clear()
        plan = self._plans[shape] = self._planned(fields)
        return plan

    def _planned(self, fields: Fields) -> _Plan | None:
        """What values have to be looked at in fields of this shape; None where it already breaks a rule."""
        tests: list[tuple[str, Fits]] = []
        below: dict[str, dict[str, FieldRule]] = {}
        for path, rule in self._rules.items():
            head, _, rest = path.partition(".")
            if path in fields:
                kind = type(fields[path])
                found = self._of_values(rule, kind)
                if found is None:
                    return None
                tests += [(path, test) for test in found]
            elif rest and isinstance(fields.get(head), Mapping):
                below.setdefault(head, {})[rest] = rule
            elif not rule.optional:
                return None
        return tuple(tests), tuple(self._below(head, rules) for head, rules in below.items())

    def _below(self, head: str, rules: dict[str, FieldRule]) -> _Below:
        """The rules for what lies in an object; the same ones for every shape that leaves the same rules to it."""
        validator = self._inner.setdefault((head, frozenset(rules)), Validator(rules))
        return head, validator, validator._plans


_Shape = tuple[object, ...]
_Below = tuple[str, Validator, dict[_Shape, "_Plan | None"]]
"""An object by its name, what tests it, and what that knows of shapes."""
_Plan = tuple[tuple[tuple[str, Fits], ...], tuple[_Below, ...]]
"""Fields whose values are tested, and objects that are tested by rules of their own."""
_ALL_KEPT: Final = ((), ())
_UNKNOWN: Final[Any] = object()
_MOST_SHAPES: Final = 4096


def _is_of(rule: FieldRule, kind: type) -> bool:
    """Whether values of a type may stand where the rule is for."""
    if rule.type in INSTANTS:
        return kind is str or (rule.type == "epoch" and kind in (int, float))
    return rule.type == "any" or kind in _TYPES[rule.type]


def _of_values(rule: FieldRule, kind: type) -> list[Fits] | None:
    """What of a rule a value of a type can break; None where the type alone breaks it."""
    if not _is_of(rule, kind):
        return None
    tests: list[Fits] = [INSTANTS[rule.type]] if rule.type in INSTANTS else []
    if rule.one_of is not None:
        tests.append(_among(rule.one_of, kind))
    if rule.pattern is not None:
        fullmatch = pattern_of(rule.pattern).fullmatch
        tests.append(fullmatch if kind is str else lambda value: fullmatch(str(value)) is not None)
    return tests


def _of_texts(rule: FieldRule, kind: type) -> list[Fits]:  # noqa: ARG001 (every value is text)
    """What of a rule a text can break."""
    tests: list[Fits] = [] if rule.type in ("string", "any") else [partial(reads_as, kind=rule.type)]
    if rule.one_of is not None:
        tests.append(frozenset(map(said, rule.one_of)).__contains__)
    if rule.pattern is not None:
        tests.append(pattern_of(rule.pattern).fullmatch)
    return tests


def _among(values: Collection[Any], kind: type) -> Fits:
    texts = frozenset(value for value in values if isinstance(value, str))
    return texts.__contains__ if kind is str else lambda value: value in values


class Shapes:
    """Tells what is new about the shape of each object: lines of one event are alike, and looked at once."""

    __slots__ = ("_tables",)

    def __init__(self) -> None:
        self._tables: dict[str, _Table] = {}

    def news(self, fields: Fields, before: str = "") -> Sequence[tuple[str, Any]]:
        """Values with their dotted paths (``path[]`` for items of lists), of objects that are of a new shape."""
        return self._news(fields, before, self._table(before))

    def _table(self, before: str) -> _Table:
        return self._tables.setdefault(before, {})

    def _news(self, fields: Fields, before: str, table: _Table) -> Sequence[tuple[str, Any]]:
        shape = (*fields, *map(type, fields.values()))
        holders = table.get(shape)
        found: Sequence[tuple[str, Any]] = ()
        if holders is None:
            holders = table[shape] = tuple(self._holders(fields, before))
            found = [(before + name, value) for name, value in fields.items()]
        for name, path, inner in holders:
            value = fields[name]
            if inner is None:
                more: Sequence[tuple[str, Any]] = [*self._items(value, path)]
            elif inner.get((*value, *map(type, value.values()))) == ():
                continue  # known, and nothing lies deeper
            else:
                more = self._news(value, path, inner)
            if more:
                found = [*found, *more]
        return found

    def _items(self, items: Iterable[Any], path: str) -> Iterator[tuple[str, Any]]:
        for item in items:
            yield path, item
            if isinstance(item, dict):
                yield from self.news(item, f"{path}.")

    def _holders(self, fields: Fields, before: str) -> Iterator[_Holder]:
        for name, value in fields.items():
            if value.__class__ is dict:
                path = f"{before}{name}."
                yield name, path, self._table(path)
            elif value.__class__ is list or value.__class__ is tuple:
                yield name, f"{before}{name}[]", None


_Table = dict[_Shape, "tuple[_Holder, ...]"]
"""Shapes that were seen at a path, each with the fields that hold others."""
_Holder = tuple[str, str, "_Table | None"]
"""Name of a field, path of what lies in it, and the shapes known there; None for a list."""


class Known:
    """Which paths rules name. What lies below an object that a rule names as such is free."""

    __slots__ = ("_inner", "_rules")

    def __init__(self, rules: Collection[str]) -> None:
        self._rules = frozenset(rules)
        self._inner = frozenset(head for path in rules for head in _heads(path)) - self._rules

    def covers(self, path: str, value: Any) -> bool:
        """Whether the value may stand there."""
        path = path.replace("[]", "")
        if path in self._rules or (path in self._inner and isinstance(value, Mapping)):
            return True
        heads = list(_heads(path))
        # the innermost object that anything names decides: below one named by what it holds, nothing else may stand
        named = next((head for head in reversed(heads) if head in self._rules or head in self._inner), None)
        return named is not None and named not in self._inner


def _heads(path: str) -> Iterator[str]:
    """The objects that a path goes through, outermost first."""
    steps = path.split(".")
    return (".".join(steps[:length]) for length in range(1, len(steps)))


def kind_of(value: Any) -> str:
    """The type under which an index stores a value; the empty string for null, which fits any."""
    if value is None:
        return ""
    for kind, types in (("boolean", (bool,)), ("number", (int, float)), ("text", (str,)), ("object", (dict,))):
        if isinstance(value, types):
            return kind
    return ""
