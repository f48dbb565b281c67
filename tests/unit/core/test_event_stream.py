"""Every event survives its line; a line that is none is refused."""

from typing import Any, get_args

import orjson
import pytest

from harness.core.errors import HarnessError
from harness.core.event_lines import decode_event, encode_event
from harness.core.events import (
    EVENT_TYPES,
    VERDICTS,
    CampaignEnded,
    CampaignFailed,
    CampaignPlanned,
    CampaignSpent,
    CampaignStarted,
    CellEnded,
    CellHeld,
    ClauseJudged,
    ComponentEnded,
    ComponentReady,
    Event,
    HopSeen,
    LimitFound,
    LoadMeasured,
    LoadStep,
    Note,
    PhaseEnded,
    PhaseStarted,
    PlannedClause,
    StoryPlan,
    Verdict,
)

T = 1_800_000_000.25
SAMPLES: list[Any] = [
    CampaignStarted(T, "c", "/b", 60.0, "native", ("a",), (PlannedClause("x::y", "says", "f:1:2"),), replayed=True),
    CampaignPlanned(1.2, (StoryPlan("outage", 60.0, 25.0, 4.0),), 6.5, 2, 30.0),
    CampaignSpent(1.3, 1, {"prometheus": 3.0}, 2**30),
    Note(T, "héllo\n", "warning"),
    ComponentReady(T, "c", "prometheus", 0.3, "http://127.0.0.1:1", "3.16"),
    ComponentEnded(T, "c", "prometheus", False, None, ("a", "b")),
    PhaseStarted(T, "c", "p", 10.0, "fault"),
    PhaseEnded(T, "c", "p", 20.0, "its length"),
    HopSeen(T, "c", "pending", "A", 30.0, 5.0, "fault", wall=True),
    CellHeld(T, "c", {"a": "http://x"}, ("up", "down")),
    CellEnded(T, "c", 100.0, True, ""),
    LoadMeasured(
        T,
        "c",
        "p",
        "k",
        "open",
        "wall",
        3,
        3,
        0,
        3,
        0,
        0,
        1,
        2,
        0.5,
        0.4,
        7.0,
        {"response": {"count": 3, "p95_s": 0.25}},
        0.5,
    ),
    LoadStep(T, "c", 1, 2.0, False, ("service",), ("service: slow",), 3, 0, 0, 1.0, 0.5, None, {"lines": 3.0}),
    LimitFound(T, "c", 1.0, 2.0, "service", "slow", 2),
    ClauseJudged(T, "x::y", "waived but held", "m", ("d", "e"), "f:1", "harness gate", 2),
    CampaignFailed(T, "f:1:2: bad\n  remedy: mend"),
    CampaignEnded(T, 40.0, {"held": 3}, 0, "/b", cancelled=True),
]


def test_there_is_a_sample_of_every_type() -> None:
    assert {type(sample) for sample in SAMPLES} == set(EVENT_TYPES.values()) == set(get_args(Event))
    assert set(VERDICTS) == set(get_args(Verdict))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_an_event_survives_its_line(sample: Event) -> None:
    line = encode_event(sample)
    assert line.startswith(b'{"event":"')
    assert line.count(b"\n") == 1
    assert decode_event(line) == sample
    assert decode_event(line.decode()) == sample


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_a_field_of_a_later_version_is_passed_over(sample: Event) -> None:
    assert decode_event(orjson.dumps({**orjson.loads(encode_event(sample)), "later": [1]})) == sample


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b"3", b"{}", b'{"event":"odd"}', b'{"event":[]}', b'{"event":"note"}']
)
def test_a_line_that_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(HarnessError, match="not an event line"):
        decode_event(line)


def test_another_schema_is_refused() -> None:
    line = orjson.dumps({**orjson.loads(encode_event(SAMPLES[0])), "schema": 2})
    with pytest.raises(HarnessError, match="schema 2 cannot be read by this version") as caught:
        decode_event(line)
    assert "replay the bundle with the harness version" in caught.value.remedy
