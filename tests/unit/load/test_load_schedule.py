"""Schedules: exact integrals, repeatable, in proportion; and load as a story writes it."""

from __future__ import annotations

import gzip
import json
import math
import random
from collections import Counter
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import ConfigError
from harness.run.load.curve import Piece, RateCurve
from harness.run.load.mix import proportional
from harness.run.load.schedule import Arrival, Flow, LoadPhase, Replay, Users, expected_count, lay_out, steady
from harness.run.load.tally import PhaseRun, Stripe

MIX = {"generate": 8.0, "stream": 2.0}


def offsets(phase: LoadPhase, speed: float = 1.0, seed: int = 0) -> list[float]:
    return [arrival.offset_s for arrival in lay_out(phase, speed, seed)]


def flow(*pieces: Piece) -> LoadPhase:
    return LoadPhase("p", sum(piece.lasts_s for piece in pieces), (Flow(pieces, MIX),))


def test_constant_load_is_evenly_spaced_and_exactly_counted() -> None:
    sent = offsets(steady("p", 200, 12, MIX))
    assert len(sent) == 2400
    assert sent[0] == pytest.approx(0.0025)
    assert all(b - a == pytest.approx(0.005) for a, b in pairwise(sent))


def test_two_phases_of_one_rate_join_without_a_seam() -> None:
    first, second = offsets(steady("a", 10, 3, MIX)), offsets(steady("b", 10, 3, MIX))
    assert 3 + second[0] - first[-1] == pytest.approx(0.1)


def test_speed_multiplies_the_rate_and_divides_the_time() -> None:
    phase = steady("p", 0.5, 600, MIX)
    slow, fast = offsets(phase), offsets(phase, speed=60)
    assert len(slow) == len(fast) == 300
    assert [at * 60 for at in fast] == pytest.approx(slow)


def random_pieces(seed: int) -> tuple[Piece, ...]:
    source = random.Random(seed)

    def rate() -> float:
        return source.choice([0.0, source.random(), source.uniform(1, 40)])

    return tuple(
        Piece(source.uniform(0.1, 20), rate(), rate(), source.choice([None, source.uniform(0.5, 30)]))
        for _ in range(source.randint(1, 5))
    )


@pytest.mark.parametrize("seed", range(60))
def test_any_curve_keeps_its_integral_at_every_point(seed: int) -> None:
    pieces = random_pieces(seed)
    sent, curve = offsets(flow(*pieces)), RateCurve(pieces)
    whole_s = sum(piece.lasts_s for piece in pieces)
    assert sent == sorted(sent)
    assert all(0 <= at <= whole_s for at in sent)
    # every arrival is where the integral, summed over small steps, passes a half
    for number, at in enumerate(sent):
        assert curve.amount(at) == pytest.approx(number + 0.5, abs=1e-6)
    assert curve.amount(whole_s) == pytest.approx(summed(pieces, whole_s), rel=1e-4, abs=1e-4)
    assert len(sent) == math.ceil(curve.amount(whole_s) - 0.5)
    assert expected_count(flow(*pieces)) == curve.amount(whole_s) == curve.amount(whole_s + 1)


def summed(pieces: tuple[Piece, ...], until_s: float) -> float:
    """The integral of the rate, by the sum over small steps."""
    total, begin = 0.0, 0.0
    for piece in pieces:
        lasts = min(piece.lasts_s, until_s - begin)
        total += sum(piece.rate((step + 0.5) / 5000 * lasts) for step in range(5000)) * lasts / 5000
        begin += piece.lasts_s
    return total


@pytest.mark.parametrize("seed", range(10))
def test_the_mean_of_random_arrivals_is_the_integral(seed: int) -> None:
    pieces = random_pieces(seed)
    phase = LoadPhase("p", sum(piece.lasts_s for piece in pieces), (Flow(pieces, MIX, "poisson"),))
    counts = [len(offsets(phase, seed=run)) for run in range(200)]
    expected = expected_count(phase)
    assert sum(counts) / 200 == pytest.approx(expected, abs=5 * math.sqrt(expected / 200) + 1e-9)


def test_poisson_arrivals_are_seeded_and_have_exponential_gaps() -> None:
    phase = steady("p", 100, 200, MIX, arrivals="poisson")
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
    for turn, name in enumerate(islice(proportional(weights), 300), 1):
        drawn[name] += 1
        assert all(abs(drawn[kind] - turn * weight / whole) < 1 for kind, weight in weights.items())


def test_a_kind_without_weight_is_never_drawn_and_bodies_count_up_per_kind() -> None:
    phase = steady("p", 10, 10, {"a": 3, "b": 1, "never": 0})
    arrivals = list(lay_out(phase))
    assert phase.kinds == {"a", "b"}
    assert Counter(item.kind for item in arrivals) == {"a": 75, "b": 25}
    assert [item.body for item in arrivals if item.kind == "b"] == list(range(25))


def test_one_traffic_on_top_of_another_is_both_in_order_of_time() -> None:
    low = Flow((Piece(10, 5, 5),), {"a": 1})
    high = Flow((Piece(10, 0, 20),), {"a": 1, "b": 1}, "poisson")
    both = list(lay_out(LoadPhase("p", 10, (low, high)), speed=2, seed=3))
    alone = [list(lay_out(LoadPhase("p", 10, (part,)), speed=2, seed=3)) for part in (low, high)]
    assert [item.offset_s for item in both] == sorted(item.offset_s for item in both)
    assert len(both) == pytest.approx(150, abs=5 * math.sqrt(100))
    assert sum(item.kind == "a" for item in both) > len(alone[0])
    assert [item.body for item in both if item.kind == "a"] == list(range(sum(item.kind == "a" for item in both)))
    twice = LoadPhase("p", 10, (high, high))
    assert len({item.offset_s for item in lay_out(twice)}) == len(list(lay_out(twice))), "each draws its own arrivals"


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_a_trace_is_sent_as_it_was_recorded_up_to_the_end_of_the_phase(name: str, tmp_path: Path) -> None:
    text = "seconds,kind\n# morning\n0,a\n\n0.25, b\n0.25,a\r\n6,b\n10,a\n"
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    phase = LoadPhase("p", 10, (Replay(str(path)),))
    assert list(lay_out(phase, speed=2)) == [
        Arrival(0, "a", 0), Arrival(0.125, "b", 0), Arrival(0.125, "a", 1), Arrival(3, "b", 1),
    ]  # fmt: skip
    assert expected_count(phase) == 4
    assert phase.kinds == {"a", "b"}


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
@pytest.mark.parametrize("arrivals", ["even", "poisson"])
def test_stripes_are_disjoint_and_together_the_whole(workers: int, arrivals: Any) -> None:
    load = steady("p", 100, 5, {"a": 1, "b": 1}, arrivals)

    def run(stripe: Stripe) -> PhaseRun:
        return PhaseRun(load, 0.0, 1, speed=1.0, seed=9, stripe=stripe)

    whole = list(run(Stripe()).arrivals())
    parts = [list(run(Stripe(index, workers)).arrivals()) for index in range(workers)]
    assert sorted((item for part in parts for item in part), key=lambda item: item[0]) == whole
    assert max(map(len, parts)) - min(map(len, parts)) <= workers
    for part in parts:
        assert {arrival.kind for _, arrival in part} == {"a", "b"}, "a mix must not follow the stripes"


def test_silence_needs_no_mix() -> None:
    assert list(lay_out(steady("quiet", 0, 60, {}))) == []
    assert list(lay_out(LoadPhase("users", 60, (Users(3, {"a": 1}),)))) == [], "users have no schedule"


def test_less_than_half_a_request_is_none() -> None:
    assert offsets(steady("p", 0.5, 0.9, MIX)) == []
    assert offsets(steady("p", 0.5, 1.1, MIX)) == pytest.approx([1.0])


def test_a_phase_goes_to_json_and_back() -> None:
    wave = Flow((Piece(3, 1, 2, 3), Piece(4, 2, 2)), MIX, "poisson")
    phase = LoadPhase("p", 7, (wave, Replay("t.csv"), Users(3, {"a": 1.0}, 0.5)), 2.0)
    assert LoadPhase.from_json(json.loads(json.dumps(phase.to_json()))) == phase


GOOD = {"pieces": [{"lasts_s": 1, "rate_per_s": 1, "to_per_s": 1}], "mix": {"a": 1}}
USERS = {"users": 1, "mix": {"a": 1}}


@pytest.mark.parametrize(
    ("traffic", "problem"),
    [
        ({"pieces": [{"lasts_s": 1, "rate_per_s": -1, "to_per_s": 1}]}, "a rate must be finite and 0 or more, not -1"),
        ({"pieces": [{"lasts_s": 1, "rate_per_s": math.inf, "to_per_s": 1}]}, "a rate must be finite"),
        ({"pieces": [{"lasts_s": 1, "rate_per_s": 1, "to_per_s": math.nan}]}, "a rate must be finite"),
        ({"pieces": [{"lasts_s": 1, "rate_per_s": "2/s", "to_per_s": 1}]}, "a rate must be a number"),
        ({"pieces": [{"lasts_s": 1, "rate_per_s": True, "to_per_s": 1}]}, "a rate must be a number"),
        ({"pieces": [{"lasts_s": 0, "rate_per_s": 1, "to_per_s": 1}]}, "a duration must be finite and above 0, not 0"),
        (
            {"pieces": [{"lasts_s": 1, "rate_per_s": 1, "to_per_s": 1, "period_s": 0}]},
            "a period must be finite and above 0",
        ),
        ({"pieces": []}, "a flow needs a piece"),
        ({"mix": {}}, "load without a mix"),
        ({"mix": {"a": 0}}, "load without a mix"),
        ({"mix": {"a": -1}}, "weight of 'a' must be finite and 0 or more"),
        ({"mix": {"a": "many"}}, "weight of 'a' must be a number"),
        ({"arrivals": "sometimes"}, "no such arrivals"),
        ({"colour": "red"}, "not a load phase"),
        ({**USERS, "users": 0}, "users must be a whole number above 0"),
        ({**USERS, "users": 1.5}, "users must be a whole number above 0"),
        ({**USERS, "think_s": -1}, "the time to think must be finite and 0 or more"),
        ({**USERS, "mix": {}}, "load without a mix"),
    ],
)
def test_impossible_load_is_refused(traffic: dict[str, object], problem: str) -> None:
    written = {"name": "p", "duration_s": 1, "traffic": [traffic if "users" in traffic else {**GOOD, **traffic}]}
    with pytest.raises(ConfigError, match=problem):
        LoadPhase.from_json(written)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"duration_s": 0}, "duration_s must be finite and above 0, not 0"),
        ({"warm_up_s": -1}, "warm_up_s must be finite and 0 or more"),
        ({"colour": "red"}, "not a load phase"),
        ({"traffic": [3]}, "not a load phase"),
    ],
)
def test_an_impossible_phase_is_refused(fields: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        LoadPhase.from_json({"name": "p", "duration_s": 1, "traffic": [GOOD], **fields})


def test_more_requests_than_any_machine_could_send_are_refused() -> None:
    with pytest.raises(ConfigError, match="more than"):
        next(lay_out(steady("p", 1e9, 60, MIX)))


def test_arrivals_are_values() -> None:
    assert next(lay_out(steady("p", 1, 1, {"a": 1}))) == Arrival(0.5, "a", 0)
