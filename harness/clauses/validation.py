"""Rules for fields, compiled once into a test that most lines pass; only what fails is looked at for its reasons.

A line is validated a hundred thousand times a story: what can be decided about a rule is decided before the first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from harness.clauses.values import ABSENT, at_path, is_timestamp, pattern_of
from harness.contract.fields import FieldRule

__all__ = ["Known", "Shapes", "Validator", "kind_of"]

Fields = Mapping[str, Any]
Fits = Callable[[Any], bool]
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list, tuple),
}


class Validator:
    """Tests fields against rules by dotted path, quickly; ``broken_fields`` says what is wrong."""

    __slots__ = ("_flat", "_nested")

    def __init__(self, rules: Mapping[str, FieldRule]) -> None:
        tests = [(path, _fits(rule), rule.optional) for path, rule in rules.items()]
        self._flat = [(path, fits, optional) for path, fits, optional in tests if "." not in path]
        self._nested = [(path, fits, optional) for path, fits, optional in tests if "." in path]

    def fits(self, fields: Fields) -> bool:
        """Whether every rule is kept."""
        get = fields.get
        for path, fits, optional in self._flat:
            value = get(path, ABSENT)
            if value is ABSENT:
                if not optional:
                    return False
            elif not fits(value):
                return False
        for path, fits, optional in self._nested:
            value = at_path(fields, path)
            if value is ABSENT:
                if not optional:
                    return False
            elif not fits(value):
                return False
        return True


def _fits(rule: FieldRule) -> Fits:
    """The test of one rule on a value that is there."""
    tests = list(_tests(rule))
    if not tests:
        return lambda _: True
    if len(tests) == 1:
        return tests[0]
    return lambda value: all(test(value) for test in tests)


def _tests(rule: FieldRule) -> Iterator[Fits]:
    if rule.type == "timestamp":
        yield lambda value: value.__class__ is str and is_timestamp(value)
    elif rule.type != "any":
        kinds = frozenset(_TYPES[rule.type])
        yield lambda value: value.__class__ in kinds
    if rule.one_of is not None:
        yield _among(rule.one_of)
    if rule.pattern is not None:
        fullmatch = pattern_of(rule.pattern).fullmatch
        yield lambda value: fullmatch(str(value)) is not None


def _among(values: Collection[Any]) -> Fits:
    if all(isinstance(value, str) for value in values):
        allowed = frozenset(values)
        return lambda value: value.__class__ is str and value in allowed
    return lambda value: value in values


class Shapes:
    """Tells what is new about the shape of each object: lines of one event are alike, and looked at once."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: set[tuple[object, ...]] = set()

    def news(self, fields: Fields, before: str = "") -> Iterator[tuple[str, Any]]:
        """Values with their dotted paths (``path[]`` for items of lists), of objects that are of a new shape."""
        shape = (before, *fields, *map(type, fields.values()))
        if shape not in self._known:
            self._known.add(shape)
            for name, value in fields.items():
                yield before + name, value
        for name, value in fields.items():
            if value.__class__ is dict:
                yield from self.news(value, f"{before}{name}.")
            elif value.__class__ is list or value.__class__ is tuple:
                yield from self._items(value, f"{before}{name}[]")

    def _items(self, items: Iterable[Any], path: str) -> Iterator[tuple[str, Any]]:
        for item in items:
            yield path, item
            if isinstance(item, dict):
                yield from self.news(item, f"{path}.")


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
