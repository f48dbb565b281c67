"""Ports are leased so that campaigns never meet, and a taken one is named with its holder."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.errors import MachineError
from harness.run.stack import ports
from harness.run.stack.ports import Holder, PortLease, PortTakenError, require_free, who_listens


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        yield one


def test_ports_are_free_distinct_and_below_the_ephemeral_range(tmp_path: Path) -> None:
    with PortLease(tmp_path) as lease:
        claimed = [lease.claim() for _ in range(70)]
        for port in claimed:
            require_free(port, "somebody")
    assert len(set(claimed)) == 70
    assert max(claimed) < ports._ephemeral_start()


def test_two_campaigns_never_share_a_block_even_with_one_seed(tmp_path: Path) -> None:
    with PortLease(tmp_path, seed=1) as first, PortLease(tmp_path, seed=1) as second:
        mine, others = ({lease.claim() for _ in range(40)} for lease in (first, second))
        assert mine & others == set()
        taken = min(mine)
    with PortLease(tmp_path, seed=1) as third:
        assert taken in {third.claim() for _ in range(40)}


def test_a_port_in_use_is_passed_over(tmp_path: Path) -> None:
    with PortLease(tmp_path, seed=1) as lease:
        first = lease.claim()
    with socket.socket() as busy, PortLease(tmp_path, seed=1) as lease:
        busy.bind(("127.0.0.1", first))
        assert lease.claim() != first


def test_a_port_is_free_in_both_families_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, str]] = []

    class Trial:
        def __init__(self, family: int) -> None:
            self.family = family

        def __enter__(self) -> Trial:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def bind(self, address: tuple[str, int]) -> None:
            asked.append((self.family, address[0]))
            if self.family == socket.AF_INET6:
                raise OSError(refusals[-1], "no")

    monkeypatch.setattr(ports.socket, "socket", Trial)
    refusals: list[int] = []
    for code, free in ((errno.EADDRINUSE, False), (errno.EADDRNOTAVAIL, True), (errno.EAFNOSUPPORT, True)):
        refusals.append(code)
        assert ports.is_free(7, strict=True) is free
    assert asked[:2] == [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    refusals.append(errno.EINVAL)
    with pytest.raises(OSError, match="no"):
        ports.is_free(7, strict=True)


def test_when_every_block_is_leased_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_blocks", lambda: range(20_000, 20_064, 32))
    with PortLease(tmp_path) as lease, PortLease(tmp_path) as other:
        claimed = [lease.claim() for _ in range(40)]
        assert set(claimed) <= set(range(20_000, 20_064))
        with pytest.raises(MachineError, match="all 64 ports from 20000 on are leased by running campaigns"):
            other.claim()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "ports").write_text("a file")
    with PortLease(tmp_path) as lease, pytest.raises(MachineError, match="cannot lease ports in"):
        lease.claim()


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("32768\t60999", 16_384, 32_736), ("11000 65000", 20_000, 59_968), ("1024 65535", 20_000, 59_968)],
)
def test_blocks_lie_below_the_ephemeral_range_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch, text: str, first: int, last: int
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _path: text)
    blocks = ports._blocks()
    assert (blocks[0], blocks[-1]) == (first, last)


def test_without_proc_the_usual_range_is_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", fail)
    assert ports._ephemeral_start() == 32_768
    assert who_listens(80) is None


def test_a_taken_port_is_an_error_that_names_the_holder(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(PortTakenError) as caught:
        require_free(port, "prometheus")
    assert caught.value.problem.startswith(f"port {port}, which prometheus needs, is taken by process {os.getpid()} (")
    assert "python" in caught.value.problem
    assert caught.value.remedy


def test_a_bound_port_without_listener_has_no_name() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(PortTakenError, match="is taken by a process that does not listen"):
            require_free(bound.getsockname()[1], "x")


def test_holders_we_may_not_look_into_are_still_told(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_descriptors", lambda _pid: set())
    holder = who_listens(listener.getsockname()[1])
    assert holder == Holder(listener.getsockname()[1], 0, "")
    assert str(holder) == "a process of another user"


def test_nobody_listens_on_a_free_port(tmp_path: Path) -> None:
    with PortLease(tmp_path) as lease:
        assert who_listens(lease.claim()) is None


def test_a_privileged_port_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _port: False)
    monkeypatch.setattr(ports, "who_listens", lambda _port: None)
    with pytest.raises(PortTakenError, match="x may not listen on port 80"):
        require_free(80, "x")


def test_an_error_that_is_not_about_the_port_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(socket.socket):
        def bind(self, _address: object) -> None:
            raise OSError(12, "no memory")

    monkeypatch.setattr(ports.socket, "socket", Broken)
    with pytest.raises(OSError, match="no memory"):
        ports.is_free(1)
