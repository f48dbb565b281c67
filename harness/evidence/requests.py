"""What the load generator records: its requests, and the gaps between the tokens of their answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Gaps", "Request"]


@dataclass(frozen=True, slots=True)
class Gaps:
    """Wall seconds between the tokens of one stream: how many gaps, and their exact figures (nearest rank)."""

    count: int
    mean_s: float
    p50_s: float
    p99_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the load generator: times in epoch seconds, exact, nothing rounded.

    ``intended_t`` is when the schedule wanted it sent; response time counts from there, service time
    from ``sent_t``. ``status`` 0 means that no answer came; ``error`` then names the kind. A user of a
    closed loop intends nothing before its turn: there ``intended_t`` is ``sent_t``, and ``loop`` says so.
    """

    cell: str
    phase: str
    kind: str
    seq: int
    request_id: str
    instance: str
    intended_t: float
    sent_t: float | None
    first_byte_t: float | None
    first_token_t: float | None
    end_t: float | None
    status: int
    expected: bool
    bytes_in: int = 0
    bytes_out: int = 0
    work_units: float = 0.0
    labels: dict[str, str] = field(default_factory=dict)
    error: str = ""
    """connect, timeout, reset, status, protocol, dropped, aborted; empty where it ended as expected."""
    aborted: bool = False
    dropped: bool = False
    gaps: Gaps | None = None
    """Between the tokens of a stream, in wall seconds: ``count``, ``mean_s``, ``p50_s``, ``p99_s``, ``max_s``."""
    loop: Literal["open", "closed"] = "open"
    worker: str = ""
    """The generator process whose stripe of the schedule it belongs to; empty where there is only one."""
    warm_up: bool = False
    """Intended in the warm-up of its phase: counted, but no figure is taken of it."""
    answer: str = ""
    """The answer's body, of a stream its last document, of the first answers of each status where one is promised."""
