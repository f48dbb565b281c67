"""What the process and its runtime cost: CPU, memory, descriptors, garbage collection, event-loop lag.

These tick on the wall clock whatever the speed of the instance.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["LoopLag", "ProcessCollector", "resident_memory_bytes"]

PAGE_BYTES = resource.getpagesize()
LAG_PERIOD_S = 0.25
LAG_MEMORY = 20
PREFIX = "llm_router_"


def _statm() -> tuple[int, int]:
    """Virtual and resident bytes; where there is no /proc, the peak stands for both."""
    try:
        with Path("/proc/self/statm").open("rb") as file:
            pages = file.read().split()
        return int(pages[0]) * PAGE_BYTES, int(pages[1]) * PAGE_BYTES
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        return peak, peak


def resident_memory_bytes() -> int:
    """Bytes of this process in physical memory now."""
    return _statm()[1]


def _anonymous_bytes() -> int:
    """Resident bytes that belong to the heap and stacks; 0 where the kernel does not tell."""
    try:
        with Path("/proc/self/status").open("rb") as file:
            for line in file:
                if line.startswith(b"RssAnon:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0


def _open_fds() -> int:
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            return len(os.listdir(folder)) - 1  # noqa: PTH208 - a scrape needs the count, not Path objects
        except OSError:
            continue
    return 0


class LoopLag:
    """How late the event loop runs its timers: the worst lag seen in about the last five seconds."""

    def __init__(self) -> None:
        self._recent_s = [0.0] * LAG_MEMORY
        self._next = 0

    @property
    def worst_s(self) -> float:
        """Wall seconds."""
        return max(self._recent_s)

    async def watch(self) -> None:
        """Measure until cancelled."""
        while True:
            due_s = time.monotonic() + LAG_PERIOD_S
            await asyncio.sleep(LAG_PERIOD_S)
            self._recent_s[self._next] = max(time.monotonic() - due_s, 0.0)
            self._next = (self._next + 1) % LAG_MEMORY


class GcPauses:
    """Wall seconds spent in garbage collection since ``start``."""

    def __init__(self) -> None:
        self.total_s = 0.0
        self._begun_s = 0.0
        gc.callbacks.append(self._on_gc)

    def _on_gc(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._begun_s = time.perf_counter()
        else:
            self.total_s += time.perf_counter() - self._begun_s


class ProcessCollector(Collector):
    """Process and runtime families under the router's prefix, read when scraped."""

    def __init__(self, lag: LoopLag) -> None:
        self._lag = lag
        self._pauses = GcPauses()
        self._start_s = _start_time_s()

    def collect(self) -> Iterable[Metric]:
        """Current values."""
        virtual, resident = _statm()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        yield _counter("process_cpu_seconds", "CPU time, user and system.", usage.ru_utime + usage.ru_stime)
        yield _gauge("process_resident_memory_bytes", "Resident memory.", resident)
        yield _gauge("process_virtual_memory_bytes", "Virtual memory.", virtual)
        yield _gauge("process_heap_bytes", "Resident anonymous memory: heap and stacks.", _anonymous_bytes())
        yield _gauge("process_start_time_seconds", "Start of the process, Unix time.", self._start_s)
        yield _gauge("process_open_fds", "Open file descriptors.", _open_fds())
        yield _gauge("process_max_fds", "Limit of open file descriptors.", float("inf") if limit < 0 else limit)
        yield _gauge("runtime_event_loop_lag_seconds", "Worst timer lag in the last seconds.", self._lag.worst_s)
        yield _counter("runtime_gc_pause_seconds", "Time spent in garbage collection.", self._pauses.total_s)
        yield from _gc_families()


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(PREFIX + name, about, value=value)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, about, value=value)


def _gc_families() -> Iterable[Metric]:
    runs = CounterMetricFamily(PREFIX + "runtime_gc_collections", "Garbage collections.", labels=["generation"])
    freed = CounterMetricFamily(PREFIX + "runtime_gc_collected", "Objects freed by them.", labels=["generation"])
    for generation, stats in enumerate(gc.get_stats()):
        runs.add_metric([str(generation)], stats["collections"])
        freed.add_metric([str(generation)], stats["collected"])
    return (runs, freed)


def _start_time_s() -> float:
    """Unix time at which the kernel started this process; now, where it does not tell."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        uptime_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        return time.time() - uptime_s + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        return time.time()
