"""A command that starts a service: run once to look at the service, and written into a profile without its secrets."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

from harness.core.errors import ConfigError
from harness.sketch.looking import Place, UntrustedError, ask
from harness.sketch.secrets import Doubt, Judged, doubt_of, judge_words

__all__ = ["Starter", "running", "starter_of"]

_READY_S: Final = 30.0
_POLL_S: Final = 0.05
_GRACE_S: Final = 5.0
_UNREADY: Final = 500
"""From this status on a service may only mean that it is not ready yet."""
_ASSIGNED: Final = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_MARK: Final = "LOOKED_AT_BY_HARNESS"
_HOSTS: Final = ("127.0.0.1", "::1")
_BY_REFERENCE: Final = (
    "hand it over in a variable, which the profile names only: --start 'SERVICE_TOKEN=… ./service'; where the service "
    "takes it as an argument alone: --start 'SERVICE_TOKEN=… sh -c \"exec ./service --token $SERVICE_TOKEN\"'"
)
_REMEDY_PORT: Final = "write the port that --metrics names into it, as an argument or as PORT=… in front"


@dataclass(frozen=True, slots=True)
class Starter:
    """How a service starts: its words, its variables, and those of them whose values are secrets."""

    words: tuple[str, ...]
    variables: dict[str, str]
    secrets: frozenset[str]
    """Names of the variables whose values are written nowhere."""
    doubts: tuple[str, ...] = ()
    """Words and variables that are written, though their values may be secrets: how they are told."""

    def written(self, ports: dict[int, str], log: str) -> str:
        """The ``start`` of a profile: ports, and the log, are those of a run."""

        def own(text: str) -> str:
            for number, name in ports.items():
                text = re.sub(rf"(?<!\d){number}(?!\d)", f"{{port.{name}}}", text)
            # the folder that is written before it is that of this run too
            return re.sub(rf"(?:[\w./~-]*/)?{re.escape(log)}", f"{{logs}}/{Path(log).name}", text) if log else text

        command = [own(word) for word in self.words]
        environment = {name: own(value) for name, value in self.variables.items() if name not in self.secrets}
        if not any("{port." in text for text in (*command, *environment.values())):
            raise ConfigError("--start does not say on which port the service listens", remedy=_REMEDY_PORT)
        parts = [f"command: {json.dumps(command)}"]
        if environment:
            parts.append(f"environment: {json.dumps(environment)}")
        if self.secrets:
            parts.append(f"secrets: {json.dumps({name: name for name in sorted(self.secrets)})}")
        return ", ".join(parts)


def starter_of(text: str) -> Starter:
    """Read ``NAME=VALUE … PROGRAM ARGUMENT …``; raises ``ConfigError`` where an argument looks like a secret."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"--start cannot be read: {error}", remedy="close its quotes") from None
    variables: dict[str, str] = {}
    while words and (found := _ASSIGNED.fullmatch(words[0])):
        variables[found[1]] = found[2]
        words.pop(0)
    if not words:
        raise ConfigError("--start names no program", remedy="write it as on a command line: --start './service -p 80'")
    doubts = [judged for judged in judge_words(words[1:]) if not _refused(judged)]
    told = {name: doubt_of(name, value) for name, value in variables.items()}
    doubts += [Judged(f"{name}=…", doubt) for name, doubt in told.items() if doubt is Doubt.PERHAPS]
    secrets = frozenset(name for name, doubt in told.items() if doubt is Doubt.SURE)
    return Starter(tuple(words), variables, secrets, tuple(judged.shown or "an argument" for judged in doubts))


def _refused(judged: Judged) -> bool:
    if judged.doubt is not Doubt.SURE:
        return False
    which = f" ({judged.shown})" if judged.shown else ""
    problem = f"an argument of --start{which} looks like a secret, which init would write down"
    raise ConfigError(problem, remedy=_BY_REFERENCE)


@contextlib.contextmanager
def running(starter: Starter, metrics: Place, others: Sequence[Place] = ()) -> Iterator[dict[str, Path]]:
    """The service while it is looked at, and the files that hold its outputs; it is ended again.

    One that answers already is taken as it is. Of one that starts ``others`` may say for a while that it is not ready.
    Raises ``ConfigError`` for one that does not come to answer.
    """
    if _status(metrics):
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="harness-init-") as folder:
        outputs = {name: Path(folder) / name for name in ("stdout", "stderr")}
        mark = uuid.uuid4().hex
        with outputs["stdout"].open("wb") as out, outputs["stderr"].open("wb") as err:
            process = _start(starter, mark, out, err)
        try:
            _await(process, (metrics, *others), outputs)
            yield outputs
        finally:
            _end(process, mark)


def _start(starter: Starter, mark: str, out: IO[bytes], err: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **starter.variables, _MARK: mark}
    try:
        return subprocess.Popen(
            starter.words,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        problem = f"--start: {starter.words[0]} cannot be run: {error.strerror}"
        raise ConfigError(problem, remedy="name the program as from this folder") from None


def _status(place: Place) -> int:
    """The status that it answers with; 0 for no answer."""
    try:
        return ask(place).status
    except UntrustedError:
        raise
    except ConfigError:
        return 0


def _await(process: subprocess.Popen[bytes], places: Sequence[Place], outputs: dict[str, Path]) -> None:
    """Wait until every place answers as it will; whether that is well is for others to say."""
    until = time.monotonic() + _READY_S
    waiting = list(places)
    while waiting:
        status = _status(waiting[0])
        if 0 < status < _UNREADY:
            waiting.pop(0)
            continue
        if process.poll() is not None:
            raise ConfigError(f"--start ended with exit code {process.returncode}", remedy=_last_words(outputs))
        if time.monotonic() > until:
            if status:
                return
            problem = f"{waiting[0]} does not answer {_READY_S:g} s after --start"
            raise ConfigError(problem, remedy=_why_silent(waiting[0]))
        time.sleep(_POLL_S)


def _why_silent(place: Place) -> str:
    """What to do about a service that runs and does not answer at the place."""
    for host in sorted(_HOSTS, key=lambda each: each != place.host):
        with contextlib.suppress(OSError), socket.create_connection((host, place.port), timeout=1.0):
            if host == place.host:
                return "it takes the connection and says nothing: look why, or name another path (or https)"
            return f"it listens on another address: name it as in {replace(place, host=host)}"
    return _REMEDY_PORT


def _last_words(outputs: dict[str, Path]) -> str:
    for name in ("stderr", "stdout"):
        said = outputs[name].read_text("utf-8", "replace").strip().splitlines()[-1:]
        if said:
            return f"it said: {said[0][:200]}"
    return "it said nothing: try it by hand"


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """End it with all that it started, in sessions of their own too."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S if number is signal.SIGTERM else None)
    for pid in _marked(mark):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _marked(mark: str) -> Iterator[int]:
    """Processes that were started with the mark, however indirectly; none where there is no /proc."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{_MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
