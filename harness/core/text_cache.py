"""What was made of texts, kept for as long as those texts are small enough together."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["TextCache"]

V = TypeVar("V")


class TextCache(Generic[V]):
    """``make``, called once for each text that is asked for again before it is forgotten. Thread-safe.

    Forgotten is what was not asked for the longest, as soon as all texts together have more than ``most_bytes``
    characters; a longer one is never kept. What ``make`` raises is raised, and made again the next time.
    """

    def __init__(self, make: Callable[[str], V], most_bytes: int) -> None:
        self._make, self._most_bytes = make, most_bytes
        self._made: OrderedDict[str, V] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __call__(self, text: str) -> V:
        """What ``make`` makes of ``text``."""
        with self._lock:
            if text in self._made:
                self._made.move_to_end(text)
                return self._made[text]
        made = self._make(text)
        with self._lock:
            self._keep(text, made)
        return made

    @property
    def held_bytes(self) -> int:
        """Characters of all texts that are kept."""
        return self._bytes

    def _keep(self, text: str, made: V) -> None:
        if text in self._made or len(text) > self._most_bytes:
            return
        self._made[text] = made
        self._bytes += len(text)
        while self._bytes > self._most_bytes:
            forgotten, _ = self._made.popitem(last=False)
            self._bytes -= len(forgotten)
