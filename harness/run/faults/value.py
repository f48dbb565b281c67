"""The value of a fault: how it goes into templates, and how an answer is compared with it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from harness.contract.fault_values import COMPARISON, Value

__all__ = ["at_pointer", "fill", "fill_path", "mismatch"]

_MARK: Final = "{{value}}"
_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_ABSENT: Final = object()


def fill(template: Any, value: Value) -> Any:
    """``template`` with ``{{value}}`` replaced: by the value itself where it stands alone, else by its text."""
    if isinstance(template, str):
        return value if template == _MARK else template.replace(_MARK, str(value))
    if isinstance(template, Mapping):
        return {fill(key, value): fill(item, value) for key, item in template.items()}
    if isinstance(template, list | tuple):
        return [fill(item, value) for item in template]
    return template


def fill_path(template: str, value: Value) -> str:
    """As ``fill``, with the value escaped for an address."""
    return template.replace(_MARK, quote(str(value), safe=""))


def mismatch(body: Any, expected: Mapping[str, Any], value: Value) -> str:
    """What ``body`` does not hold of ``expected`` (JSON pointer to value or comparison); empty where it holds all."""
    for pointer, template in expected.items():
        found, wanted = at_pointer(body, pointer), fill(template, value)
        if found is _ABSENT:
            return f"nothing stands at {pointer or 'the root'}"
        if not _holds(found, wanted):
            return f"{pointer or 'the root'} is {found!r}, not {wanted!r}"
    return ""


def at_pointer(body: Any, pointer: str) -> Any:
    """What stands at a JSON pointer; a sentinel that equals nothing where there is nothing."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(body, Mapping) and name in body:
            body = body[name]
        elif isinstance(body, list) and name.isdecimal() and int(name) < len(body):
            body = body[int(name)]
        else:
            return _ABSENT
    return body


def _holds(found: Any, wanted: Any) -> bool:
    comparison = COMPARISON.fullmatch(wanted) if isinstance(wanted, str) else None
    if comparison is None:
        return _equal(found, wanted)
    try:
        bound = float(comparison[2])
    except ValueError:
        return _equal(found, comparison[2]) is (comparison[1] == "==") and comparison[1] in {"==", "!="}
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return is_number and _OPERATORS[comparison[1]](found, bound)


def _equal(found: Any, wanted: Any) -> bool:
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, int | float) and isinstance(wanted, int | float):
        return math.isclose(found, wanted, rel_tol=1e-9, abs_tol=1e-12)
    return bool(found == wanted)
