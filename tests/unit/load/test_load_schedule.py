from __future__ import annotations

import json
import math
import random
from collections import Counter
from itertools import islice, pairwise

import pytest

from harness.core.errors import ConfigError
from harness.run.load.schedule import Arrival, LoadPhase, expected_count, lay_out, proportional

MIX = {"generate": 8.0, "stream": 2.0}


def offsets(phase: LoadPhase, speed: float = 1.0, seed: int = 0) -> list[float]:
    return [arrival.offset_s for arrival in lay_out(phase, speed, seed)]


def test_constant_load_is_evenly_spaced_and_exactly_counted() -> None:
    sent = offsets(LoadPhase("p", 200, 12, MIX))
    assert len(sent) == 2400
    assert sent[0] == pytest.approx(0.0025)
    assert all(b - a == pytest.approx(0.005) for a, b in pairwise(sent))


def test_two_phases_of_one_rate_join_without_a_seam() -> None:
    first, second = offsets(LoadPhase("a", 10, 3, MIX)), offsets(LoadPhase("b", 10, 3, MIX))
    assert 3 + second[0] - first[-1] == pytest.approx(0.1)


def test_speed_multiplies_the_rate_and_divides_the_time() -> None:
    phase = LoadPhase("p", 0.5, 600, MIX)
    slow, fast = offsets(phase), offsets(phase, speed=60)
    assert len(slow) == len(fast) == 300
    assert [at * 60 for at in fast] == pytest.approx(slow)


SHAPES = [
    LoadPhase("ramp", 0, 10, MIX, "ramp", to_rate_per_s=100),
    LoadPhase("fall", 100, 10, MIX, "ramp", to_rate_per_s=0),
    LoadPhase("step", 10, 10, MIX, "step", to_rate_per_s=40, steps=4),
    LoadPhase("sine", 10, 10, MIX, "sine", to_rate_per_s=50, period_s=5),
    LoadPhase("spike", 10, 12, MIX, "spike", to_rate_per_s=100),
]


@pytest.mark.parametrize("phase", SHAPES, ids=lambda phase: phase.name)
def test_every_shape_keeps_its_integral_at_every_point(phase: LoadPhase) -> None:
    sent = offsets(phase)
    assert len(sent) == pytest.approx(expected_count(phase), abs=0.5)
    assert sent == sorted(sent)
    assert sent[0] >= 0
    assert sent[-1] <= phase.duration_s
    for part in (0.25, 0.5, 0.75):
        assert sum(at < part * phase.duration_s for at in sent) == pytest.approx(integral(phase, part), abs=1)


def integral(phase: LoadPhase, part: float) -> float:
    """Requests before ``part`` of the phase, by summing its rate over small steps."""
    low, high, end = phase.rate_per_s, phase.to_rate_per_s or 0.0, phase.duration_s

    def rate(at: float) -> float:
        match phase.shape:
            case "ramp":
                return low + (high - low) * at / end
            case "step":
                return low + (high - low) * min(int(at / end * 4), 3) / 3
            case "sine":
                return low + (high - low) * (1 - math.cos(2 * math.pi * at / 5)) / 2
            case _:
                return low + (high - low) * max(0.0, 1 - abs(at / end - 0.5) * 6)

    steps = 20_000
    return sum(rate((i + 0.5) / steps * part * end) for i in range(steps)) * part * end / steps


def test_poisson_arrivals_are_seeded_and_have_exponential_gaps() -> None:
    phase = LoadPhase("p", 100, 200, MIX, arrivals="poisson")
    sent = offsets(phase, seed=7)
    assert sent == offsets(phase, seed=7)
    assert sent != offsets(phase, seed=8)
    assert len(sent) == pytest.approx(20_000, abs=5 * math.sqrt(20_000))
    gaps = [b - a for a, b in pairwise(sent)]
    mean = sum(gaps) / len(gaps)
    spread = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    assert spread / mean == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("seed", range(40))
def test_the_mix_holds_to_within_one_at_every_point(seed: int) -> None:
    source = random.Random(seed)
    weights = {f"k{n}": source.choice([source.random(), source.randint(1, 9)]) for n in range(source.randint(1, 6))}
    whole, drawn = sum(weights.values()), Counter[str]()
    for turn, (name, before) in enumerate(islice(proportional(weights), 300), 1):
        assert before == drawn[name]
        drawn[name] += 1
        assert all(abs(drawn[kind] - turn * weight / whole) < 1 for kind, weight in weights.items())


def test_a_kind_without_weight_is_never_drawn_and_bodies_count_up_per_kind() -> None:
    arrivals = list(lay_out(LoadPhase("p", 10, 10, {"a": 3, "b": 1, "never": 0})))
    assert Counter(item.kind for item in arrivals) == {"a": 75, "b": 25}
    assert [item.body for item in arrivals if item.kind == "b"] == list(range(25))


def test_silence_needs_no_mix() -> None:
    assert list(lay_out(LoadPhase("quiet", 0, 60))) == []


def test_less_than_half_a_request_is_none() -> None:
    assert offsets(LoadPhase("p", 0.5, 0.9, MIX)) == []
    assert offsets(LoadPhase("p", 0.5, 1.1, MIX)) == pytest.approx([1.0])


def test_a_phase_goes_to_json_and_back() -> None:
    for phase in SHAPES:
        assert LoadPhase.from_json(json.loads(json.dumps(phase.to_json()))) == phase


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"rate_per_s": -1}, "rate_per_s must be finite and 0 or more, not -1"),
        ({"rate_per_s": math.inf}, "rate_per_s must be finite"),
        ({"rate_per_s": math.nan}, "rate_per_s must be finite"),
        ({"rate_per_s": "2/s"}, "rate_per_s must be a number"),
        ({"rate_per_s": True}, "rate_per_s must be a number"),
        ({"duration_s": 0}, "duration_s must be finite and above 0, not 0"),
        ({"mix": {}}, "load without a mix"),
        ({"mix": {"a": 0}}, "load without a mix"),
        ({"mix": {"a": -1}}, "weight of 'a' must be 0 or more"),
        ({"mix": {"a": "many"}}, "weight of 'a' must be 0 or more"),
        ({"shape": "zigzag"}, "no such shape"),
        ({"arrivals": "sometimes"}, "no such shape or arrivals"),
        ({"shape": "ramp"}, "needs to_rate_per_s"),
        ({"shape": "ramp", "to_rate_per_s": -3}, "to_rate_per_s must be finite"),
        ({"shape": "step", "to_rate_per_s": 3, "steps": 1}, "steps must be 2 or more"),
        ({"shape": "sine", "to_rate_per_s": 3, "period_s": 0}, "period_s must be finite and above 0"),
        ({"colour": "red"}, "not a load phase"),
    ],
)
def test_impossible_load_is_refused(fields: dict[str, object], problem: str) -> None:
    written = {"name": "p", "rate_per_s": 1, "duration_s": 1, "mix": {"a": 1}, **fields}
    with pytest.raises(ConfigError, match=problem):
        LoadPhase.from_json(written)


def test_more_requests_than_any_machine_could_send_are_refused() -> None:
    with pytest.raises(ConfigError, match="more than"):
        next(lay_out(LoadPhase("p", 1e9, 60, MIX)))


def test_arrivals_are_values() -> None:
    assert next(lay_out(LoadPhase("p", 1, 1, {"a": 1}))) == Arrival(0.5, "a", 0)
