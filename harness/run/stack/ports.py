"""Loopback ports that nobody else takes between their choice and their use.

A port is chosen below the kernel's ephemeral range, so that neither an outgoing connection nor a ``bind`` to port 0 of
any program can be given it, from a block of ports that this campaign has leased with a file lock, so that no other
campaign chooses it, and only after a trial ``bind``, so that no running program holds it. The lease lasts as long as
the campaign: a component can be restarted on its port. What is left is a foreign program that asks for that very
number in between; ``require_free`` and ``who_listens`` turn that into an error with the name of the holder.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import random
import socket
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.core.errors import MachineError
from harness.run.stack import procfs
from harness.run.stack.registry import state_folder

__all__ = ["Holder", "PortLease", "PortTakenError", "require_free", "who_listens"]

_BLOCK = 32
_LOWEST, _SPAN = 10_000, 16_384
_LISTENING = "0A"
_LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


class PortTakenError(MachineError):
    """A port that a component needs is held by another program."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who listens on a port; ``pid`` is 0 where the kernel does not let us see it (another user's process)."""

    port: int
    pid: int
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command})" if self.pid else "a process of another user"


class PortLease:
    """Ports for one campaign; a context manager that gives them back at its end."""

    def __init__(self, state: Path | None = None, *, seed: int | None = None) -> None:
        self._folder = (state or state_folder()) / "ports"
        self._random = random.Random(seed)  # noqa: S311 (spreads campaigns over the range, protects nothing)
        self._locks: list[int] = []
        self._free: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def claim(self) -> int:
        """A port of loopback that is free now and that no other campaign will be given."""
        while True:
            while self._free:
                port = self._free.pop()
                if is_free(port, strict=True):
                    return port
            self._lease_block()

    def close(self) -> None:
        """Give every port back."""
        while self._locks:
            os.close(self._locks.pop())

    def _lease_block(self) -> None:
        blocks = list(_blocks())
        self._random.shuffle(blocks)
        for first in blocks:
            if self._lock(first):
                self._free = list(range(first, first + _BLOCK))[::-1]
                return
        raise MachineError(
            f"all {len(blocks) * _BLOCK} ports from {min(blocks)} on are leased by running campaigns",
            remedy="end some of them, or narrow net.ipv4.ip_local_port_range",
        )

    def _lock(self, first: int) -> bool:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            fd = os.open(self._folder / f"{first}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise MachineError(
                f"cannot lease ports in {self._folder}: {error.strerror}", remedy="set HARNESS_STATE to another folder"
            ) from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._locks.append(fd)
        return True


def _blocks() -> range:
    """First port of every block: just below the ephemeral range, or above 20000 where that begins too low."""
    top = _ephemeral_start()
    low = max(_LOWEST, top - _SPAN)
    if top - low < 32 * _BLOCK:
        low, top = 20_000, 60_000
    return range(low, top - _BLOCK + 1, _BLOCK)


def _ephemeral_start() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return 32_768


def is_free(port: int, *, strict: bool = False) -> bool:
    """Whether ``port`` can be bound on loopback; ``strict`` also refuses one with connections that linger.

    It has to be free in both families, as far as this machine has them: a subject may listen in either.
    """
    return all(_binds(family, host, port, strict=strict) for family, host in _LOOPBACK.items())


def _binds(family: socket.AddressFamily, host: str, port: int, *, strict: bool) -> bool:
    try:
        with socket.socket(family) as trial:
            if not strict:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            return False
        if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):  # a machine without IPv6
            raise
    return True


def require_free(port: int, wanted_by: str) -> None:
    """Raise ``PortTakenError``, naming the holder, unless ``wanted_by`` could listen on ``port`` now."""
    if is_free(port):
        return
    if port < 1024 and not (holder := who_listens(port)):
        raise PortTakenError(f"{wanted_by} may not listen on port {port}", remedy="choose a port above 1023")
    holder = who_listens(port)
    raise PortTakenError(
        f"port {port}, which {wanted_by} needs, is taken by {holder or 'a process that does not listen'}",
        remedy="end that process, or give the component another port",
    )


def who_listens(port: int) -> Holder | None:
    """Who listens on ``port`` of this machine; None if nobody does, or where there is no ``/proc``."""
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for pid in procfs.all_pids():
        if wanted & _descriptors(pid):
            return Holder(port, pid, procfs.command_line(pid))
    return Holder(port, 0, "")


def _listening_inodes(port: int) -> set[str]:
    found: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found


def _descriptors(pid: int) -> set[str]:
    links: set[str] = set()
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                links.add(str(entry.readlink()))
    return links
