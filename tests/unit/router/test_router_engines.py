"""Deterministic simulation, real arithmetic, and a GPU that is not there."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from reference_router.clock import Clock, Stopwatch
from reference_router.config import Settings
from reference_router.engines import EngineUnavailable, make_engine
from reference_router.engines.base import Job, Piece
from reference_router.engines.gpu import GpuEngine, detect
from reference_router.engines.simulated import SimulatedEngine
from reference_router.models import CATALOGUE


def _job(engine: Any, model: str = "ember-7b", device: int = 0, speed: float = 1000, **changes: Any) -> Job:
    fields: dict[str, Any] = {"prompt": "hello", "max_tokens": 64, "seed": 0, "stream": False}
    return Job(
        model=CATALOGUE[model],
        device=engine.devices.all[device],
        watch=Stopwatch(Clock(speed)),
        **(fields | changes),
    )


async def _pieces(engine: Any, job: Job) -> list[Piece]:
    return [piece async for piece in engine.generate(job)]


def _simulated(seed: int = 1, speed: float = 1000) -> SimulatedEngine:
    return SimulatedEngine(seed, Clock(speed), gpus=1, cpus=1)


def test_the_same_seed_says_the_same_in_the_same_time() -> None:
    one, two = _simulated(), _simulated()
    assert one.plan(_job(one)) == two.plan(_job(two))
    assert one.plan(_job(one)) != _simulated(2).plan(_job(one))
    assert one.plan(_job(one)) != one.plan(_job(one, seed=5))
    assert one.plan(_job(one)).words != one.plan(_job(one, prompt="other")).words


def test_plans_keep_the_models_speed_and_the_clients_bound() -> None:
    engine = _simulated()
    plans = [engine.plan(_job(engine, prompt=str(index))) for index in range(300)]
    rates = [len(plan.words) / plan.duration_s for plan in plans]
    assert all(20 / 1.051 < rate < 20 / 0.949 for rate in rates)
    assert all(56 <= len(plan.words) <= 64 for plan in plans)
    assert all((plan.finish_reason == "length") == (len(plan.words) == 64) for plan in plans)
    assert 0.15 < sum(plan.finish_reason == "stop" for plan in plans) / 300 < 0.35
    assert len(engine.plan(_job(engine, max_tokens=1)).words) == 1


def test_a_fallback_device_is_slower_and_a_slowdown_stretches() -> None:
    engine = _simulated()
    plain = engine.plan(_job(engine)).duration_s
    assert engine.plan(_job(engine, device=1)).duration_s == pytest.approx(2.5 * plain)
    assert engine.plan(_job(engine, slowdown=3.0)).duration_s == pytest.approx(3 * plain)


def test_streamed_or_not_the_text_is_the_same_and_takes_the_planned_time() -> None:
    engine = _simulated(speed=100)
    whole, streamed = _job(engine, speed=100), _job(engine, speed=100, stream=True, delay_s=2.0)
    [single] = asyncio.run(_pieces(engine, whole))
    pieces = asyncio.run(_pieces(engine, streamed))
    assert "".join(piece.text for piece in pieces) == single.text
    assert sum(piece.tokens for piece in pieces) == single.tokens
    assert len(pieces) > 1
    assert [piece.finish_reason for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
    assert pieces[-1].finish_reason == single.finish_reason
    assert whole.watch.waited_s == engine.plan(whole).duration_s
    assert streamed.watch.waited_s == pytest.approx(engine.plan(whole).duration_s + 2)


def test_loading_takes_the_time_of_the_models_bytes() -> None:
    assert asyncio.run(_simulated().load(CATALOGUE["ember-7b"])) == 1.05


def _cpu(seed: int = 1) -> Any:
    engine = make_engine(Settings(log_dir=Path(), engine="cpu", seed=seed), Clock())
    assert asyncio.run(engine.load(CATALOGUE["spark-1b"])) > 0
    return engine


def test_the_cpu_engine_really_computes_what_it_says() -> None:
    engine = _cpu()
    pieces = asyncio.run(_pieces(engine, _job(engine, "spark-1b", speed=1, max_tokens=20)))
    text = "".join(piece.text for piece in pieces)
    assert [piece.tokens for piece in pieces] == [8, 8, 4]
    assert len(text) == 20
    assert text.isascii()
    assert text.isprintable()
    assert pieces[-1].finish_reason == "length"
    again = asyncio.run(_pieces(engine, _job(engine, "spark-1b", speed=1, max_tokens=20)))
    assert "".join(piece.text for piece in again) == text


@pytest.mark.parametrize("change", ["prompt", "weights", "sampling"])
def test_prompt_weights_and_sampling_each_change_the_text(change: str) -> None:
    engine = _cpu()
    job = _job(engine, "spark-1b", speed=1)
    plain = asyncio.run(_pieces(engine, job))
    if change == "weights":
        engine = _cpu(seed=2)
    changes: dict[str, Any] = {"prompt": {"prompt": "x" * 500}, "sampling": {"seed": 9}}.get(change, {})
    other = asyncio.run(_pieces(engine, _job(engine, "spark-1b", speed=1, **changes)))
    assert [piece.text for piece in other] != [piece.text for piece in plain]


def test_a_long_generation_outlives_its_context() -> None:
    engine = _cpu()
    pieces = asyncio.run(_pieces(engine, _job(engine, "spark-1b", speed=1, max_tokens=300)))
    assert sum(piece.tokens for piece in pieces) == 300


def test_weights_take_memory() -> None:
    import numpy

    from reference_router.engines.language import LanguageModel

    model = LanguageModel(numpy, 1, width=32, layers=2)
    assert model.size_bytes == 4 * (128 * 32 + 256 * 32 + 32 * 95 + 2 * (4 * 32 * 32 + 8 * 32 * 32))


def test_without_a_gpu_the_engine_says_so(tmp_path: Path) -> None:
    assert detect(tmp_path) == []
    with pytest.raises(EngineUnavailable, match="finds no GPU"):
        GpuEngine(1, cpus=1, device_folder=tmp_path)


def test_a_gpu_without_its_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nvidia0").touch()
    (tmp_path / "nvidiactl").touch()
    monkeypatch.setitem(__import__("sys").modules, "cupy", None)
    with pytest.raises(EngineUnavailable, match=r"\(nvidia0\) but CuPy is not installed"):
        GpuEngine(1, cpus=1, device_folder=tmp_path)


def test_a_gpu_with_its_library_computes_the_same_arithmetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy

    (tmp_path / "nvidia0").touch()
    monkeypatch.setitem(__import__("sys").modules, "cupy", numpy)
    engine = GpuEngine(1, cpus=1, device_folder=tmp_path)
    asyncio.run(engine.load(CATALOGUE["spark-1b"]))
    job = _job(engine, "spark-1b", speed=1)
    on_cpu = _cpu()
    assert job.device.id == "gpu:0"
    assert asyncio.run(_pieces(engine, job)) == asyncio.run(_pieces(on_cpu, _job(on_cpu, "spark-1b", speed=1)))
