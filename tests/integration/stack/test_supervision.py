"""One component through its lives: started, signalled, stopped, killed, restarted, adopted."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import pytest

from harness.core.errors import MachineError
from harness.run.stack import procfs
from harness.run.stack.supervisor import Supervisor
from harness.run.stack.surface import (
    Exited,
    OrphanReaped,
    ProcessEvent,
    ProcessRefusedError,
    ProcessSpec,
    Started,
    StartFailedError,
)
from harness.run.stack.wait import ComponentDiedError, eventually

Spec = Callable[..., ProcessSpec]
Living = Callable[..., list[int]]
SLEEP = "import signal; signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
# forks a child into the same group, says its pid, and goes on
FAMILY = """
import os, signal
child = os.fork()
if child == 0:
    {child}
    os.read(os.pipe()[0], 1)
print(child, flush=True)
signal.pause()
"""
# leaves a grandchild in a session of its own, whose parent is gone
DAEMON = """
import os, signal, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {daemon}
        print(os.getpid(), flush=True)
        signal.pause()
    os._exit(0)
os.wait()
signal.pause()
"""


def said_pid(path: Path) -> int:
    return eventually(lambda: int(path.read_text() or 0), what=f"a pid in {path.name}", within_s=5)


def next_event(events: SimpleQueue[ProcessEvent], kind: type[ProcessEvent]) -> ProcessEvent:
    while not isinstance(event := events.get(timeout=5), kind):
        pass
    return event


def test_a_component_has_its_own_surroundings(supervisor: Supervisor, python_spec: Spec, run_dir: Path) -> None:
    program = """
import os, signal, sys
os.environ.pop('LC_CTYPE', '')  # Python's own
print(os.getcwd(), os.environ, sys.stdin.read(), os.getsid(0) == os.getpid(), os.nice(0), sep="|")
print([n for n in (1, 2, 3, 13, 15, 17, 25) if signal.getsignal(n) == signal.SIG_IGN], len(os.listdir("/proc/self/fd")))
sys.exit(3)
"""
    process = supervisor.start(
        ProcessSpec(
            "one", (sys.executable, "-I", "-S", "-c", program), run_dir, run_dir / "log", env={"A": "ä"}, niceness=3
        )
    )
    assert process.wait(5)
    first, second = process.tail(2).splitlines()
    assert first == f"{run_dir}|environ({{'A': 'ä', '{procfs.RUN_MARK}': '{supervisor.run_id}'}})||True|3"
    assert second == "[13, 25] 4"  # Python itself ignores these two; three descriptors and the one that lists them
    assert (process.exit_code, process.alive) == (3, False)


def test_output_and_errors_may_have_files_of_their_own(
    supervisor: Supervisor, python_spec: Spec, run_dir: Path
) -> None:
    program = "import sys; print('out'); print('err', file=sys.stderr)"
    process = supervisor.start(python_spec("one", program, stderr=run_dir / "err.log"))
    process.wait(5)
    assert (run_dir / "one.log").read_text() == "out\n"
    assert (run_dir / "err.log").read_text() == "err\n"
    assert process.tail(5) == "out\nerr"


def test_standard_input_may_be_a_file(supervisor: Supervisor, python_spec: Spec, run_dir: Path) -> None:
    (run_dir / "in").write_text("hello")
    process = supervisor.start(python_spec("one", "print(input())", stdin=run_dir / "in"))
    process.wait(5)
    assert process.tail(1) == "hello"


def test_a_death_is_known_within_50_ms(
    supervisor: Supervisor, python_spec: Spec, events: SimpleQueue[ProcessEvent]
) -> None:
    late_s = []
    for number in range(5):
        process = supervisor.start(python_spec(f"p{number}", SLEEP))
        assert isinstance(next_event(events, Started), Started)
        began = time.monotonic()
        os.kill(process.pid or 0, signal.SIGKILL)
        event = next_event(events, Exited)
        late_s.append(time.monotonic() - began)
        assert event == process.exit
        assert isinstance(event, Exited)
        assert (event.code, event.expected, event.pid) == (-signal.SIGKILL, False, process.pid)
    assert min(late_s) < 0.05


def test_deaths_that_we_asked_for_are_told_apart(
    supervisor: Supervisor, python_spec: Spec, events: SimpleQueue[ProcessEvent]
) -> None:
    for number, end in enumerate(("stop", "kill", "signal", "unasked signal")):
        process = supervisor.start(python_spec(f"p{number}", SLEEP))
        if end in ("stop", "kill"):
            getattr(process, end)()
        else:
            process.signal(signal.SIGTERM, ends=end == "signal")
        event = next_event(events, Exited)
        assert isinstance(event, Exited)
        assert event.expected == (end != "unasked signal"), end


def test_stop_insists_after_the_grace_and_ends_the_whole_group(
    supervisor: Supervisor, python_spec: Spec, run_dir: Path, living: Living
) -> None:
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    process = supervisor.start(python_spec("family", FAMILY.format(child=ignore)))
    child = said_pid(run_dir / "family.log")
    began = time.monotonic()
    process.stop(grace_s=0.2)
    assert 0.2 <= time.monotonic() - began < 2
    assert living([process.pid, child]) == []
    assert process.exit_code == -signal.SIGTERM


def test_stop_reaches_a_process_that_was_stopped(supervisor: Supervisor, python_spec: Spec) -> None:
    process = supervisor.start(python_spec("one", SLEEP))
    process.signal(signal.SIGSTOP, group=True)
    process.stop(grace_s=30)
    assert process.exit_code == -signal.SIGTERM


def test_two_callers_may_stop_one_process_and_a_dead_one_may_be_stopped(
    supervisor: Supervisor, python_spec: Spec
) -> None:
    process = supervisor.start(python_spec("one", STUBBORN))
    eventually(lambda: process.tail(1), what="its first line", within_s=5)
    process.stop(grace_s=0.1)
    process.stop()
    process.kill()
    assert process.exit_code == -signal.SIGKILL


def test_restart_keeps_the_handle_and_ends_what_the_first_life_left(
    supervisor: Supervisor, python_spec: Spec, run_dir: Path, living: Living
) -> None:
    process = supervisor.start(python_spec("family", FAMILY.format(child="pass")))
    first, child = process.pid, said_pid(run_dir / "family.log")
    os.kill(first or 0, signal.SIGKILL)
    assert process.wait(5)
    assert living([child]) == [child]
    process.restart()
    assert process.alive
    assert process.pid != first
    assert process.exit_code is None
    assert living([child]) == []


def test_a_component_that_still_runs_or_left_processes_cannot_be_started_again(
    supervisor: Supervisor, python_spec: Spec, run_dir: Path
) -> None:
    spec = python_spec("family", FAMILY.format(child="pass"))
    process = supervisor.start(spec)
    said_pid(run_dir / "family.log")
    with pytest.raises(StartFailedError, match=f"family already runs as pid {process.pid}"):
        supervisor.start(spec)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.wait(5)
    with pytest.raises(StartFailedError, match=f"family still runs as process group {process.pid}"):
        supervisor.start(spec)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"cwd": Path("/nowhere")}, "one: cannot enter its working folder /nowhere: No such file or directory"),
        ({"stdout": Path("/nowhere/log")}, "one: cannot write its log /nowhere/log: No such file or directory"),
        ({"stdin": Path("/nowhere/in")}, "one: cannot read its standard input /nowhere/in: No such file or directory"),
    ],
)
def test_a_failed_start_names_the_step(
    supervisor: Supervisor, python_spec: Spec, changes: dict[str, Path], problem: str
) -> None:
    with pytest.raises(StartFailedError) as caught:
        supervisor.start(python_spec("one", SLEEP, **changes))
    assert caught.value.problem == problem
    assert not supervisor.processes[0].alive


def test_a_missing_program_is_named_and_the_next_start_works(
    supervisor: Supervisor, python_spec: Spec, run_dir: Path
) -> None:
    with pytest.raises(StartFailedError, match="one: cannot run /no/prometheus: No such file or directory"):
        supervisor.start(ProcessSpec("one", ("/no/prometheus",), run_dir, run_dir / "log"))
    assert supervisor.start(python_spec("one", SLEEP)).alive


def test_a_daemon_that_left_its_group_ends_with_the_run(
    run_dir: Path, state: Path, python_spec: Spec, living: Living
) -> None:
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    with Supervisor(run_dir, state=state) as supervisor:
        process = supervisor.start(python_spec("one", DAEMON.format(daemon=ignore)))
        daemon = said_pid(run_dir / "one.log")
        supervisor.close(grace_s=0.1)
    assert living([process.pid, daemon]) == []
    assert not run_dir.exists()


def test_an_orphan_is_reaped_and_told(
    supervisor: Supervisor, python_spec: Spec, run_dir: Path, events: SimpleQueue[ProcessEvent]
) -> None:
    supervisor.start(python_spec("one", DAEMON.format(daemon="")))
    daemon = said_pid(run_dir / "one.log")
    os.kill(daemon, signal.SIGKILL)
    event = next_event(events, OrphanReaped)
    assert isinstance(event, OrphanReaped)
    assert (event.pid, event.code) == (daemon, -signal.SIGKILL)


def test_an_adopted_process_is_watched_signalled_and_stopped(
    supervisor: Supervisor, python_spec: Spec, run_dir: Path, events: SimpleQueue[ProcessEvent]
) -> None:
    launcher = supervisor.start(python_spec("launcher", FAMILY.format(child="")))
    child = said_pid(run_dir / "launcher.log")
    instance = supervisor.adopt("instance", child, log=run_dir / "launcher.log")
    assert (instance.alive, instance.pid) == (True, child)
    instance.signal(signal.SIGCONT)
    os.kill(child, signal.SIGKILL)
    event = next_event(events, Exited)
    assert isinstance(event, Exited)
    assert (event.id, event.code, event.expected) == ("instance", None, False)
    assert launcher.alive  # its group is not the instance's
    assert instance.describe_death().startswith(f"instance (pid {child}) ended")
    with pytest.raises(ProcessRefusedError, match="instance was started by another component"):
        instance.restart()


def test_an_adopted_orphan_has_an_exit_code_and_stops_alone(
    supervisor: Supervisor, python_spec: Spec, run_dir: Path
) -> None:
    parent = supervisor.start(python_spec("one", DAEMON.format(daemon="")))
    orphan = supervisor.adopt("orphan", said_pid(run_dir / "one.log"), log=run_dir / "one.log")
    orphan.stop(grace_s=5)
    assert (orphan.exit_code, orphan.alive, parent.alive) == (-signal.SIGTERM, False, True)


def test_a_process_of_somebody_else_is_never_adopted(supervisor: Supervisor, run_dir: Path) -> None:
    with pytest.raises(ProcessRefusedError, match=f"stranger: process {os.getpid()} was not started by this run"):
        supervisor.adopt("stranger", os.getpid(), log=run_dir / "log")
    with pytest.raises(ProcessRefusedError, match="nobody: No such process"):
        supervisor.adopt("nobody", 2**22 - 1, log=run_dir / "log")


def test_a_signal_to_the_dead_is_refused(supervisor: Supervisor, python_spec: Spec) -> None:
    process = supervisor.start(python_spec("one", "pass"))
    process.wait(5)
    with pytest.raises(ProcessRefusedError, match="one does not run"):
        process.signal(signal.SIGHUP)


def test_waiting_ends_at_once_with_the_component_and_shows_its_last_words(
    supervisor: Supervisor, python_spec: Spec
) -> None:
    process = supervisor.start(python_spec("one", "import sys; print('bad flag'); sys.exit(2)"))
    began = time.monotonic()
    with pytest.raises(ComponentDiedError) as caught:
        eventually(lambda: None, what="readiness of one", within_s=30, alive=[process])
    assert time.monotonic() - began < 5
    assert caught.value.process is process
    assert str(caught.value) == (
        f"one (pid {process.pid}) exited with code 2\n  its last lines:\n  bad flag\n"
        "  while waiting for: readiness of one"
    )


def test_a_callback_may_give_orders(run_dir: Path, state: Path, python_spec: Spec) -> None:
    def restart(event: ProcessEvent) -> None:
        if isinstance(event, Exited) and not event.expected:
            supervisor.processes[0].restart()

    with Supervisor(run_dir, restart, state=state) as supervisor:
        process = supervisor.start(python_spec("one", SLEEP))
        first = process.pid
        os.kill(first or 0, signal.SIGKILL)
        eventually(lambda: process.alive and process.pid != first, what="the restart", within_s=5)


def test_what_a_callback_raises_comes_out_at_the_end(run_dir: Path, state: Path, python_spec: Spec) -> None:
    def fail(_event: ProcessEvent) -> None:
        raise RuntimeError("the recorder is full")

    with (
        pytest.raises(RuntimeError, match="the recorder is full"),
        Supervisor(run_dir, fail, state=state) as supervisor,
    ):
        supervisor.start(python_spec("one", SLEEP))
    assert not run_dir.exists()


def test_a_run_folder_that_holds_something_is_refused_and_left_alone(run_dir: Path, state: Path) -> None:
    run_dir.mkdir()
    (run_dir / "precious").write_text("x")
    with pytest.raises(MachineError, match="is not empty"):
        Supervisor(run_dir, state=state).__enter__()
    assert (run_dir / "precious").read_text() == "x"
    assert [path.name for path in state.iterdir()] == ["lock"]


def test_no_processes_and_a_second_close_are_fine(run_dir: Path, state: Path) -> None:
    with Supervisor(run_dir, state=state) as supervisor:
        supervisor.close()
    assert not run_dir.exists()
