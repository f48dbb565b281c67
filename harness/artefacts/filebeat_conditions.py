"""Conditions of Filebeat's processors, decided of one event as Filebeat does: held, not held, or nobody can tell.

Keys may be nested or dotted (``when.equals: {level: debug}``); a path of an event is looked up whole first, then part
by part, as Filebeat does. What depends on anything beside the event's known fields is not decided.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

__all__ = ["Condition", "Lookup", "UnknownFieldError", "condition_of", "go_regexp", "value_in"]

Lookup = Callable[[str], Any]
"""The value at a dotted path of an event; raises ``KeyError`` where there is none, ``UnknownFieldError`` where nobody
can know it."""
Condition = Callable[[Lookup], "bool | None"]
"""Whether it holds of an event; ``None`` where that cannot be known."""


class UnknownFieldError(Exception):
    """What stands in a field cannot be known from the line alone."""


def condition_of(data: Any) -> Condition:
    """The condition that ``when:`` or ``if:`` writes; what is none of the known kinds is never decided."""
    if not isinstance(data, Mapping) or len(data) != 1:
        return _never_known
    ((name, inner),) = data.items()
    kind, _, rest = str(name).partition(".")
    if rest:  # when.not.equals.level: debug
        inner = {rest: inner}
    make = _KINDS.get(kind)
    return _never_known if make is None else make(inner)


def value_in(fields: Mapping[str, Any], path: str) -> Any:
    """The value at ``path``: the whole of it may be one key. Raises ``KeyError`` where there is none."""
    if path in fields:
        return fields[path]
    head, _, rest = path.partition(".")
    inner = fields[head]
    if not rest or not isinstance(inner, Mapping):
        raise KeyError(path)
    return value_in(inner, rest)


@lru_cache(maxsize=256)
def go_regexp(pattern: str) -> re.Pattern[str] | None:
    """What ``pattern`` means to Go, for ``search``; ``None`` where Python would read it in another way."""
    if _ONLY_GO.search(pattern):
        return None
    try:
        return re.compile(pattern, re.ASCII)
    except re.error:
        return None


_ONLY_GO: Final = re.compile(r"\[\[:|\[:\^?\w+:\]|\\[zQEpPC]|\\x\{|\(\?[a-zA-Z]*U|(?<!^)\(\?[imsU]+\)")
"""POSIX classes, ``\\z``, ``\\Q…\\E``, classes of Unicode, and flags in the middle."""


def _never_known(_lookup: Lookup) -> None:
    return None


def _all(parts: list[Condition]) -> Condition:
    def holds(lookup: Lookup) -> bool | None:
        found = [part(lookup) for part in parts]
        return False if False in found else None if None in found else True

    return holds


def _any(parts: list[Condition]) -> Condition:
    def holds(lookup: Lookup) -> bool | None:
        found = [part(lookup) for part in parts]
        return True if True in found else None if None in found else False

    return holds


def _not(data: Any) -> Condition:
    inner = condition_of(data)

    def holds(lookup: Lookup) -> bool | None:
        found = inner(lookup)
        return None if found is None else not found

    return holds


def _several(join: Callable[[list[Condition]], Condition]) -> Callable[[Any], Condition]:
    return lambda data: join([condition_of(each) for each in data]) if isinstance(data, list) else _never_known


def _of_value(test: Callable[[Any, Any], bool | None]) -> Callable[[Any], Condition]:
    """A condition that asks for a value in each of several fields; all must fit."""

    def make(data: Any) -> Condition:
        return _all([_one(path, wanted, test) for path, wanted in _leaves(data)]) if data else _never_known

    return make


def _one(path: str, wanted: Any, test: Callable[[Any, Any], bool | None]) -> Condition:
    def holds(lookup: Lookup) -> bool | None:
        if isinstance(wanted, str) and "${" in wanted:
            return None  # Filebeat fills it in from its environment
        try:
            return test(lookup(path), wanted)
        except KeyError:
            return False
        except UnknownFieldError:
            return None

    return holds


def _leaves(data: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted paths with what stands there."""
    for key, value in data.items() if isinstance(data, Mapping) else ():
        path = f"{above}{key}"
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}.")
        else:
            yield path, value


def _equals(value: Any, wanted: Any) -> bool | None:
    """Whole numbers, texts and booleans alone are compared, and only with their like."""
    if isinstance(wanted, float) or wanted is None:
        return None
    return type(value) is type(wanted) and bool(value == wanted)


def _contains(value: Any, wanted: Any) -> bool | None:
    if not isinstance(wanted, str):
        return None
    return wanted in value if isinstance(value, str) else _of_no_text(value)


def _matches(value: Any, wanted: Any) -> bool | None:
    pattern = go_regexp(wanted) if isinstance(wanted, str) else None
    if pattern is None:
        return None
    return pattern.search(value) is not None if isinstance(value, str) else _of_no_text(value)


def _of_no_text(value: Any) -> bool | None:
    """Releases of Filebeat differ in what they make of a list of texts; nothing else is searched."""
    return None if isinstance(value, list) else False


def _range(data: Any) -> Condition:
    found = []
    for name, bound in _leaves(data):
        path, _, kind = name.rpartition(".")
        if kind not in _BOUNDS or isinstance(bound, bool) or not isinstance(bound, int | float):
            return _never_known
        found.append(_one(path, (_BOUNDS[kind], bound), _within))
    return _all(found) if found else _never_known


def _within(value: Any, wanted: tuple[Callable[[float, float], bool], float]) -> bool:
    compare, bound = wanted
    return not isinstance(value, bool) and isinstance(value, int | float) and compare(value, bound)


_BOUNDS: Final[dict[str, Callable[[float, float], bool]]] = {
    "gte": lambda value, bound: value >= bound,
    "gt": lambda value, bound: value > bound,
    "lte": lambda value, bound: value <= bound,
    "lt": lambda value, bound: value < bound,
}


def _has_fields(data: Any) -> Condition:
    paths = [data] if isinstance(data, str) else data if isinstance(data, list) else []
    return _all([_one(str(path), "", lambda _value, _wanted: True) for path in paths]) if paths else _never_known


_KINDS: Final[dict[str, Callable[[Any], Condition]]] = {
    "equals": _of_value(_equals),
    "contains": _of_value(_contains),
    "regexp": _of_value(_matches),
    "range": _range,
    "has_fields": _has_fields,
    "and": _several(_all),
    "or": _several(_any),
    "not": _not,
}
