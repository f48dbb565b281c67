"""Six checks, three states, and an answer in time whatever hangs."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from reference_router.checks import disk_usage
from reference_router.clock import Clock
from reference_router.health import Check, CheckResult, HealthMonitor, overall
from reference_router.process import resident_memory_bytes


async def _fine() -> dict[str, Any]:
    return {"n": 1}


def _monitor(checks: list[Check], speed: float = 1000, **changes: Any) -> HealthMonitor:
    options: dict[str, Any] = {"interval_s": 30, "timeout_s": 5, "retries": 3, "on_round": lambda *_: None}
    return HealthMonitor(checks, Clock(speed), **(options | changes))


@pytest.mark.parametrize(
    ("failed", "state"),
    [(set(), "healthy"), ({"soft"}, "degraded"), ({"hard"}, "critical"), ({"soft", "hard"}, "critical")],
)
def test_overall_state(failed: set[str], state: str) -> None:
    results = {name: CheckResult(healthy=name not in failed, message="") for name in ("soft", "hard")}
    assert overall(results, frozenset({"hard"})) == state


def test_nothing_is_healthy_before_it_was_checked() -> None:
    assert _monitor([Check(name="a", run=_fine, critical=True)]).status == "critical"


def test_a_check_gets_its_retries_and_then_counts_as_failed() -> None:
    calls = {"flaky": 0, "broken": 0}

    async def flaky() -> dict[str, Any]:
        calls["flaky"] += 1
        if calls["flaky"] < 3:
            raise ValueError("not yet")
        return {}

    async def broken() -> dict[str, Any]:
        calls["broken"] += 1
        raise ValueError

    monitor = _monitor([Check(name="flaky", run=flaky), Check(name="broken", run=broken)])
    results = asyncio.run(monitor.fresh())
    assert results["flaky"].healthy
    assert (results["broken"].healthy, results["broken"].message) == (False, "ValueError")
    assert calls == {"flaky": 3, "broken": 3}


def test_a_hanging_check_is_unhealthy_after_its_timeout_and_is_not_tried_again() -> None:
    calls: list[float] = []

    async def hang() -> dict[str, Any]:
        calls.append(time.monotonic())
        await asyncio.Event().wait()
        return {}

    results = asyncio.run(_monitor([Check(name="a", run=hang)]).fresh())
    assert results["a"].message == "no answer in time"
    assert len(calls) == 1


def test_an_answer_never_waits_for_a_check_that_takes_long() -> None:
    async def story() -> tuple[dict[str, CheckResult], float]:
        released = asyncio.Event()

        async def slow() -> dict[str, Any]:
            await released.wait()
            return {}

        monitor = _monitor([Check(name="slow", run=slow), Check(name="fast", run=_fine)], speed=1)
        begun_s = time.monotonic()
        results = await monitor.fresh()
        took_s = time.monotonic() - begun_s
        released.set()
        assert (await monitor.fresh())["slow"].healthy
        return results, took_s

    results, took_s = asyncio.run(story())
    assert took_s < 1
    assert (results["fast"].healthy, results["slow"].message) == (True, "not checked yet")


def test_rounds_repeat_and_are_told() -> None:
    async def story() -> list[str]:
        states: list[str] = []
        monitor = _monitor([Check(name="a", run=_fine)], on_round=lambda _, state: states.append(state))
        watching = asyncio.create_task(monitor.watch())
        while len(states) < 3:
            await asyncio.sleep(0.005)
        watching.cancel()
        await asyncio.wait({watching})
        await monitor.close()
        return states

    assert set(asyncio.run(story())) == {"healthy"}


def test_an_override_beats_the_truth() -> None:
    monitor = _monitor([Check(name="a", run=_fine)])
    monitor.overrides.append(lambda name: "because" if name == "a" else None)
    assert asyncio.run(monitor.fresh())["a"].message == "because"


def test_a_given_capacity_is_measured_against_the_files_below_the_path(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(b"x" * 70)
    (tmp_path / "b").write_bytes(b"x" * 30)
    assert disk_usage(tmp_path, 1000) == (100, 1000)
    used, capacity = disk_usage(tmp_path, None)
    assert 0 < used <= capacity


@pytest.mark.parametrize(
    ("settings", "check", "status"),
    [
        ({"memory_limit_bytes": 1000}, "memory_usage", "critical"),
        ({"models": ()}, "models_available", "critical"),
        ({"disk_capacity_bytes": 1}, "disk_space", "degraded"),
    ],
)
def test_each_limit_has_its_weight(lab: Any, count: Any, settings: dict[str, Any], check: str, status: str) -> None:
    async def story() -> None:
        router, client = await lab.boot(**settings)
        reply = await client.ask("GET", "/health")
        document = reply.document
        assert not document["checks"][check]["healthy"]
        assert document["status"] == status
        assert reply.status == (503 if status == "critical" else 200)
        assert (await client.ask("GET", "/health/ready")).status == reply.status
        assert (await client.ask("GET", "/health/live")).status == 200
        assert count(router, "health_status", check=check) == 0
        assert count(router, "health_overall", status=status) == 1
        assert count(router, "health_overall") == 1

    lab.run(story())


@pytest.mark.parametrize(("used_ratio", "healthy"), [(0.8, True), (0.95, False)])
def test_memory_is_critical_from_nine_tenths_of_its_limit(lab: Any, used_ratio: float, healthy: bool) -> None:
    async def story() -> None:
        _, client = await lab.boot(memory_limit_bytes=int(resident_memory_bytes() / used_ratio))
        check = (await client.ask("GET", "/health")).document["checks"]["memory_usage"]
        assert check["healthy"] == healthy
        assert check["details"]["used_ratio"] == pytest.approx(used_ratio, abs=0.04)

    lab.run(story())


def test_a_full_health_answer_has_all_it_promises(lab: Any, count: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot()
        reply = await client.ask("GET", "/health")
        document = reply.document
        assert list(document) == ["status", "timestamp", "uptime", "version", "checks", "summary"]
        assert document["status"] == "healthy"
        assert document["summary"] == {"total": 6, "healthy": 6, "unhealthy": 0}
        for result in document["checks"].values():
            assert list(result) == ["healthy", "message", "details", "duration", "timestamp"]
        assert document["checks"]["inference_capability"]["details"] == {"device": "cpu:0"}
        assert count(router, "health_status") == 6
        assert count(router, "inference_total") == count(router, "http_requests_total") == 0

    lab.run(story())


def test_life_begins_and_ends_outside_readiness(lab: Any) -> None:
    async def story() -> None:
        router, client = await lab.boot()
        router.lifecycle.name = "initializing"
        assert (await client.ask("GET", "/health/ready")).status == 503
        assert (await client.ask("GET", "/health")).document["status"] == "critical"
        assert (await client.ask("GET", "/health/live")).status == 200
        router.lifecycle.name = "stopping"
        assert (await client.ask("GET", "/health/live")).status == 503

    lab.run(story())
