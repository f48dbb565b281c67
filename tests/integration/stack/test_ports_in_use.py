"""A component whose port is taken ends in an error with the name of the holder, before it starts or when it dies."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import pytest

from harness.run.stack.ports import PortTakenError
from harness.run.stack.supervisor import Supervisor
from harness.run.stack.surface import ProcessSpec
from harness.run.stack.wait import eventually

Spec = Callable[..., ProcessSpec]
LISTEN = """
import signal, socket
one = socket.create_server(("127.0.0.1", {port}))
print("listening", flush=True)
signal.pause()
"""


def test_a_taken_port_is_named_before_the_start(supervisor: Supervisor, python_spec: Spec) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(PortTakenError, match=rf"port {port}, which one needs, is taken by process {os.getpid()} "):
            supervisor.start(python_spec("one", LISTEN.format(port=port), ports=(port,)))
    process = supervisor.start(python_spec("one", LISTEN.format(port=port), ports=(port,)))
    eventually(lambda: process.tail(1) == "listening", what="its port", within_s=5, alive=[process])
    with pytest.raises(PortTakenError, match=rf"is taken by process {process.pid} "):
        supervisor.start(python_spec("two", "pass", ports=(port,)))
    process.restart()
    assert process.alive


def test_a_port_taken_after_the_check_is_named_with_the_death(supervisor: Supervisor, python_spec: Spec) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        process = supervisor.start(python_spec("one", LISTEN.format(port=port)))
        holder.listen()
        assert process.wait(5)
        process.spec = python_spec("one", "", ports=(port,))
        death = process.describe_death()
    assert f"port {port}, which it needs, is held by process {os.getpid()} (" in death
    assert "Address already in use" in death
