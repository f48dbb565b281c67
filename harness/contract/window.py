"""A stretch of time that somebody asks about, as command lines write it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from harness.core.errors import ConfigError
from harness.core.units import parse_duration

__all__ = ["Window", "shown_instant", "window_of"]


@dataclass(frozen=True, slots=True)
class Window:
    """From and to in epoch seconds. ``live``: it ends now, and what is so now may be asked as well."""

    since: float
    until: float
    live: bool

    def __str__(self) -> str:
        return f"{shown_instant(self.since)} to {shown_instant(self.until)}"


def window_of(since: str, until: str, now: float, usual_s: float) -> Window:
    """The window between two texts, each an instant with its zone, a duration before now, or empty.

    Without ``until`` it ends now, without ``since`` it is ``usual_s`` long. Raises ``ConfigError``.
    """
    end = _instant(until, "--to", now) if until else now
    begin = _instant(since, "--from", now) if since else end - usual_s
    if begin >= end:
        raise ConfigError("the window ends before it begins", remedy="--from names the earlier instant")
    if end > now:
        raise ConfigError("the window ends in the future", remedy="leave out --to: the window then ends now")
    return Window(begin, end, live=not since and not until)


def shown_instant(t: float) -> str:
    """An instant as people read it, in UTC."""
    return datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant(text: str, option: str, now: float) -> float:
    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ConfigError(
            f"{option} {text!r} is no instant",
            remedy="write 2026-11-30T10:00:00Z, or how long ago it was: 30m",
        )
    return found.timestamp()
