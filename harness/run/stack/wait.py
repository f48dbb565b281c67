"""The only waiting: until a condition holds, a bound passes, the component dies or the campaign is cancelled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from harness.core.errors import HarnessError
from harness.run.stack.surface import Process

__all__ = ["CancelledError", "ComponentDiedError", "NotYet", "WaitTimeoutError", "eventually"]

T = TypeVar("T")
_SHOWN_CHARACTERS = 300


class NotYet(Exception):  # noqa: N818 (an answer, not an error)
    """Raised by a probe whose condition does not hold yet: its text is what the probe saw instead."""


class WaitTimeoutError(HarnessError):
    """The bound passed; the message says what was last seen."""


class ComponentDiedError(HarnessError):
    """A component died while its condition was waited for; ``process`` is that component."""

    def __init__(self, problem: str, process: Process) -> None:
        super().__init__(problem)
        self.process = process


class CancelledError(HarnessError):
    """The campaign was cancelled while it waited."""


def eventually(
    probe: Callable[[], T | None],
    *,
    what: str,
    within_s: float,
    every_s: float = 0.03,
    alive: Iterable[Process] = (),
    cancel: threading.Event | None = None,
    retry_on: tuple[type[Exception], ...] = (OSError,),
) -> T:
    """Call ``probe`` every ``every_s`` seconds until it returns something true, and return that.

    A probe that raises ``NotYet`` or one of ``retry_on`` (by default ``OSError``: refused connections, time-outs) is
    asked again; any other exception passes. At least one call is made, and one begins at the bound. A probe must
    answer in bounded time itself: death and cancellation are noticed between two calls.
    Raises ``ComponentDiedError`` as soon as a process in ``alive`` is dead, ``CancelledError`` once ``cancel`` is set,
    ``WaitTimeoutError`` after ``within_s`` seconds.
    """
    began = time.monotonic()
    watched = tuple(alive)
    pause = cancel or threading.Event()
    while True:
        last_chance = time.monotonic() - began >= within_s
        value, seen = _ask(probe, retry_on)
        if value:
            return value
        _refuse_the_dead(watched, what)
        if pause.is_set():
            raise CancelledError(f"cancelled while waiting for {what}")
        if last_chance:
            raise WaitTimeoutError(f"{what}: not within {within_s:g} s; last seen: {seen}")
        pause.wait(min(every_s, max(0.0, began + within_s - time.monotonic())))


def _ask(probe: Callable[[], T | None], retry_on: tuple[type[Exception], ...]) -> tuple[T | None, str]:
    try:
        value = probe()
    except NotYet as answer:
        return None, _short(str(answer))
    except retry_on as error:
        return None, _short(f"{type(error).__name__}: {error}")
    return value, _short(repr(value))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def _refuse_the_dead(watched: tuple[Process, ...], what: str) -> None:
    for process in watched:
        if not process.alive:
            raise ComponentDiedError(f"{process.describe_death()}\n  while waiting for: {what}", process)
