"""A bundle judged again, anywhere and at any time, says what the campaign said that recorded it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.conclusion import conclude
from harness.clauses.replay import replay
from harness.contract import load_campaign
from harness.core.errors import ConfigError, HarnessError
from harness.core.event_lines import decode_event, encode_event
from harness.core.events import (
    CampaignEnded,
    CampaignStarted,
    CellEnded,
    ClauseJudged,
    ComponentReady,
    Event,
    HopSeen,
    Note,
    PhaseStarted,
)
from harness.evidence.bundle import BundleWriter, read_evidence, read_manifest
from harness.evidence.records import RECORD_TYPES, Request, Series, Watched

TINY = Path(__file__).parent / "data" / "tiny"
FIRES = "failing::alerts::TinyFailing::fires"
DECLARED = "campaign::metrics::tiny::declared"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A copy of a small recorded bundle, to be changed at will."""
    return shutil.copytree(TINY, tmp_path / "bundle")


def recorded(folder: Path) -> list[Event]:
    return [decode_event(line) for line in (folder / "events.ndjson").read_bytes().splitlines()]


def verdicts(events: Iterator[Event] | Sequence[Event]) -> dict[str, str]:
    return {event.clause: event.verdict for event in events if isinstance(event, ClauseJudged)}


def details(folder: Path, clause: str) -> tuple[str, ...]:
    (found,) = (event for event in replay(folder, (clause,)) if isinstance(event, ClauseJudged))
    return found.details


def only(kind: type[Any], events: Sequence[Event]) -> Any:
    (found,) = (event for event in events if isinstance(event, kind))
    return found


def change_manifest(folder: Path, **fields: Any) -> None:
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_bytes(orjson.dumps({**manifest, **fields}))


def drop_from_manifest(folder: Path, name: str) -> None:
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    del manifest[name]
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest))


def rename_a_metric(folder: Path) -> None:
    path = folder / "records" / "exposition.ndjson"
    path.write_bytes(path.read_bytes().replace(b"tiny_failures_total", b"tiny_lapses_total"))


def cut_after(folder: Path, t: float) -> None:
    """Leave what a campaign would have left that was killed at ``t``."""
    for path in (folder / "records").iterdir():
        rows = [orjson.loads(line) for line in path.read_bytes().splitlines()]
        kept = [row for row in rows if (row.get("t") or row.get("intended_t") or 0.0) <= t]
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in kept))
    lines = [encode_event(event) for event in recorded(folder) if event.t <= t]
    (folder / "events.ndjson").write_bytes(b"".join(lines) + b'{"event":"hop_se')
    change_manifest(folder, ended_t=None)


def test_the_verdicts_are_those_of_the_campaign(bundle: Path) -> None:
    assert verdicts(replay(bundle)) == verdicts(recorded(bundle))
    assert list(verdicts(replay(bundle))) == list(verdicts(recorded(bundle)))


def test_two_replays_give_the_same_bytes(bundle: Path) -> None:
    first, second = ([encode_event(event) for event in replay(bundle)] for _ in range(2))
    assert first == second


def test_the_bundle_says_the_same_from_another_place(bundle: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(bundle, tmp_path / "elsewhere" / "copy")
    told = [encode_event(event).replace(str(moved).encode(), str(bundle).encode()) for event in replay(moved)]
    assert told == [encode_event(event) for event in replay(bundle)]


def test_what_happened_is_retold_as_it_was_recorded(bundle: Path) -> None:
    events, kinds = list(replay(bundle)), (ComponentReady, PhaseStarted, HopSeen)
    for kind in kinds:
        seen = [event for event in recorded(bundle) if isinstance(event, kind)]
        assert seen
        assert [event for event in events if isinstance(event, kind)] == seen
    assert only(CellEnded, events) == only(CellEnded, recorded(bundle))


def test_the_first_and_last_events_carry_the_campaigns_own_times(bundle: Path) -> None:
    events = list(replay(bundle))
    started, ended, live = events[0], events[-1], recorded(bundle)
    assert isinstance(started, CampaignStarted)
    assert isinstance(ended, CampaignEnded)
    assert started.replayed
    assert (started.t, started.campaign, started.speed) == (live[0].t, "tiny", 60.0)
    assert [clause.id for clause in started.clauses] == list(verdicts(live))
    was = only(CampaignEnded, live)
    assert (ended.t, ended.duration_s, ended.counts) == (was.t, was.duration_s, was.counts)
    assert (ended.exit_code, ended.cancelled, ended.bundle) == (was.exit_code, False, str(bundle))


def test_a_campaign_that_was_cancelled_stays_cancelled(bundle: Path) -> None:
    lines = (bundle / "events.ndjson").read_bytes().replace(b'"cancelled":false', b'"cancelled":true')
    (bundle / "events.ndjson").write_bytes(lines)
    assert only(CampaignEnded, list(replay(bundle))).cancelled


def test_notes_are_not_retold_but_warnings_are(bundle: Path) -> None:
    with (bundle / "events.ndjson").open("ab") as file:
        file.write(encode_event(Note(1.0, "just so")) + encode_event(Note(2.0, "mind this", "warning")))
    assert only(Note, list(replay(bundle))).text == "mind this"


def test_only_the_clauses_asked_for_are_judged_in_the_campaigns_order(bundle: Path) -> None:
    assert list(verdicts(replay(bundle, (DECLARED, FIRES)))) == [FIRES, DECLARED]


def test_a_misspelt_clause_is_refused_at_once_with_the_nearest(bundle: Path) -> None:
    with pytest.raises(ConfigError, match="no clause") as error:
        replay(bundle, (FIRES + "s",))
    assert FIRES in str(error.value)


def test_a_clause_that_was_not_selected_then_is_inconclusive(bundle: Path) -> None:
    change_manifest(bundle, clauses=[DECLARED])
    events = list(replay(bundle, (FIRES, DECLARED)))
    assert verdicts(events) == {FIRES: "inconclusive", DECLARED: "held"}
    message = next(event.message for event in events if isinstance(event, ClauseJudged) and event.clause == FIRES)
    assert message == "this clause was not selected when the bundle was recorded"
    assert verdicts(replay(bundle)) == {DECLARED: "held"}


def test_evidence_that_was_changed_changes_the_verdict(bundle: Path) -> None:
    rename_a_metric(bundle)
    assert verdicts(replay(bundle))[DECLARED] == "violated"
    assert only(CampaignEnded, list(replay(bundle))).exit_code == 1


def test_open_clauses_of_a_killed_campaign_are_inconclusive(bundle: Path) -> None:
    phase = next(event for event in recorded(bundle) if isinstance(event, PhaseStarted) and event.phase == "failing")
    cut_after(bundle, phase.t + 0.2)
    events = list(replay(bundle))
    told = verdicts(events)
    assert set(told) == set(verdicts(recorded(TINY)))
    assert told["failing::alerts::TinyFailing::pages"] == "inconclusive"
    assert told["failing::subject::tiny-0::stays_up"] == "inconclusive"
    assert "violated" not in told.values()
    ended = only(CampaignEnded, events)
    assert (ended.exit_code, ended.cancelled) == (4, False)
    assert phase.t <= ended.t <= phase.t + 0.2
    assert not [event for event in events if isinstance(event, CellEnded)]


def test_a_campaign_killed_before_it_began_is_judged_as_of_its_start(bundle: Path) -> None:
    cut_after(bundle, 0.0)
    (bundle / "events.ndjson").unlink()
    ended = only(CampaignEnded, list(replay(bundle)))
    assert (ended.t, ended.duration_s) == (only(CampaignStarted, recorded(TINY)).t, 0.0)
    assert ended.counts == {"inconclusive": len(verdicts(recorded(TINY)))}


def test_a_waiver_is_judged_as_of_the_day_of_the_campaign(bundle: Path) -> None:
    rename_a_metric(bundle)
    ended_t = orjson.loads((bundle / "manifest.json").read_bytes())["ended_t"]
    day = datetime.fromtimestamp(ended_t, UTC).date()
    with (bundle / "inputs" / "campaign.yaml").open("a", encoding="utf-8") as file:
        file.write(f"waivers:\n  - {{clause: '{DECLARED}', reason: known, owner: me, expires: '{day}'}}\n")
    assert verdicts(replay(bundle, (DECLARED,))) == {DECLARED: "waived"}
    change_manifest(bundle, ended_t=ended_t + 86400)
    assert verdicts(replay(bundle, (DECLARED,))) == {DECLARED: "violated"}


def test_every_record_is_on_disk_as_soon_as_it_is_added(tmp_path: Path) -> None:
    """A campaign that is killed leaves a true prefix of what it saw, whatever the kinds of its records."""
    writer = BundleWriter(tmp_path)
    evidence = read_evidence(TINY)
    for number, kind in enumerate((Request, Series, Watched), start=1):
        writer.add(evidence.of(kind, "failing")[0])
        assert sum(len(path.read_bytes().splitlines()) for path in (tmp_path / "records").iterdir()) == number
    with writer:
        pass


def test_the_speed_asked_for_then_counts_now(bundle: Path) -> None:
    series = bundle / "records" / "series.ndjson"
    series.write_bytes(b"".join(line for line in series.read_bytes().splitlines(True) if b'"firing"' not in line))
    assert any("as run at speed 60" in line for line in details(bundle, FIRES))
    change_manifest(bundle, speed_override=20.0)
    assert any("as run at speed 20" in line for line in details(bundle, FIRES))


def test_what_is_read_back_is_what_was_seen(bundle: Path, tmp_path: Path) -> None:
    """Live verdicts come from evidence in memory; nothing may get lost on its way to the disk and back."""
    campaign = load_campaign([bundle / "inputs" / "failing.yaml"])
    recorded_for = read_manifest(bundle)["clauses"]
    clauses = [clause for clause in compile_campaign(campaign) if clause.id in recorded_for]
    evidence = read_evidence(bundle)
    evidence.planned = ("failing",)
    cell = evidence.started("failing")
    assert cell is not None
    numbers = ((cell.t + 0.1, float("nan")), (cell.t + 0.2, float("inf")), (cell.t + 0.3, 1e-7))
    query = "sum(rate(tiny_failures_total[40s])) > 0.1"
    evidence.add(Series("failing", cell.t, query, {"le": "+Inf"}, numbers))
    unsent = Request(
        "failing", "baseline", "work", 999, "r", "tiny-0", cell.t, None, None, None, None, 0, expected=False
    )
    evidence.add(unsent)
    ended_t = float(only(CampaignEnded, recorded(bundle)).t)
    live = conclude(campaign, clauses, evidence, ended_t)
    shutil.rmtree(bundle / "records")
    with BundleWriter(bundle) as writer:
        for kind in RECORD_TYPES.values():
            for where in ("campaign", "failing"):
                for record in evidence.of(kind, where):
                    writer.add(record)
    again = [event for event in replay(bundle) if isinstance(event, ClauseJudged)]
    assert again == list(live.judged)
    assert repr(read_evidence(bundle).of(Series, "failing")) == repr(evidence.of(Series, "failing"))


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "the manifest cannot be read"),
        (lambda folder: drop_from_manifest(folder, "paths"), "the manifest lacks 'paths'"),
        (lambda folder: change_manifest(folder, schema=99), "the bundle has schema 99"),
        (lambda folder: change_manifest(folder, clauses=["a::b::c::d"]), "this version knows no clause 'a::b::c::d'"),
        (lambda folder: shutil.rmtree(folder / "inputs"), "there is no such file"),
        (lambda folder: (folder / "events.ndjson").write_bytes(b"{}\n"), r"events.ndjson:1: not an event line"),
    ],
)
def test_a_damaged_bundle_is_refused_at_once(bundle: Path, spoil: Any, problem: str) -> None:
    spoil(bundle)
    with pytest.raises(HarnessError, match=problem):
        replay(bundle)
