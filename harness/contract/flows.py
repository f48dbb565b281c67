"""What a series does, as people write it: ``0.12/s``, ``0.5/s at 40s``, ``3e9``, ``10e9 -1e9/h``, ``absent``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

from harness.core.units import parse_duration

__all__ = ["Flow", "Flows", "read_flow"]

_SIZE: Final = r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_NUMBER: Final = rf"[+-]?{_SIZE}"
_EVENTS: Final = re.compile(rf"(?P<count>{_SIZE})\s*/\s*(?P<unit>[smh])(?:\s+at\s+(?P<at>\S+))?")
_VALUE: Final = re.compile(
    rf"(?P<at>{_NUMBER})(?:\s+(?P<by>[+-]\s*\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*/\s*(?P<unit>[smh]))?"
)
_PER_S: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}
_FORMS: Final = "0.12/s, 0.5/s at 40s, 3e9, 10e9 -1e9/h, or absent"


@dataclass(frozen=True, slots=True)
class Flow:
    """Events per production second (each ``at`` a value, in a histogram), or a value that moves by ``slope`` a second.

    ``rate`` is ``None`` for a value; ``at`` is ``None`` for events without one; both where a series is not there.
    """

    rate: float | None = None
    at: float | None = None
    slope: float = 0.0

    @property
    def is_absent(self) -> bool:
        """Whether the series is not there at all."""
        return self.rate is None and self.at is None


def _flows(value: Any) -> Any:
    if isinstance(value, tuple):
        return value
    parts = value if isinstance(value, list) else [value]
    found = tuple(read_flow(part) for part in parts)
    if not found or (len(found) > 1 and any(each.rate is None or each.at is None for each in found)):
        raise ValueError("a list is a mixture of events, such as [0.4/s at 1s, 0.1/s at 40s]")
    return found


def read_flow(value: Any) -> Flow:
    """One flow as written; raises ``ValueError`` for what is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Flow(at=float(value))
    text = value.strip() if isinstance(value, str) else ""
    if text == "absent":
        return Flow()
    if events := _EVENTS.fullmatch(text):
        at = None if events["at"] is None else _amount(events["at"])
        return Flow(float(events["count"]) / _PER_S[events["unit"]], at)
    if number := _VALUE.fullmatch(text):
        slope = float(number["by"].replace(" ", "")) / _PER_S[number["unit"]] if number["by"] else 0.0
        return Flow(at=float(number["at"]), slope=slope)
    raise ValueError(f"{value!r} is nothing that a series does: write {_FORMS}")


def _amount(text: str) -> float:
    return float(text) if re.fullmatch(_NUMBER, text) else parse_duration(text)


Flows = Annotated[
    tuple[Flow, ...],
    BeforeValidator(_flows),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number"}, {"type": "string"}, {"type": "array", "items": {"type": "string"}}],
            "examples": ["0.12/s", "0.5/s at 40s", 3e9, "10e9 -1e9/h", "absent"],
        }
    ),
]
"""What one series does: one flow, or a mixture of events."""
