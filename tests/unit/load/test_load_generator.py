from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from harness.core.errors import ConfigError, MachineError
from harness.run.load.generator import Generator, GeneratorGoneError
from harness.run.load.plan import CellPlan, DriverPlan, Instance, read_plan
from harness.run.load.requests import RequestKind
from harness.run.load.schedule import LoadPhase, steady

PLAN = DriverPlan((CellPlan("c", "l", (Instance("i", "http://127.0.0.1"),), (RequestKind("k", "/"),)),))
DRAINED = {
    "event": "phase_drained", "cell": "c", "phase": "p", "started_t": 1.5, "ended_t": 2.5, "drained_t": 4.5,
    "intended": 3, "sent": 2,
    "dropped": 1, "aborted": 0, "unexpected": 1, "lateness_p50_s": 0.1, "lateness_p99_s": 0.2, "lateness_max_s": 0.3,
    "cpu_s": 0.4,
}  # fmt: skip


@pytest.fixture
def generator(tmp_path: Path) -> Iterator[Generator]:
    made = Generator(PLAN, tmp_path)
    yield made
    made.close()


def say(generator: Generator, *events: dict[str, object], rest: bytes = b"") -> None:
    with generator.stdout.open("ab") as file:
        file.write(b"".join(orjson.dumps(event) + b"\n" for event in events) + rest)


def test_it_says_how_its_driver_is_started(generator: Generator, tmp_path: Path) -> None:
    assert generator.argv[1:4] == ("-P", "-m", "harness.run.load.driver")
    assert read_plan(Path(generator.argv[-1])) == PLAN
    assert {generator.stdin.parent, generator.stdout.parent} == {tmp_path}


def test_orders_are_lines_of_json(generator: Generator) -> None:
    load = steady("p", 1, 2, {"k": 1})
    with generator.stdin.open("rb") as reader:
        generator.start_phase("c", load, at=3.25)
        generator.stop_phase("c", "p")
        generator.drain("c")
        generator.quit()
        orders = [orjson.loads(reader.readline()) for _ in range(4)]
    assert LoadPhase.from_json(orders[0].pop("load")) == load
    assert orders == [
        {"op": "phase", "cell": "c", "at": 3.25},
        {"op": "stop_phase", "cell": "c", "phase": "p", "at": None},
        {"op": "drain", "cell": "c"},
        {"op": "quit"},
    ]


def test_status_is_taken_in_as_far_as_it_is_whole(generator: Generator) -> None:
    generator.poll()
    assert not generator.ready
    say(generator, {"event": "ready"}, {"event": "phase_started", "cell": "c", "phase": "p", "at": 1.5}, rest=b'{"ev')
    generator.poll()
    assert generator.ready
    assert generator.started_t("c", "p") == 1.5
    assert generator.report("c", "p") is None
    say(generator, rest=b'ent": "phase_ended"}\n')
    say(generator, DRAINED, {"event": "stopped"})
    generator.poll()
    report = generator.report("c", "p")
    assert report is not None
    assert (report.intended, report.cpu_s) == (3, 0.4)
    assert generator.stopped


def test_errors_are_raised_once_each(generator: Generator) -> None:
    say(
        generator,
        {"event": "error", "fatal": False, "message": "no such kind"},
        {"event": "error", "fatal": True, "message": "disk full"},
        {"event": "stopped"},
    )
    with pytest.raises(ConfigError, match="no such kind"):
        generator.poll()
    with pytest.raises(GeneratorGoneError, match="disk full"):
        generator.poll()
    generator.poll()
    assert generator.stopped


def test_a_driver_that_is_gone_takes_no_orders(generator: Generator) -> None:
    with generator.stdin.open("rb"):
        say(generator, {"event": "ready"})
        generator.poll()
        generator.drain("c")
    with pytest.raises(GeneratorGoneError, match="takes no orders"):
        generator.drain("c")
    generator.close()
    with pytest.raises(GeneratorGoneError, match="takes no orders"):
        generator.quit()


def test_a_driver_that_does_not_read_is_noticed(generator: Generator) -> None:
    with pytest.raises(GeneratorGoneError, match="reads no orders"):
        generator.start_phase("c", steady("p", 1, 2, {"k" * 100_000: 1}))
    with pytest.raises(GeneratorGoneError, match="takes no orders"):
        generator.start_phase("c", steady("p", 1, 2, {"k": 1}))


def test_the_driver_s_input_ends_with_the_generator(generator: Generator) -> None:
    reader = os.open(generator.stdin, os.O_RDONLY)
    try:
        generator.close()
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="nowhere"):
        Generator(PLAN, tmp_path / "nowhere")
