"""Health that always answers at once: checks run in the background, probes read or briefly wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reference_router.clock import Clock, Stopwatch
from reference_router.log_fields import utc_now

__all__ = ["Check", "CheckResult", "HealthMonitor", "overall"]

MIN_TIMEOUT_WALL_S = 0.25
ANSWER_BOUND_WALL_S = 0.5

Override = Callable[[str], str | None]
"""Given a check's name, a reason to call it unhealthy, or None."""


class CheckFailed(Exception):  # noqa: N818
    """A check's verdict is negative; ``details`` say by how much."""

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.details = dict(details or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One named check. ``run`` returns details or raises."""

    name: str
    run: Callable[[], Awaitable[dict[str, Any]]]
    critical: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The outcome of one check; ``duration`` in production seconds, ``timestamp`` in wall time."""

    healthy: bool
    message: str
    details: dict[str, Any] = field(default_factory=dict)
    duration: float = 0.0
    timestamp: str = field(default_factory=utc_now)


def overall(results: Mapping[str, CheckResult], critical: frozenset[str]) -> str:
    """All healthy: ``healthy``; any critical check failed: ``critical``; otherwise ``degraded``."""
    failed = {name for name, result in results.items() if not result.healthy}
    if not failed:
        return "healthy"
    return "critical" if failed & critical else "degraded"


class HealthMonitor:
    """Runs all checks every ``interval_s`` and whenever somebody asks, one round at a time.

    A check is tried up to ``retries`` times in a round; one that times out is not tried again. The timeout is
    ``timeout_s`` production seconds, never less than 0.25 s of wall time: what is compressed is the waiting
    of the service, not the patience with a busy machine. ``on_round`` is told what is healthy after each
    round; it must not raise.
    """

    def __init__(
        self,
        checks: list[Check],
        clock: Clock,
        *,
        interval_s: float,
        timeout_s: float,
        retries: int,
        on_round: Callable[[Mapping[str, bool], str], None],
    ) -> None:
        self.overrides: list[Override] = []
        self._checks = {check.name: check for check in checks}
        self._critical = frozenset(check.name for check in checks if check.critical)
        self._clock = clock
        self._interval_s = interval_s
        self._timeout_wall_s = max(clock.to_wall_s(timeout_s), MIN_TIMEOUT_WALL_S)
        self._retries = retries
        self._on_round = on_round
        self._results = {name: CheckResult(healthy=False, message="not checked yet") for name in self._checks}
        self._round: asyncio.Task[None] | None = None

    @property
    def status(self) -> str:
        """Overall state by the latest results."""
        return overall(self._results, self._critical)

    @property
    def results(self) -> dict[str, CheckResult]:
        """The latest result of every check."""
        return dict(self._results)

    async def fresh(self) -> dict[str, CheckResult]:
        """Results of a round that ends now, or, where that takes over half a second, the latest ones."""
        await asyncio.wait({self._begin_round()}, timeout=ANSWER_BOUND_WALL_S)
        return self.results

    async def watch(self) -> None:
        """Check every interval until cancelled."""
        while True:
            await asyncio.shield(self._begin_round())
            await self._clock.sleep(self._interval_s)

    async def close(self) -> None:
        """End a round that is still running."""
        if self._round is not None:
            self._round.cancel()
            await asyncio.wait({self._round})

    def _begin_round(self) -> asyncio.Task[None]:
        if self._round is None or self._round.done():
            self._round = asyncio.create_task(self._run_round())
        return self._round

    async def _run_round(self) -> None:
        await asyncio.gather(*(self._run_check(check) for check in self._checks.values()))
        self._on_round({name: result.healthy for name, result in self._results.items()}, self.status)

    async def _run_check(self, check: Check) -> None:
        watch = Stopwatch(self._clock)
        healthy, message, details = await self._attempts(check)
        self._results[check.name] = CheckResult(
            healthy=healthy, message=message, details=details, duration=watch.elapsed_s
        )

    async def _attempts(self, check: Check) -> tuple[bool, str, dict[str, Any]]:
        for override in self.overrides:
            reason = override(check.name)
            if reason is not None:
                return False, reason, {}
        failure: Exception = CheckFailed("not tried")
        for _ in range(self._retries):
            try:
                async with asyncio.timeout(self._timeout_wall_s):
                    details = await check.run()
            except TimeoutError:
                return False, "no answer in time", {"timeout_wall_s": self._timeout_wall_s}
            except Exception as error:
                failure = error
            else:
                return True, "ok", details
        return False, str(failure) or type(failure).__name__, getattr(failure, "details", {})
