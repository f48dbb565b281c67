"""Cache bounds, model life, routing strategies, device order."""

import asyncio

import pytest

from reference_router.cache import Answer, ResponseCache
from reference_router.clock import Clock
from reference_router.devices import Devices
from reference_router.errors import DeviceFailed, ModelLoadFailed, NoModelAvailable
from reference_router.models import CATALOGUE, Models, ModelSpec, size_category
from reference_router.routing import STRATEGIES, ModelRouter

EMBER, SPARK, FORGE = CATALOGUE["ember-7b"], CATALOGUE["spark-1b"], CATALOGUE["forge-34b"]


def _answer(text: str = "x") -> Answer:
    return Answer(text, 1, "ember-7b", "stop")


def _cache(capacity_bytes: int = 10_000, ttl_s: float = 1e9) -> tuple[ResponseCache, list[int]]:
    sizes: list[int] = []
    return ResponseCache(Clock(1000), capacity_bytes, ttl_s, sizes.append), sizes


def test_the_cache_gives_back_what_it_keeps_and_tells_its_size() -> None:
    cache, sizes = _cache()
    assert cache.get(("a",)) is None
    cache.put(("a",), _answer())
    cache.put(("a",), _answer("longer"))
    assert cache.get(("a",)) == _answer("longer")
    assert sizes == [201, 206]
    assert cache.size_bytes == 206


def test_the_least_recently_used_answer_leaves_first() -> None:
    cache, _ = _cache(capacity_bytes=450)
    cache.put(("a",), _answer())
    cache.put(("b",), _answer())
    cache.get(("a",))
    cache.put(("c",), _answer())
    assert cache.get(("b",)) is None
    assert cache.get(("a",)) is not None
    assert cache.size_bytes == 402


def test_an_answer_larger_than_the_cache_displaces_nobody() -> None:
    cache, sizes = _cache(capacity_bytes=300)
    cache.put(("a",), _answer())
    cache.put(("b",), _answer("y" * 200))
    assert len(cache) == 1
    assert sizes == [201]


def test_an_old_answer_is_gone_and_its_bytes_too() -> None:
    cache, sizes = _cache(ttl_s=0)
    cache.put(("a",), _answer())
    assert cache.get(("a",)) is None
    assert sizes == [201, 0]


def test_the_round_trip_leaves_no_trace() -> None:
    cache, sizes = _cache()
    assert cache.round_trip()
    assert (len(cache), sizes) == (0, [])


@pytest.mark.parametrize(
    ("size_bytes", "name"),
    [
        (0, "small"),
        (10**9 - 1, "small"),
        (10**9, "medium"),
        (10**10, "large"),
        (5 * 10**10 - 1, "large"),
        (5 * 10**10, "xlarge"),
    ],
)
def test_size_categories_have_the_bounds_of_the_specification(size_bytes: int, name: str) -> None:
    assert size_category(size_bytes) == name


def test_models_load_once_and_unload_once() -> None:
    told: list[tuple[object, ...]] = []

    async def load(_: ModelSpec) -> float:
        return 2.5

    models = Models(
        [EMBER],
        load,
        on_loaded=lambda spec, duration_s: told.append((spec.name, duration_s)),
        on_unloaded=lambda spec: told.append((spec.name,)),
    )

    async def story() -> None:
        await models.load("ember-7b")
        await models.load("ember-7b")

    asyncio.run(story())
    assert models.loaded == (EMBER,)
    assert models.unload("ember-7b")
    assert not models.unload("ember-7b")
    assert told == [("ember-7b", 2.5), ("ember-7b",)]


def test_a_failed_load_is_named_and_leaves_the_model_unloaded() -> None:
    async def load(_: ModelSpec) -> float:
        raise OSError("bad file")

    models = Models([EMBER], load, on_loaded=lambda *_: None, on_unloaded=lambda _: None)
    with pytest.raises(ModelLoadFailed, match="ember-7b could not be loaded: bad file"):
        asyncio.run(models.load("ember-7b"))
    assert models.loaded == ()


@pytest.mark.parametrize(
    ("strategy", "choice"),
    [
        ("quality-first", "forge-34b"),
        ("cost-optimised", "spark-1b"),
        ("speed-priority", "spark-1b"),
        ("balanced", "ember-7b"),
        ("least-loaded", "forge-34b"),
    ],
)
def test_each_strategy_weighs_what_its_name_says(strategy: str, choice: str) -> None:
    router = ModelRouter({"ember-7b": 1, "spark-1b": 2, "forge-34b": 0}, seed=1)
    assert router.choose(strategy, [EMBER, SPARK, FORGE]).name == choice


def test_balanced_moves_on_when_its_favourite_is_busy() -> None:
    assert ModelRouter({"ember-7b": 9, "spark-1b": 0}, 1).choose("balanced", [EMBER, SPARK]) is SPARK


def test_round_robin_takes_turns_and_random_repeats_with_its_seed() -> None:
    loads = dict.fromkeys(CATALOGUE, 0)
    router = ModelRouter(loads, 1)
    assert [router.choose("round-robin", [EMBER, SPARK]).name for _ in range(4)] == ["ember-7b", "spark-1b"] * 2
    draws = [[ModelRouter(loads, seed).choose("random", [EMBER, SPARK, FORGE]) for _ in range(1)] for seed in range(20)]
    assert len({draw[0].name for draw in draws}) > 1
    one, two = ModelRouter(loads, 7), ModelRouter(loads, 7)
    pairs = [(one.choose("random", [EMBER, SPARK]), two.choose("random", [EMBER, SPARK])) for _ in range(20)]
    assert all(left is right for left, right in pairs)
    assert {left.name for left, _ in pairs} == {"ember-7b", "spark-1b"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_wanted_model_wins_over_any_strategy_and_a_missing_one_is_said(strategy: str) -> None:
    router = ModelRouter(dict.fromkeys(CATALOGUE, 0), 1)
    assert router.choose(strategy, [EMBER, SPARK], "spark-1b") is SPARK
    with pytest.raises(NoModelAvailable):
        router.choose(strategy, [EMBER], "spark-1b")
    with pytest.raises(NoModelAvailable):
        router.choose(strategy, [])


def test_devices_are_tried_idlest_first_then_on_the_cpu() -> None:
    devices = Devices({"gpu": 2, "cpu": 1})
    with next(devices.candidates("gpu")).occupied():
        assert [device.id for device in devices.candidates("gpu")] == ["gpu:1", "cpu:0"]
    assert [device.id for device in devices.candidates("gpu")] == ["gpu:0", "cpu:0"]
    assert [device.id for device in devices.candidates("cpu")] == ["cpu:0"]
    assert [device.id for device in Devices({"cpu": 1}).candidates("gpu")] == ["cpu:0"]


def test_no_device_at_all_is_a_device_failure() -> None:
    with pytest.raises(DeviceFailed, match="no device for pool gpu"):
        next(Devices({}).candidates("gpu"))
