"""One story at speeds 20 and 60 and in virtual time has the same production timeline (part of ``make soak``)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.core.event_lines import decode_event
from harness.core.events import HopSeen
from harness.provision import ensure
from harness.virtual.replayed import virtual_timeline

ROOT = Path(__file__).parents[2]
STORY = "scenarios/inference_errors.yaml"
ALERTS = ("HighErrorRate", "CriticalErrorRate")
SCRAPE_S, EVALUATION_S = 15.0, 15.0
WALL_S = 0.3
"""Wall time that delivery and polling may take: it is real, and so counts for more at a higher speed."""

Timeline = dict[tuple[str, str], float]


def played(speed: int) -> Path:
    """The bundle of the story, gated at ``speed``."""
    command = [str(Path(sys.executable).with_name("harness")), "gate", STORY, "--speed", str(speed)]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / done.stdout.splitlines()[-1].strip()


def timeline(bundle: Path) -> Timeline:
    """Production seconds of each alert's hops, from the fault or the healing before them."""
    lines = (bundle / "events.ndjson").read_bytes().splitlines()
    hops = sorted((e for e in map(decode_event, lines) if isinstance(e, HopSeen)), key=lambda hop: hop.production_s)
    found: Timeline = {}
    cause_s = 0.0
    for hop in hops:
        if hop.hop in {"fault", "healed"}:
            cause_s = hop.production_s
        elif hop.about in ALERTS:
            found.setdefault((hop.about, hop.hop), hop.production_s - cause_s)
    return found


@pytest.fixture(scope="module")
def bundles() -> dict[int, Path]:
    return {speed: played(speed) for speed in (20, 60)}


@pytest.fixture(scope="module")
def timelines(bundles: dict[int, Path]) -> dict[int, Timeline]:
    return {speed: timeline(bundle) for speed, bundle in bundles.items()}


@pytest.mark.parametrize("alert", ALERTS)
@pytest.mark.parametrize("hop", ["pending", "firing", "receiver", "resolved"])
def test_a_hop_comes_at_the_same_production_time(timelines: dict[int, Timeline], alert: str, hop: str) -> None:
    slow, fast = timelines[20][alert, hop], timelines[60][alert, hop]
    assert abs(slow - fast) <= SCRAPE_S + EVALUATION_S + WALL_S * 60, f"{slow:.1f} s at 20, {fast:.1f} s at 60"


@pytest.mark.parametrize("speed", [20, 60])
def test_virtual_time_tells_the_same_story(bundles: dict[int, Path], speed: int) -> None:
    promtool = ensure(["prometheus"])["prometheus"].extra["promtool"]
    retold = {item.alert: item for item in virtual_timeline(bundles[speed], promtool)}
    assert set(retold) >= set(ALERTS)
    for item in retold.values():
        assert item.agrees, f"{item.alert}: differs by {item.differences_s}, allowed is {item.tolerance_s} s"
