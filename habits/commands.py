"""Running commands, each printed first as a person would type it in the root of the repository."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["ROOT", "become", "run", "say", "show", "tool"]

ROOT = Path(__file__).resolve().parent.parent


def say(text: str) -> None:
    """Tell a person what goes on."""
    print(f"bootstrap: {text}", flush=True)


def show(command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
    """Print ``command`` in a form that can be pasted."""
    settings = [f"{name}={shlex.quote(value)}" for name, value in (env or {}).items()]
    print("$", *settings, shlex.join(command), flush=True)


def tool(name: str) -> str:
    """A program of the environment, as seen from the root."""
    return f".venv/bin/{name}"


def become(*command: str) -> int:
    """Replace this process by ``command``: its exit code and its signals are the verb's own."""
    show(command)
    os.chdir(ROOT)
    os.execv(command[0], command)


def run(*command: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> int:
    """Run ``command`` to its end and return its exit code; what ends this process ends it first."""
    show(command, env)
    child = subprocess.Popen(command, cwd=cwd, env={**os.environ, **(env or {})})
    try:
        return child.wait()
    except KeyboardInterrupt:  # the terminal has told the child too: let it finish its own clean-up
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=10)
        raise
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()
