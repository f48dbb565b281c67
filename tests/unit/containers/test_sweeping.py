"""What a sweep removes, what it leaves, and what the janitor does at the end."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from harness.provision.engine import Engine
from harness.run.containers.owner import Owner
from harness.run.containers.sweeping import remove_run, sweep
from tests.unit.provision.fake_engine import fake_engine

HERE = Owner.this_process()
DEAD = replace(HERE, started=HERE.started + 1)
LISTED = {
    "GET /containers/json": (
        200,
        orjson.dumps(
            [
                {"Id": "living", "Labels": HERE.labels("r1", "c/prometheus")},
                {"Id": "dead", "Labels": DEAD.labels("r2", "c/prometheus")},
                {"Id": "foreign", "Labels": {"observability-harness.run": "r3"}},
            ]
        ),
    ),
    "GET /networks": (200, orjson.dumps([{"Id": "net", "Labels": DEAD.labels("r2", "c")}])),
    "GET /volumes": (200, orjson.dumps({"Volumes": [{"Name": "vol", "Labels": DEAD.labels("r2", "c")}]})),
}

GONE = {
    "GET /containers/json": (200, b"[]"),
    "GET /networks": (200, b"[]"),
    "GET /volumes": (200, b'{"Volumes": null}'),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "e"


def test_only_what_dead_campaigns_left_is_removed_containers_first(place: Path) -> None:
    with fake_engine(place, {**LISTED, "DELETE /containers/dead": (500, b"{}")}) as seen:
        assert sweep(Engine(str(place)), HERE) == ["container dead", "network net", "volume vol"]
    removed = [line.split()[1].partition("?")[0] for line in seen if line.startswith("DELETE")]
    assert removed == ["/containers/dead", "/networks/net", "/volumes/vol"]


def test_everything_of_one_run_is_removed(place: Path) -> None:
    with fake_engine(place, LISTED) as seen:
        assert len(remove_run(Engine(str(place)), "r1")) == 5
    assert 'label": ["observability-harness.run=r1"]'.replace(" ", "") in seen[0].replace(" ", "").replace("+", "")


@pytest.mark.parametrize(("answers", "code", "asked"), [(GONE, 0, 3), (LISTED, 1, 9)])
def test_the_janitor_removes_at_its_end_until_nothing_is_left_or_it_is_in_vain(
    place: Path, answers: dict[str, tuple[int, bytes]], code: int, asked: int
) -> None:
    argv = [sys.executable, "-m", "harness.run.containers.janitor", str(place), "r1"]
    with fake_engine(place, answers) as seen, subprocess.Popen(argv, stdout=subprocess.PIPE) as janitor:
        assert janitor.stdout is not None
        assert janitor.stdout.readline() == b"waiting for the end\n"
        assert not seen
        janitor.terminate()
        assert janitor.wait(10) == code
        assert len([line for line in seen if line.startswith("GET")]) == asked
