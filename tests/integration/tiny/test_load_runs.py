"""``harness load`` on the real parts: a load by itself, a search for the limit, a story that ends early."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.tiny.gates import SITUATION_S, Ended, Gate, Home, Story

_SEARCH_S = 90.0
ABORT = "failing::load::failed_below_during_failing::holds"


def load(home: Home, *arguments: object) -> Ended:
    with Gate(home, ("harness.cli", "load", *map(str, arguments)), home.bundles) as gate:
        return gate.end(_SEARCH_S)


@pytest.mark.alone
def test_a_search_finds_the_rate_at_which_the_service_breaks(home: Home, tiny: Story, tmp_path: Path) -> None:
    """A service that answers one request at a time, in 20 ms: 50 a second, which is 0.83 a second at speed 60."""
    code = "\tcode := http.StatusOK\n"  # in the handler, under its lock
    tiny.replace("service/main.go", (code, f"{code}\ttime.Sleep(20 * time.Millisecond)\n"))
    report, table, picture = (tmp_path / name for name in ("report.json", "steps.csv", "steps.svg"))
    files = ("--json", report, "--csv", table, "--svg", picture)
    ended = load(
        home, tiny.folder, "--story", "failing", "--find-limit", "--rate", "0.4/s", "--for", "2m", "--steps", "3",
        "--threshold", "response p95 of work < 200ms wall", "--bundle-dir", home.bundles, *files,
    )  # fmt: skip
    assert ended.code == 0, ended.out + ended.err
    (cell,) = json.loads(report.read_text())["cells"]
    assert cell["limit"]["broke_first"] == "service", cell["steps"]
    assert 0.3 < cell["limit"]["rate_per_s"] < 0.84 <= cell["limit"]["broken_at_per_s"] <= 1.6
    assert all(step["telemetry"]["documents_lost"] == 0 for step in cell["steps"])
    assert len(table.read_text().splitlines()) == 1 + len(cell["steps"])
    assert picture.read_text().startswith("<svg")
    again = home.run("replay", ended.bundle, "--json", tmp_path / "again.json")
    assert again.code == 0, again.out + again.err
    (retold,) = json.loads((tmp_path / "again.json").read_text())["cells"]
    assert (retold["steps"], retold["limit"]) == (cell["steps"], cell["limit"])
    home.assert_clean(within_s=SITUATION_S)


def test_a_load_by_itself_is_judged_by_its_thresholds(home: Home, tiny: Story) -> None:
    limits = ("--threshold", "failed < 1%", "--threshold", "throughput > 5/s")
    wish = ("--mix", "work=1", "--rate", "0.5/s", "--for", "1m", "--bundle-dir", home.bundles)
    ended = load(home, tiny.folder, *wish, *limits)
    assert ended.code == 1, ended.out + ended.err
    assert ended.of("violated") == {"offered_load::load::throughput_above::holds"}
    assert "offered_load: load, times in wall seconds" in ended.out


def test_a_threshold_may_end_the_story(home: Home, tiny: Story) -> None:
    """The alert would take five minutes: the story is over long before."""
    tiny.replace("production/rules.yml", ("for: 20s", "for: 5m"))
    limit = "  - failed < 20% during failing, abort_on_fail after 15s\n"
    tiny.replace("failing.yaml", ("thresholds:\n", f"thresholds:\n{limit}"))
    ended = home.gate(tiny.folder)
    assert ended.code == 1, ended.out + ended.err
    assert "which ends the story" in ended.words(ABORT)
    assert f"cut short: {ABORT}" in ended.words("failing::alerts::TinyFailing::fires")
    home.assert_clean(sorted(ended.ports))
