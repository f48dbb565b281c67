"""What the kernel says about processes, and the one way in which a run's folder is removed.

Standard library only: the warden and the sweep both stand on it. Where there is no ``/proc`` every answer is empty.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import NamedTuple

__all__ = [
    "FOLDER_MARK",
    "RUN_MARK",
    "ThreadTimes",
    "all_pids",
    "carries_mark",
    "command_line",
    "cpu_s",
    "descendants",
    "owns_folder",
    "remove_folder",
    "start_ticks",
    "thread_times",
]

RUN_MARK = "HARNESS_RUN_ID"
FOLDER_MARK = ".harness-run"


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (pathlib would double the warden's start-up time)
            return file.read()
    except OSError:
        return b""


def _stat_fields(pid: int) -> list[bytes]:
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def start_ticks(pid: int) -> int | None:
    """Start time of a living ``pid`` in clock ticks since boot: with the pid, the identity of a process."""
    fields = _stat_fields(pid)
    return int(fields[19]) if len(fields) > 19 and fields[0] != b"Z" else None


def cpu_s(pid: int) -> float:
    """CPU seconds of a living ``pid`` and of its children that it waited for; 0 where there is none."""
    fields = _stat_fields(pid)
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") if len(fields) > 14 else 0.0


def carries_mark(pid: int, run_id: str) -> bool:
    """Whether ``pid`` was started, however indirectly, with the mark of run ``run_id`` in its environment."""
    return f"{RUN_MARK}={run_id}".encode() in _read(f"/proc/{pid}/environ").split(b"\0")


def command_line(pid: int) -> str:
    """Command line of ``pid`` in one line of at most 120 characters; empty where it cannot be read."""
    return _read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode("utf-8", "replace").strip()[:120]


def all_pids() -> list[int]:
    """Every process that this machine shows."""
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208
    except OSError:
        return []


def descendants(root: int) -> Iterator[int]:
    """Every living process below ``root``, zombies left out."""
    table: dict[int, list[int]] = {}
    for pid in all_pids():
        fields = _stat_fields(pid)
        if len(fields) > 1 and fields[0] != b"Z":
            table.setdefault(int(fields[1]), []).append(pid)
    waiting = [root]
    while waiting:
        found = table.get(waiting.pop(), [])
        waiting += found
        yield from found


class ThreadTimes(NamedTuple):
    """What one thread had of the processors since it began, in nanoseconds."""

    ran_ns: int
    waited_ns: int
    """Ready to run, while others ran."""


def thread_times(root: int) -> dict[int, ThreadTimes]:
    """By thread id, the times of every thread of ``root`` and of the processes below it; empty where nobody counts."""
    found: dict[int, ThreadTimes] = {}
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        for thread in _threads(pid):
            fields = _read(f"/proc/{pid}/task/{thread}/schedstat").split()
            if len(fields) == 3:
                found[thread] = ThreadTimes(int(fields[0]), int(fields[1]))
            waiting += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return found


def _threads(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208
    except OSError:
        return []


def owns_folder(folder: str, run_id: str) -> bool:
    """Whether ``folder`` was made for run ``run_id``: nothing else is ever removed."""
    return _read(f"{folder}/{FOLDER_MARK}").decode("utf-8", "replace").strip() == run_id


def remove_folder(folder: str, run_id: str) -> str:
    """Remove a run's folder and say, in words, what stayed behind (empty: nothing).

    The mark goes last, so that a removal that was cut short is still known as ours.
    """
    if not os.path.lexists(folder):
        return ""
    if not owns_folder(folder, run_id):
        return f"{folder} does not carry the mark of this run, so it is left alone"
    problems: list[str] = []
    try:
        for name in os.listdir(folder):  # noqa: PTH208
            if name != FOLDER_MARK:
                _remove(f"{folder}/{name}", problems)
        if not problems:
            os.unlink(f"{folder}/{FOLDER_MARK}")  # noqa: PTH108
            os.rmdir(folder)  # noqa: PTH106
    except OSError as error:
        problems.append(str(error))
    return "; ".join(problems[:3])


def _remove(path: str, problems: list[str]) -> None:
    if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114
        shutil.rmtree(path, onerror=lambda _call, _path, info: problems.append(str(info[1])))
    else:
        os.unlink(path)  # noqa: PTH108
