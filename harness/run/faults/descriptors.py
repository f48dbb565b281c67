"""A process that has no file descriptors left: its limit is lowered, and given back as it was."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator

from harness.core.errors import HarnessError
from harness.run.stack.procfs import descendants
from harness.run.stack.wait import NotYet

__all__ = ["DescriptorFault"]


class DescriptorFault:
    """The processes of an instance may have ``most`` files and connections open.

    ``root`` answers the pid of the instance. It is confirmed once one of its processes holds as many as it may: from
    then on it can open nothing. The limit is the soft one, so that nothing needs privileges. Linux alone knows how.
    """

    def __init__(self, name: str, root: Callable[[], int | None], most: int, *, within_s: float = 5.0) -> None:
        self.name, self.within_s = name, within_s
        self._root, self._most = root, most
        self._before: dict[int, tuple[int, int]] = {}

    def inject(self) -> str:
        """Lower the limit of every process."""
        if not hasattr(resource, "prlimit"):
            raise HarnessError("the limits of another process can be changed on Linux alone")
        for pid in self._pids():
            soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            self._before[pid] = (soft, hard)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (self._most, hard))
        if not self._before:
            raise HarnessError("the instance has no process of ours")
        return f"at most {self._most} descriptors for {', '.join(map(str, self._before))}"

    def confirm(self) -> str:
        """One of them holds all that it may."""
        held = {pid: _held(pid) for pid in self._before}
        pid = max(held, key=lambda each: held[each])
        if held[pid] < self._most:
            raise NotYet(f"pid {pid} holds {held[pid]} of {self._most} descriptors")
        return f"pid {pid} holds {held[pid]} of {self._most} descriptors"

    def heal(self) -> str:
        """Give back the limits that were there; a process that has ended meanwhile needs none."""
        for pid, limits in self._before.items():
            try:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
            except ProcessLookupError:
                continue
        return "the limits are as they were"

    def confirm_healed(self) -> str:
        """The kernel's word on the limits of those that live."""
        for pid, limits in self._before.items():
            try:
                now = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            except ProcessLookupError:
                continue
            if now != limits:
                raise NotYet(f"pid {pid} may have {now[0]} descriptors")
        return "the limits are as they were"

    def _pids(self) -> Iterator[int]:
        root = self._root()
        if root is not None:
            yield root
            yield from descendants(root)


def _held(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
    except OSError:
        return 0
