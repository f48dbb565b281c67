"""What is no defect turns nothing red: one stray error among many requests, in the story that errors are about."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.tiny.gates import Home
from tests.sabotage.router import Router

STORY = "scenarios/inference_errors.yaml"
LOAD = "load: {rate: 0.5/s, mix: {generate: 8, stream: 2}}"
# one request in fifty fails for so long that it is one: with this seed the 39th
STRAY = f"  - {{name: stray, lasts: 100s, fault: {{inference_errors: 2%}}, {LOAD}}}\n"
CALM = "  - {name: calm, lasts: 20s}\n"  # no request of this phase meets the fault of the next one


def test_one_stray_error_changes_no_verdict(tmp_path: Path) -> None:
    home, router = Home(tmp_path / "home", measured=False), Router(tmp_path / "router")
    router.replace(STORY, "  - {name: some fail", f"{STRAY}{CALM}  - {{name: some fail")
    ended = home.gate(router.folder / "scenarios", within_s=120)
    assert ended.code == 0, ended.out + ended.err
    rows = [row for row in map(json.loads, ended.lines("records/request.ndjson")) if row["phase"] == "stray"]
    assert [row["expected"] for row in rows].count(False) == 1
    home.assert_clean(sorted(ended.ports))
