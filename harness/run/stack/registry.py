"""The runs of this user that live, or that left something behind: one file each in a state folder.

A record is alive while somebody holds its lock: the campaign and its warden share one lock, which the kernel releases
when the last of them is gone, SIGKILL included. ``sweep`` ends what a dead record still names and never touches a
living one. Nothing is ever found by its name: a process is ended if it carries the mark of that very run in its
environment, or if its pid *and* start time are those that the warden recorded in this boot of the machine.

A record is newline-delimited JSON: a head (run, folder, warden, boot), then one line per process started.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from harness.core.errors import MachineError
from harness.run.stack import procfs

__all__ = ["Run", "Swept", "clean_up", "end_processes", "state_folder", "sweep"]

_PATIENCE_S = 2.0


def state_folder() -> Path:
    """Where this user's records and port leases lie: ``HARNESS_STATE``, else the runtime folder of the session."""
    if chosen := os.environ.get("HARNESS_STATE"):
        folder = Path(chosen).absolute()
    elif _is_own_folder(runtime := Path(os.environ.get("XDG_RUNTIME_DIR", ""))):
        folder = runtime / "observability-harness"
    else:
        folder = Path(tempfile.gettempdir()) / f"observability-harness-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, error) from None
    if not _is_own_folder(folder):
        raise MachineError(
            f"the state folder {folder} belongs to another user", remedy="set HARNESS_STATE to a folder of your own"
        )
    return folder


def _is_own_folder(path: Path) -> bool:
    """Set by hand, or kept by sudo, the runtime folder may be missing or somebody else's."""
    return path.is_absolute() and path.is_dir() and path.stat().st_uid == os.getuid()


def _unusable(path: Path, error: OSError) -> MachineError:
    return MachineError(
        f"cannot write {path}: {error.strerror}",
        remedy="free space there, or set HARNESS_STATE (state) and TMPDIR (run folders) to a place that can be written",
    )


@contextlib.contextmanager
def _folder_lock(state: Path) -> Iterator[None]:
    try:
        fd = os.open(state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unusable(state / "lock", error) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@dataclass(frozen=True, slots=True)
class Run:
    """A run on record: its id, its folder (removed with it), its record file and the descriptor that holds the lock."""

    id: str
    folder: Path
    record: Path
    lock_fd: int

    @classmethod
    def open(cls, folder: Path, state: Path | None = None) -> Self:
        """Put a new run on record and make its folder, which must be absent or empty.

        Raises ``MachineError``, with nothing left behind, where either cannot be written.
        """
        state = state or state_folder()
        folder = folder.absolute()
        run_id = uuid.uuid4().hex
        record = state / f"run-{run_id}.ndjson"
        with _folder_lock(state):  # no sweep may see the record before it is locked
            try:
                fd = os.open(record, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            except OSError as error:
                raise _unusable(record, error) from None
            fcntl.flock(fd, fcntl.LOCK_EX)
        run = cls(run_id, folder, record, fd)
        try:
            _make_folder(folder, run_id)
            run._append({"run": run_id, "folder": str(folder), "boot": _boot(), **_identity("campaign", os.getpid())})
        except MachineError:
            procfs.remove_folder(str(folder), run_id)
            run.discard()
            raise
        return run

    def _append(self, line: dict[str, Any]) -> None:
        try:
            os.write(self.lock_fd, json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise _unusable(self.record, error) from None

    def close(self) -> None:
        """Give the lock back; the record stays until whoever cleans up removes it."""
        os.close(self.lock_fd)

    def discard(self) -> str:
        """End what this run left, remove folder and record, give the lock back; return what stayed, in words."""
        try:
            return clean_up(self.record).problem
        finally:
            self.close()


def _make_folder(folder: Path, run_id: str) -> None:
    mark = folder / procfs.FOLDER_MARK
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise MachineError(f"the run folder {folder} is not empty", remedy="name one that is absent or empty")
        mark.write_text(run_id)
    except OSError as error:
        with contextlib.suppress(OSError):  # a full disk takes the file and refuses its text
            mark.unlink(missing_ok=True)
            folder.rmdir()
        raise _unusable(folder, error) from None


def _identity(name: str, pid: int) -> dict[str, Any]:
    return {"id": name, "pid": pid, "start": procfs.start_ticks(pid)}


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did for one dead run: processes ended, and in words what it could not mend (empty: nothing)."""

    run_id: str
    folder: Path
    ended: tuple[int, ...]
    problem: str


def sweep(state: Path | None = None) -> list[Swept]:
    """Clean up after every run of this user that nobody holds any more; living runs are not touched."""
    state = state or state_folder()
    done: list[Swept] = []
    with _folder_lock(state):
        for record in sorted(state.glob("run-*.ndjson")):
            with contextlib.suppress(FileNotFoundError, BlockingIOError):
                done.append(_sweep_record(record))
    return done


def _sweep_record(record: Path) -> Swept:
    fd = os.open(record, os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return clean_up(record)
    finally:
        os.close(fd)


def clean_up(record: Path) -> Swept:
    """End what ``record`` still names, remove its run folder, then the record itself unless something stayed."""
    run_id, head, known = _read_record(record)
    folder = Path(head.get("folder", ""))
    ended = _end_living(run_id, known)
    left = _living(run_id, known)
    problem = f"processes that do not end: {sorted(left)}" if left else ""
    if head and not left:
        problem = procfs.remove_folder(str(folder), run_id)
    if not problem:
        record.unlink(missing_ok=True)
    return Swept(run_id, folder, ended, problem)


def end_processes(record: Path) -> tuple[int, ...]:
    """End what ``record`` still names and leave its folder as it is; return the pids that were found."""
    run_id, _, known = _read_record(record)
    return _end_living(run_id, known)


def _read_record(record: Path) -> tuple[str, dict[str, Any], dict[int, int]]:
    """Run id, head line, and the start time by pid of what the warden itself started in this boot of the machine."""
    lines: list[dict[str, Any]] = []
    for text in record.read_bytes().splitlines() if record.exists() else ():
        with contextlib.suppress(ValueError):  # a full disk or a kill cuts a line short
            lines.append(json.loads(text))
    head = next((line for line in lines if "run" in line), {})
    own = [line for line in lines if line.get("own") and line.get("start") is not None]
    known = {line["pid"]: line["start"] for line in own} if head.get("boot") == _boot() else {}
    return record.stem.removeprefix("run-"), head, known


def _is_ours(pid: int, run_id: str, known: dict[int, int]) -> bool:
    start = procfs.start_ticks(pid)
    return start is not None and (known.get(pid) == start or procfs.carries_mark(pid, run_id))


def _living(run_id: str, known: dict[int, int]) -> set[int]:
    return {pid for pid in procfs.all_pids() if pid != os.getpid() and _is_ours(pid, run_id, known)}


def _end_living(run_id: str, known: dict[int, int]) -> tuple[int, ...]:
    """Kill what lives until nothing does or patience ends; return every pid that was found."""
    found: set[int] = set()
    ends = time.monotonic() + _PATIENCE_S
    while (living := _living(run_id, known)) and time.monotonic() < ends:
        found |= living
        with contextlib.ExitStack() as descriptors:
            killed = [_kill(pid, run_id, known, descriptors) for pid in living]
            _await_deaths([fd for fd in killed if fd is not None], ends)
    return tuple(sorted(found))


def _kill(pid: int, run_id: str, known: dict[int, int], descriptors: contextlib.ExitStack) -> int | None:
    """Kill through a descriptor opened before the identity is checked, so that a reused pid is never hit."""
    with contextlib.suppress(OSError):
        fd = os.pidfd_open(pid)
        descriptors.callback(os.close, fd)
        if _is_ours(pid, run_id, known):
            signal.pidfd_send_signal(fd, signal.SIGKILL)
            return fd
    return None


def _await_deaths(descriptors: list[int], ends: float) -> None:
    waiting = set(descriptors)
    while waiting and (left_s := ends - time.monotonic()) > 0:
        waiting -= set(select.select(waiting, [], [], left_s)[0])
