"""Answers by question: least recently used ones leave first, all leave after their time to live."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from reference_router.clock import Clock

__all__ = ["Answer", "CacheObserver", "ResponseCache"]

PROBE_KEY = ("health",)
ENTRY_OVERHEAD_BYTES = 200

Key = tuple[object, ...]
CacheObserver = Callable[[int], None]
"""Told the bytes held after every change; must not raise."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished generation as the cache keeps it."""

    text: str
    tokens: int
    model: str
    finish_reason: str

    @property
    def size_bytes(self) -> int:
        """Bytes that this answer is charged with."""
        return len(self.text.encode()) + ENTRY_OVERHEAD_BYTES


class ResponseCache:
    """Bounded by bytes and by age in production seconds.

    ``bypasses`` are asked at each look-up; one that answers True turns it into a miss. While ``broken`` is
    set nothing goes in, and nothing comes out.
    """

    def __init__(self, clock: Clock, capacity_bytes: int, ttl_s: float, on_change: CacheObserver) -> None:
        self.bypasses: list[Callable[[], bool]] = []
        self.broken = False
        self.size_bytes = 0
        self._clock = clock
        self._capacity_bytes = capacity_bytes
        self._ttl_s = ttl_s
        self._on_change = on_change
        self._entries: OrderedDict[Key, tuple[float, Answer]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Answer | None:
        """The answer to ``key`` if it is held and young enough."""
        if self.broken or any(bypass() for bypass in self.bypasses):
            return None
        entry = self._entries.get(key)
        if entry is None:
            return None
        born_s, answer = entry
        if self._clock.now_s() - born_s > self._ttl_s:
            self._drop(key)
            self._on_change(self.size_bytes)
            return None
        self._entries.move_to_end(key)
        return answer

    def put(self, key: Key, answer: Answer) -> None:
        """Keep ``answer``; what is larger than the whole cache is not kept."""
        if answer.size_bytes > self._capacity_bytes or self.broken:
            return
        if key in self._entries:
            self._drop(key)
        self._entries[key] = (self._clock.now_s(), answer)
        self.size_bytes += answer.size_bytes
        while self.size_bytes > self._capacity_bytes:
            self._drop(next(iter(self._entries)))
        self._on_change(self.size_bytes)

    def round_trip(self) -> bool:
        """Put, get and remove a probe entry; counts nothing and displaces nobody's answer."""
        probe = Answer("probe", 1, "none", "stop")
        if not self.broken:
            self._entries[PROBE_KEY] = (self._clock.now_s(), probe)
        entry = self._entries.pop(PROBE_KEY, None)
        return entry is not None and entry[1] == probe

    def _drop(self, key: Key) -> None:
        _, answer = self._entries.pop(key)
        self.size_bytes -= answer.size_bytes
