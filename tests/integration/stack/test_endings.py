"""Whatever ends a campaign, nothing of it is left: no process, no folder, no record."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from harness.core.errors import MachineError
from harness.run.stack import procfs, registry
from harness.run.stack.supervisor import Supervisor
from harness.run.stack.surface import ProcessEvent, ProcessSpec, WardenDiedError, WardenLost
from harness.run.stack.wait import eventually

Living = Callable[..., list[int]]
Spec = Callable[..., ProcessSpec]
Run = Callable[..., Any]

# a stubborn component, its child in the same group, and a daemon that left the group
COMPONENT = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child:
    if os.fork() == 0:
        os.setsid()
        daemon = os.fork()
        if daemon:
            print(child, daemon, flush=True)
            os._exit(0)
signal.pause()
"""
CAMPAIGN = f"""
supervisor = Supervisor(run_dir, state=state, crash_grace_s=0.3).__enter__()
argv = (sys.executable, "-I", "-S", "-c", {COMPONENT!r})
process = supervisor.start(ProcessSpec("one", argv, run_dir, run_dir / "log"))
while len(process.tail(1).split()) < 2:
    threading.Event().wait(0.01)
child, daemon = map(int, process.tail(1).split())
print(json.dumps(dict(warden=supervisor.warden_pid, one=process.pid, child=child, daemon=daemon)), flush=True)
"""
WAIT = "signal.pause()\n"


def assert_all_gone(living: Living, pids: list[int], *paths: Path, within_s: float = 3.0) -> None:
    eventually(lambda: not living(pids), what=f"the end of {pids}", within_s=within_s)
    eventually(lambda: not any(path.exists() for path in paths), what=f"removal of {paths}", within_s=within_s)


def records(state: Path) -> list[Path]:
    return list(state.glob("run-*"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_campaign_that_is_killed_takes_everything_along(
    campaign: Run, run_dir: Path, state: Path, living: Living, number: signal.Signals
) -> None:
    one = campaign(CAMPAIGN + WAIT)
    assert living(one.pids) == one.pids
    began = time.monotonic()
    one.process.send_signal(number)
    assert_all_gone(living, one.pids, run_dir)
    assert time.monotonic() - began < 3
    assert records(state) == []


@pytest.mark.parametrize(
    "end", ["raise SystemExit(1)", "os._exit(0)", "os.close(supervisor._link._orders.fileno()); signal.pause()"]
)
def test_a_campaign_that_ends_without_a_word_takes_everything_along(
    campaign: Run, run_dir: Path, living: Living, end: str
) -> None:
    one = campaign(CAMPAIGN + end)
    assert_all_gone(living, one.pids, run_dir)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_warden_that_is_asked_to_end_cleans_up(
    campaign: Run, run_dir: Path, state: Path, living: Living, number: signal.Signals
) -> None:
    one = campaign(CAMPAIGN + WAIT)
    os.kill(one.said["warden"], number)
    assert_all_gone(living, one.pids, run_dir)
    assert records(state) == []


def test_a_campaign_that_is_frozen_does_not_hold_the_warden(campaign: Run, run_dir: Path, living: Living) -> None:
    one = campaign(CAMPAIGN + WAIT)
    one.process.send_signal(signal.SIGSTOP)
    os.kill(one.said["warden"], signal.SIGTERM)
    assert_all_gone(living, one.pids, run_dir)


def test_a_killed_warden_is_noticed_and_takes_everything_along(
    run_dir: Path, state: Path, living: Living, python_spec: Spec
) -> None:
    events: SimpleQueue[ProcessEvent] = SimpleQueue()
    with Supervisor(run_dir, events.put, state=state) as supervisor:
        process = supervisor.start(python_spec("one", COMPONENT))
        words = eventually(lambda: process.tail(1).split(), what="its children", within_s=5)
        os.kill(supervisor.warden_pid, signal.SIGKILL)
        while not isinstance(event := events.get(timeout=5), WardenLost):
            pass
        assert living([process.pid, *map(int, words)]) == []
        assert (process.alive, process.exit_code) == (False, None)
        assert process.describe_death().startswith(f"one (pid {process.pid}) ended with the warden")
        assert run_dir.exists()  # its logs are evidence until the campaign ends
        for order in (process.restart, process.stop, lambda: supervisor.start(python_spec("two", "pass"))):
            with pytest.raises(WardenDiedError, match=f"the warden .pid {supervisor.warden_pid}. is gone"):
                order()
    assert not run_dir.exists()
    assert records(state) == []
    assert event.reason == ""


def test_a_warden_that_ended_unasked_is_noticed(run_dir: Path, state: Path, python_spec: Spec) -> None:
    events: SimpleQueue[ProcessEvent] = SimpleQueue()
    with Supervisor(run_dir, events.put, state=state) as supervisor:
        process = supervisor.start(python_spec("one", "import signal; signal.pause()"))
        os.kill(supervisor.warden_pid, signal.SIGTERM)
        while not isinstance(events.get(timeout=5), WardenLost):
            pass
        assert not process.alive
        with pytest.raises(WardenDiedError):
            supervisor.start(python_spec("two", "pass"))


def test_a_frozen_warden_is_given_up(
    run_dir: Path, state: Path, python_spec: Spec, living: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.run.stack.link._ANSWER_S", 0.3)
    with Supervisor(run_dir, state=state) as supervisor:
        process = supervisor.start(python_spec("one", "import signal; signal.pause()"))
        os.kill(supervisor.warden_pid, signal.SIGSTOP)
        with pytest.raises(WardenDiedError, match=r"has not answered for 0\.2 s"):
            supervisor._link.request("signal", 0.2, id="one", signal=0, group=False, ending=False)
        supervisor.close(grace_s=0)
    assert living([process.pid, supervisor.warden_pid]) == []
    assert not run_dir.exists()


def test_what_sigkill_of_both_left_is_swept_by_the_next_run(
    campaign: Run, run_dir: Path, state: Path, tmp_path: Path, living: Living
) -> None:
    one = campaign(CAMPAIGN + WAIT)
    one.process.send_signal(signal.SIGSTOP)  # so that it cannot notice the death of its warden
    os.kill(one.said["warden"], signal.SIGKILL)
    one.close()
    eventually(lambda: not living([one.said["one"]]), what="the end of the direct child", within_s=3)
    left = [one.said["child"], one.said["daemon"]]
    assert living(left) == left
    assert run_dir.exists()
    with Supervisor(tmp_path / "next", state=state) as supervisor:
        assert [(swept.folder, swept.ended, swept.problem) for swept in supervisor.swept] == [
            (run_dir, tuple(sorted(left)), "")
        ]
        assert living(left) == []
        assert not run_dir.exists()
    assert records(state) == []


def test_two_campaigns_at_once_leave_each_other_alone(
    campaign: Run, tmp_path: Path, state: Path, living: Living
) -> None:
    first = campaign(CAMPAIGN + WAIT, tmp_path / "first")
    second = campaign(CAMPAIGN + WAIT, tmp_path / "second")
    assert registry.sweep(state) == []
    assert living(first.pids + second.pids) == first.pids + second.pids
    first.process.kill()
    assert_all_gone(living, first.pids, tmp_path / "first")
    assert living(second.pids) == second.pids
    second.process.kill()
    assert_all_gone(living, second.pids, tmp_path / "second")
    assert records(state) == []


def test_a_run_whose_warden_is_still_at_work_is_not_swept(
    campaign: Run, run_dir: Path, state: Path, living: Living
) -> None:
    one = campaign(CAMPAIGN.replace("crash_grace_s=0.3", "crash_grace_s=2.0") + WAIT)
    one.process.kill()
    one.process.wait()
    assert registry.sweep(state) == []
    assert_all_gone(living, one.pids, run_dir, within_s=4)


def test_a_marked_process_is_found_without_a_record_of_it_and_others_are_spared(
    run_dir: Path, state: Path, living: Living
) -> None:
    run = registry.Run.open(run_dir, state)
    sleep = [sys.executable, "-I", "-S", "-c", "import signal; print(flush=True); signal.pause()"]
    marks = ({procfs.RUN_MARK: run.id}, {procfs.RUN_MARK: run.id + "0"}, {})
    with contextlib.ExitStack() as stack:
        started = []
        for mark in marks:
            process = stack.enter_context(subprocess.Popen(sleep, stdout=subprocess.PIPE, env=mark))
            stack.callback(process.kill)
            assert process.stdout is not None
            process.stdout.readline()
            started.append(process.pid)
        # a record that names a pid with another start time: the pid was given anew since
        run._append({"id": "old", "pid": started[2], "start": 1, "own": True})
        assert registry.end_processes(run.record) == (started[0],)
        assert living(started) == started[1:]
        # a process that overwrote its environment is known by pid and start time
        run._append({"id": "own", "pid": started[2], "start": procfs.start_ticks(started[2]), "own": True})
        assert run.discard() == ""
        assert living(started) == [started[1]]
    assert not run_dir.exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs privileges")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> None:
    with contextlib.suppress(OSError), (disk / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def test_a_full_disk_refuses_the_run_and_keeps_nothing(small_disk: Path, state: Path) -> None:
    fill(small_disk)
    with pytest.raises(MachineError) as caught:
        Supervisor(small_disk / "run", state=state).__enter__()
    assert f"cannot write {small_disk / 'run'}: No space left on device" in str(caught.value)
    assert "TMPDIR" in caught.value.remedy
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]
    assert records(state) == []


def test_a_full_state_folder_refuses_the_run_and_keeps_nothing(small_disk: Path, run_dir: Path) -> None:
    fill(small_disk)
    with pytest.raises(MachineError, match="No space left on device"):
        Supervisor(run_dir, state=small_disk).__enter__()
    assert not run_dir.exists()
    assert records(small_disk) == []


def test_a_disk_that_fills_while_running_is_named_with_the_death(
    small_disk: Path, state: Path, python_spec: Spec
) -> None:
    folder = small_disk / "run"
    with Supervisor(folder, state=state) as supervisor:
        fill(small_disk)
        program = "import os\nwhile True: os.write(1, b'x' * 4096)"
        process = supervisor.start(python_spec("one", program, cwd=Path("/"), stdout=folder / "log"))
        assert process.wait(5)
        assert process.exit_code
        assert f"no space is left on the file system of its log {folder / 'log'}" in process.describe_death()
    assert not folder.exists()


def test_a_folder_that_cannot_be_removed_is_told_and_stays_on_record(
    run_dir: Path, state: Path, small_disk: Path
) -> None:
    supervisor = Supervisor(run_dir, state=state).__enter__()
    (run_dir / "mounted").mkdir()
    subprocess.run(["mount", "--bind", str(small_disk), str(run_dir / "mounted")], check=True)
    with pytest.raises(MachineError, match=r"the run could not be cleaned up: .*busy"):
        supervisor.close()
    assert [swept.folder for swept in registry.sweep(state)] == [run_dir]
    subprocess.run(["umount", str(run_dir / "mounted")], check=True)
    assert [swept.problem for swept in registry.sweep(state)] == [""]
    assert not run_dir.exists()


def test_many_threads_may_start_and_stop_at_once(run_dir: Path, state: Path, python_spec: Spec) -> None:
    with Supervisor(run_dir, state=state) as supervisor:

        def live(number: int) -> None:
            process = supervisor.start(python_spec(f"p{number}", "import signal; signal.pause()"))
            process.stop()
            codes.append(process.exit_code)

        codes: list[int | None] = []
        threads = [threading.Thread(target=live, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert codes == [-signal.SIGTERM] * 8


def test_the_record_names_campaign_and_components(run_dir: Path, state: Path, python_spec: Spec) -> None:
    with Supervisor(run_dir, state=state) as supervisor:
        process = supervisor.start(python_spec("one", "import signal; signal.pause()"))
        lines = [json.loads(line) for line in records(state)[0].read_text().splitlines()]
        assert [(line["id"], line["pid"], line["start"]) for line in lines] == [
            (name, pid, procfs.start_ticks(pid or 0))
            for name, pid in (("campaign", os.getpid()), ("warden", supervisor.warden_pid), ("one", process.pid))
        ]
        assert lines[0]["folder"] == str(run_dir)


def test_a_machine_that_cannot_start_a_warden_keeps_nothing(
    run_dir: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("harness.run.stack.link.sys.executable", "/no/python")
        with pytest.raises(MachineError, match=r"the warden cannot be started: .*No such file"):
            Supervisor(run_dir, state=state).__enter__()
    with monkeypatch.context() as patch:
        patch.setattr("tempfile.tempdir", "/no/tmp")
        with pytest.raises(MachineError, match=r"no temporary file can be made: .*No such file"):
            Supervisor(run_dir, state=state).__enter__()
    assert not run_dir.exists()
    assert records(state) == []


def test_a_callback_may_end_the_run(run_dir: Path, state: Path, python_spec: Spec) -> None:
    def end(_event: ProcessEvent) -> None:
        supervisor.close()
        closed.set()

    closed = threading.Event()
    with Supervisor(run_dir, end, state=state) as supervisor:
        supervisor.start(python_spec("one", "import signal; signal.pause()"))
        assert closed.wait(5)
    assert not run_dir.exists()


def test_runs_leave_no_descriptor_and_no_thread(tmp_path: Path, state: Path) -> None:
    def cycle() -> tuple[int, int]:
        with Supervisor(tmp_path / "run", state=state):
            pass
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    assert cycle() == cycle() == cycle()
