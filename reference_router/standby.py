"""A warm process that forks an instance for every order on its standard input: ``--standby``.

An order is one JSON line: ``instance`` (a name that comes back), ``arguments`` (a command line of this program),
``environment`` (added), ``stdout`` and ``stderr`` (files). Each instance tells its name and pid in one line on the
standard output of this process, and is nobody's child afterwards: whoever adopts orphans learns how it ends.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from reference_router.launcher import say, warm

__all__ = ["stand_by"]

Main = Callable[[list[str]], int]


def stand_by(main: Main) -> int:
    """Fork for every line until standard input ends; ``main`` is what an instance runs."""
    warm(("simulated",), admin=True)
    for line in sys.stdin.buffer:
        _fork(orjson.loads(line), main)
    return 0


def _fork(order: Mapping[str, Any], main: Main) -> None:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    between = os.getpid()
    if os.fork():
        os._exit(0)
    code = 1
    try:
        _part_from(between)
        say(event="started", instance=order["instance"], pid=os.getpid())
        code = _run(order, main)
    finally:
        sys.stderr.flush()
        os._exit(code)


def _part_from(parent: int) -> None:
    """Wait for another parent, so that whoever is told of us finds us adopted."""
    os.setsid()
    while os.getppid() == parent:
        time.sleep(0.0005)


def _run(order: Mapping[str, Any], main: Main) -> int:
    os.environ.update(order["environment"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
    arguments: Sequence[str] = order["arguments"]
    try:
        return main(list(arguments))
    except SystemExit as end:  # argparse, on what it cannot read
        return end.code if isinstance(end.code, int) else 1
