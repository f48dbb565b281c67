"""The verbs ``harness provision`` and ``harness doctor``."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from harness.core.errors import HarnessError
from harness.provision.doctor import doctor
from harness.provision.ensuring import ensure, print_progress
from harness.provision.planning import cache_key, plan
from harness.provision.pruning import prune
from harness.provision.sets import NATIVE
from harness.provision.settings import Settings

__all__ = ["doctor_command", "provision_command"]

_OK = 0
_ERROR = 2
_INTERRUPTED = 130
_WRONG = frozenset({"missing", "broken"})


def provision_command(argv: Sequence[str]) -> int:
    """``harness provision [--plan | --cache-key | --prune] [NAME ...]``; 0, 2 for an error, 130 if interrupted."""
    options = _provision_parser().parse_args(list(argv))
    names = options.names or list(NATIVE.by_name)
    try:
        return _provision(names, options)
    except HarnessError as error:
        _complain(str(error))
        return _ERROR
    except KeyboardInterrupt:
        _complain("interrupted; what was finished is kept, so the next run resumes")
        return _INTERRUPTED


def doctor_command(argv: Sequence[str]) -> int:
    """``harness doctor``: prints what is there; returns 0, or 2 when a component is missing or broken."""
    description = "Say what is there, which version, from where, and how to mend what is missing."
    argparse.ArgumentParser(prog="harness doctor", description=description).parse_args(list(argv))
    try:
        lines = doctor()
    except HarnessError as error:
        _complain(str(error))
        return _ERROR
    _print(*map(str, lines))
    return _ERROR if any(line.state in _WRONG for line in lines) else _OK


def _provision_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="harness provision", description="Have the real components ready: found, downloaded or built once."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NATIVE.by_name)} (default: all)")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--plan", action="store_true", help="print what would be fetched or built, and stop")
    only.add_argument("--cache-key", action="store_true", help="print a key for the cache of a CI system, and stop")
    only.add_argument("--prune", action="store_true", help="remove what no recipe names and no process uses, and stop")
    return parser


def _provision(names: Sequence[str], options: argparse.Namespace) -> int:
    if options.cache_key:
        _print(cache_key(names))
    elif options.plan:
        _print(*map(str, plan(names)))
    elif options.prune:
        _print(*map(str, prune(Settings.from_environment(), print_progress)))
    else:
        previous = signal.signal(signal.SIGTERM, _interrupt)
        try:
            tools = ensure(names)
        finally:
            signal.signal(signal.SIGTERM, previous)
        _print(*(f"{tool.name} {tool.version}: {tool.executable} ({tool.source})" for tool in tools.values()))
    return _OK


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _complain(line: str) -> None:
    sys.stderr.write(f"harness: {line}\n")
