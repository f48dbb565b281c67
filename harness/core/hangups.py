"""Whether the end of a terminal is the end of what was started in it."""

from __future__ import annotations

import signal

__all__ = ["hangups"]


def hangups() -> tuple[signal.Signals, ...]:
    """The signal that a terminal sends when it closes, unless it is ignored already: ``nohup`` wants work to go on."""
    return () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
