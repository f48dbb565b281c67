"""Deliveries refused at the sinks: what stands for a mail server, or a chat, that is down."""

from __future__ import annotations

from collections.abc import Callable

from harness.run.stack.wait import NotYet

__all__ = ["RefusalFault"]


class RefusalFault:
    """Every integration of one kind is refused. It is confirmed by the first delivery that was.

    ``switch`` turns refusing on and off; ``refused`` counts the deliveries that were refused so far.
    """

    def __init__(
        self, name: str, kind: str, switch: Callable[[bool], None], refused: Callable[[], int], *, within_s: float
    ) -> None:
        self.name, self.within_s = name, within_s
        self._kind, self._switch, self._refused = kind, switch, refused
        self._before = 0

    def inject(self) -> str:
        """Refuse from now on."""
        self._before = self._refused()
        self._switch(True)
        return f"{self._kind} is refused"

    def confirm(self) -> str:
        """A delivery was refused."""
        if self._refused() == self._before:
            raise NotYet(f"nothing was to be delivered by {self._kind}, so nothing was refused")
        return f"a delivery by {self._kind} was refused"

    def heal(self) -> str:
        """Accept again."""
        self._switch(False)
        return f"{self._kind} is accepted"

    def confirm_healed(self) -> str:
        """The sinks are our own: they do as they were told."""
        return f"{self._kind} is accepted"
