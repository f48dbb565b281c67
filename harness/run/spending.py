"""What one attempt costs while it runs: the most memory that all processes hold at once, and CPU seconds by part."""

from __future__ import annotations

import os
import resource
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

__all__ = ["MemoryWatch", "by_part", "own_cpu_s", "pss_bytes"]

_EVERY_S: Final = 3.0


def own_cpu_s() -> tuple[float, float]:
    """CPU seconds of this process, and of all its children that have ended."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime, ended.ru_utime + ended.ru_stime


def by_part(cpu_s: Mapping[str, float], subject: str) -> dict[str, float]:
    """CPU seconds of processes (id → seconds) added up by what they are; instances of ``subject`` are one part."""
    sums: dict[str, float] = defaultdict(float)
    for id, spent_s in cpu_s.items():
        name = id.rpartition("/")[2]
        stem, _, number = name.rpartition("-")
        sums[subject if number.isdigit() and stem == subject else name] += spent_s
    return {name: round(spent_s, 2) for name, spent_s in sorted(sums.items(), key=lambda item: -item[1])}


def pss_bytes(pids: Iterable[int]) -> int:
    """Proportional resident memory of processes, as the kernel tells it; those that are gone hold none."""
    return sum(_pss(pid) for pid in pids)


def _pss(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


class MemoryWatch:
    """Samples what ``pids`` and this process hold, every few seconds; a context manager, ``peak_bytes`` its answer."""

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self.peak_bytes = 0
        self._pids = pids
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_S):
            self.peak_bytes = max(self.peak_bytes, pss_bytes([os.getpid(), *self._pids()]))
