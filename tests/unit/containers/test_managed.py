"""A container in the campaign's hand: every order, every death, and what is known afterwards."""

from __future__ import annotations

import time
from pathlib import Path
from signal import SIGKILL, SIGSTOP, SIGTERM
from typing import Any, Self

import pytest
from docker.errors import APIError

from harness.run.containers.managed import ManagedContainer
from harness.run.containers.spec import ContainerSpec
from harness.run.stack import procfs
from harness.run.stack.surface import ProcessRefusedError, Started, StartFailedError


class Handle:
    """The engine's side: ``ends`` are the exit codes that orders lead to, in turn."""

    def __init__(self) -> None:
        self.managed: ManagedContainer | None = None
        self.orders: list[Any] = []
        self.ends: dict[str, int] = {}
        self.refuses: set[str] = set()
        self.pid = 100
        self.gone = False

    @property
    def attrs(self) -> dict[str, Any]:
        return {"State": {"Pid": self.pid}}

    def _order(self, name: str, **options: Any) -> None:
        self.orders.append((name, *options.values()))
        if name in self.refuses:
            raise APIError("refused", explanation=f"no {name} now")
        if name in self.ends and self.managed:
            self.managed.note_exit(self.ends[name], time.time())

    def reload(self) -> None:
        pass

    def start(self) -> None:
        self.pid += 1
        self._order("start")

    def stop(self, timeout: int) -> None:
        self._order("stop", timeout=timeout)

    def kill(self, signal: str) -> None:
        self._order(signal)

    def logs(self, **options: Any) -> Any:
        if self.gone:
            raise APIError("gone")
        return iter([b"out\n"]) if options.get("stream") else b"first\nsecond\n"

    def stats(self, **_options: Any) -> Any:
        return {"cpu_stats": {"cpu_usage": {"total_usage": 500_000_000}}}


class Component:
    """What ``make`` answers, as far as it is asked."""

    def __init__(self, handle: Handle, fails: str = "") -> None:
        self.handle, self.fails = handle, fails
        self.settings: dict[str, Any] = {}

    def without_waiting(self) -> Self:
        return self

    def with_labels(self, labels: Any) -> Self:
        self.settings["labels"] = labels
        return self

    def with_settings(self, **settings: Any) -> Self:
        self.settings |= settings
        return self

    def start(self) -> None:
        if self.fails:
            raise APIError(self.fails, explanation=self.fails)

    def get_wrapped_container(self) -> Handle:
        return self.handle


@pytest.fixture
def handle() -> Handle:
    return Handle()


@pytest.fixture
def noted() -> list[Started]:
    return []


@pytest.fixture
def part(handle: Handle, noted: list[Started]) -> ManagedContainer:
    made: Any = Component(handle)
    handle.managed = ManagedContainer(ContainerSpec("c/part", lambda: made, grace_s=0.5), {"a": "1"}, noted.append)
    handle.managed.begin()
    assert made.settings == {"labels": {"a": "1"}, "stop_signal": "SIGTERM"}
    return handle.managed


def test_a_start_is_noted_with_its_pid(part: ManagedContainer, noted: list[Started]) -> None:
    assert (part.id, part.alive, part.pid, part.exit, part.exit_code) == ("c/part", True, 100, None, None)
    assert [(event.id, event.pid) for event in noted] == [("c/part", 100)]


def test_one_that_cannot_be_started_says_why_in_the_engines_words(handle: Handle) -> None:
    made: Any = Component(handle, fails="no such image")
    part = ManagedContainer(ContainerSpec("c/part", lambda: made), {}, lambda _event: None)
    assert part.describe_death().startswith("c/part was never started")
    assert part.tail(3) == ""
    with pytest.raises(StartFailedError, match="c/part could not be started: no such image"):
        part.begin()
    assert not part.alive


def test_a_stop_is_asked_for_and_paid_for(part: ManagedContainer, handle: Handle) -> None:
    handle.ends = {"stop": 0}
    part.stop()
    assert handle.orders == [("stop", 1)]
    assert part.exit is not None
    assert (part.alive, part.exit.code, part.exit.expected, part.cpu_s) == (False, 0, True, 0.5)
    part.stop()
    assert len(handle.orders) == 1, "what has ended is not asked again"


def test_one_that_ends_by_itself_cost_what_was_last_seen_of_it(
    part: ManagedContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = iter([1.5, 2.25])
    monkeypatch.setattr(procfs, "cpu_s", lambda pid: next(seen) if pid == 100 else 0.125)
    part.sample()
    part.sample()
    part.note_exit(1, time.time())
    part.sample()
    assert part.cpu_s == 2.25
    part.restart()
    assert part.cpu_s == 2.25
    part.sample()
    assert part.cpu_s == 2.375


def test_a_kill_shows_as_its_signal(part: ManagedContainer, handle: Handle) -> None:
    handle.ends = {"SIGKILL": 137}
    part.kill()
    assert part.exit_code == -SIGKILL
    assert "was ended by SIGKILL" in part.describe_death()
    assert part.wait(0)


def test_a_restart_is_another_life_of_the_same_container(part: ManagedContainer, handle: Handle) -> None:
    handle.ends = {"stop": 143}
    part.restart()
    assert [order[0] for order in handle.orders] == ["stop", "start"]
    assert (part.alive, part.pid, part.exit) == (True, 101, None)


def test_a_death_nobody_asked_for_is_unexpected(part: ManagedContainer) -> None:
    event = part.note_exit(3, 5.0)
    assert (event.code, event.expected, event.t) == (3, False, 5.0)
    assert part.describe_death() == "c/part (pid 100) exited with code 3\n  its last lines:\n  first\n  second"


def test_signals_are_delivered_by_name_and_may_announce_the_end(part: ManagedContainer, handle: Handle) -> None:
    part.signal(SIGSTOP)
    part.signal(SIGTERM, ends=True)
    assert [order[0] for order in handle.orders] == ["SIGSTOP", "SIGTERM"]
    assert part.note_exit(143, 1.0).expected
    with pytest.raises(ProcessRefusedError, match="does not run"):
        part.signal(SIGSTOP)


def test_orders_that_the_engine_refuses_are_told(part: ManagedContainer, handle: Handle) -> None:
    handle.refuses = {"SIGSTOP", "SIGKILL"}
    with pytest.raises(ProcessRefusedError, match="could not be sent SIGSTOP: no SIGSTOP now"):
        part.signal(SIGSTOP)
    with pytest.raises(ProcessRefusedError, match="could not be ended: no SIGKILL now"):
        part.kill()


def test_what_is_removed_keeps_its_last_lines(part: ManagedContainer, handle: Handle) -> None:
    part.discard()
    handle.gone = True
    assert part.tail(1) == "second"
    assert part.tail(0) == ""


def test_with_the_engine_everything_is_lost_once(part: ManagedContainer) -> None:
    lost = part.note_loss()
    assert lost is not None
    assert (lost.code, lost.expected, part.alive) == (None, False, False)
    assert part.note_loss() is None


def test_outputs_are_appended_to_their_files(handle: Handle, tmp_path: Path) -> None:
    made: Any = Component(handle)
    path = tmp_path / "stdout.log"
    path.write_bytes(b"before\n")
    ManagedContainer(ContainerSpec("c/s", lambda: made, outputs={"stdout": path}), {}, lambda _event: None).begin()
    ends = time.monotonic() + 5
    while path.read_bytes() != b"before\nout\n":
        assert time.monotonic() < ends, path.read_bytes()
        time.sleep(0.01)
