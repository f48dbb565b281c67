"""``harness gate`` from the outside, in a home of its own, so that whatever it leaves behind can be counted."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from harness.clauses.compiled import compile_campaign
from harness.contract import load_campaign
from harness.run.stack import procfs
from harness.run.stack.wait import NotYet, eventually

__all__ = ["PIPELINE", "ROOT", "SITUATION_S", "Ended", "Gate", "Home", "Story"]

ROOT = Path(__file__).parents[3]
TINY = ROOT / "fixtures" / "tiny"
SITUATION_S = 10.0
"""Wall seconds that a gate has to end in good order after whatever happened to it."""
_STORY_S = 60.0
PIPELINE = "  filebeat: production/filebeat.yml\n  index_template: production/index-template.json\n"
_FAIR_LOAD = 2.0
"""Runnable processes for each processor up to which the seconds above are meant as they stand."""
Event = dict[str, Any]


@dataclass(frozen=True)
class Ended:
    """How a gate ended: its exit code, what it said, and the verdict and words of every clause."""

    code: int
    out: str
    err: str
    bundle: Path | None
    events: tuple[Event, ...]

    @property
    def verdicts(self) -> dict[str, str]:
        return {event["clause"]: event["verdict"] for event in self.events if event["event"] == "clause_judged"}

    def words(self, clause: str) -> str:
        """Message and details of one clause."""
        event = next(e for e in self.events if e["event"] == "clause_judged" and e["clause"] == clause)
        return "\n".join([event["message"], *event["details"]])

    def of(self, verdict: str) -> set[str]:
        return {clause for clause, found in self.verdicts.items() if found == verdict}

    def lines(self, name: str) -> list[bytes]:
        """Lines of one file of its bundle."""
        assert self.bundle is not None
        return (self.bundle / name).read_bytes().splitlines()

    @property
    def ports(self) -> set[int]:
        urls = [event["url"] for event in self.events if event["event"] == "component_ready" and event["url"]]
        return {int(url.rpartition(":")[2]) for url in urls}


@dataclass
class Home:
    """Folders that one gate, or several at once, write to, and everything that was found to be left."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    measured: bool = True
    """Whether coverage follows its processes, which then take half as long again."""

    def __post_init__(self) -> None:
        for folder in (self.tmp, self.state, self.bundles):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def bundles(self) -> Path:
        return self.root / "bundles"

    def environment(self) -> dict[str, str]:
        """That of this process, with a place of its own for everything that a gate leaves while it runs."""
        own = {"TMPDIR": str(self.tmp), "HARNESS_STATE": str(self.state), "PYTHONPATH": str(ROOT)}
        inherited = {name: value for name, value in os.environ.items() if self.measured or "COVERAGE_" not in name}
        return {**inherited, **own, **self.env}

    def start(self, *arguments: object, bundles: Path | None = None) -> Gate:
        """Start ``harness gate``; its evidence goes below ``bundles``."""
        place = bundles or self.bundles
        return Gate(self, ("harness.cli", "gate", *map(str, arguments), "--bundle-dir", str(place)), place)

    def pytest(self, *arguments: object) -> Gate:
        """Start pytest with nothing but our plugin."""
        own = ("-p", "harness.pytest_plugin", "-p", "no:cacheprovider", "--harness-bundle-dir", str(self.bundles))
        self.env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        return Gate(self, ("pytest", *own, *map(str, arguments)), self.bundles)

    def run(self, *arguments: object) -> Ended:
        """Run another verb of ``harness`` to its end."""
        with Gate(self, ("harness.cli", *map(str, arguments)), self.bundles) as gate:
            return gate.end()

    def gate(self, *arguments: object, bundles: Path | None = None, within_s: float = _STORY_S) -> Ended:
        """Run ``harness gate`` to its end."""
        with self.start(*arguments, bundles=bundles) as gate:
            return gate.end(within_s)

    def processes(self) -> dict[int, str]:
        """Living processes that know of this home, by their environment or their command line."""
        needle, found = str(self.root).encode(), {}
        for pid in procfs.all_pids():
            if pid == os.getpid() or procfs.start_ticks(pid) is None:
                continue
            if any(needle in _read(Path(f"/proc/{pid}/{name}")) for name in ("environ", "cmdline")):
                found[pid] = procfs.command_line(pid)
        return found

    def end_all(self) -> None:
        """Whatever went wrong in a test, nothing of it goes on."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def left(self, ports: Sequence[int] = ()) -> list[str]:
        """Everything that must not be there once all gates of this home have ended."""
        found = [f"process {pid}: {command}" for pid, command in self.processes().items()]
        found += [str(path) for path in self.tmp.iterdir()] if self.tmp.exists() else []
        found += [str(path) for path in self.state.glob("run-*")]
        return found + [f"port {port}" for port in ports if _listens(port)]

    def assert_clean(self, ports: Sequence[int] = (), within_s: float = SITUATION_S) -> None:
        within_s *= _crowding()
        eventually(lambda: not (found := self.left(ports)) or _say(found), what="nothing to be left", within_s=within_s)


class Gate:
    """One running front, in a session of its own as a terminal would give it."""

    def __init__(self, home: Home, module: Sequence[str], bundles: Path) -> None:
        self.home, self._bundles = home, bundles
        self._before = self._found()
        number = len(list(home.root.glob("out-*")))
        self._out, self._err = home.root / f"out-{number}", home.root / f"err-{number}"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *module],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=home.root,
                env=home.environment(),
                start_new_session=True,
                preexec_fn=_heed_ctrl_c,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if failed:
            self.home.end_all()

    def _found(self) -> set[Path]:
        return {path for path in self._bundles.iterdir() if path.is_dir()} if self._bundles.exists() else set()

    @property
    def bundle(self) -> Path | None:
        """The folder of its evidence, once there is one."""
        return next(iter(self._found() - self._before), None)

    def events(self) -> tuple[Event, ...]:
        lines = _read(self.bundle / "events.ndjson") if self.bundle else b""
        return tuple(json.loads(line) for line in lines.splitlines(keepends=True) if line.endswith(b"\n"))

    def until(self, happens: Callable[[Gate], object]) -> None:
        """Wait for a moment of the gate; its end before that fails the test, with what it said."""

        def happened() -> bool:
            if happens(self):
                return True
            if self.process.poll() is not None:
                pytest.fail(f"it ended with {self.process.returncode} before:\n{self.said()}", pytrace=False)
            return False

        eventually(happened, what="a moment of the gate", within_s=_STORY_S * _crowding(), every_s=0.01)

    def until_event(self, kind: str, **fields: object) -> None:
        """Wait until it told an event with these fields."""

        def told(gate: Gate) -> bool:
            return any(
                event["event"] == kind and all(event[name] == value for name, value in fields.items())
                for event in gate.events()
            )

        self.until(told)

    def pid_of(self, id: str) -> int:
        """Pid of a part by its id (``failing/prometheus``), or of the ``campaign`` or ``warden``, from the record."""
        lines = [line for path in self.home.state.glob("run-*") for line in path.read_bytes().splitlines()]
        return int(next(entry["pid"] for entry in map(json.loads, lines) if entry["id"] == id))

    def kill(self, id: str) -> None:
        os.kill(self.pid_of(id), signal.SIGKILL)

    def interrupt(self) -> None:
        """Ctrl-C: the terminal sends it to the whole group of the front."""
        os.killpg(self.process.pid, signal.SIGINT)

    def said(self) -> str:
        return _read(self._out).decode() + _read(self._err).decode()

    def end(self, within_s: float = SITUATION_S) -> Ended:
        """Wait for its end."""
        within_s *= _crowding()
        try:
            code = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"it did not end within {within_s:g} s; so far:\n{self.said()}", pytrace=False)
        return Ended(code, _read(self._out).decode(), _read(self._err).decode(), self.bundle, self.events())


class Story:
    """A copy of the tiny subject, its contract, profile, story and production files, to be changed by a test."""

    def __init__(self, folder: Path, source: Path = TINY) -> None:
        self.folder = folder
        shutil.copytree(source, folder)
        # whether a loaded machine keeps the schedule of a few dozen requests is not what is asked here
        with self.path("contract.yaml").open("a", encoding="utf-8") as contract:
            contract.write("\nbudgets: {lateness_p99: 2s wall}\n")

    def path(self, name: str) -> Path:
        return self.folder / name

    def clauses(self) -> set[str]:
        """Ids of all clauses that its files make."""
        return {clause.id for clause in compile_campaign(load_campaign([self.folder]))}

    def replace(self, name: str, *changes: tuple[str, str]) -> Self:
        """Change each text, which must be there exactly once, in one file."""
        text = self.path(name).read_text(encoding="utf-8")
        for before, after in changes:
            assert text.count(before) == 1, f"{before!r} stands {text.count(before)} times in {name}"
            text = text.replace(before, after)
        self.path(name).write_text(text, encoding="utf-8")
        return self

    def make_lasting(self) -> Self:
        """After the page the fault stays for half a minute of wall time."""
        load = "load: {rate: 0.5/s, mix: {work: 1}}"
        lasting = f"  - {{name: lasting, lasts: 30m, fault: {{failures: 100%}}, {load}}}\n"
        recovery = "  - {name: recovery, until: all resolved,"
        return self.replace("failing.yaml", (recovery, lasting + recovery))

    def without_pipeline(self) -> Self:
        """Its logs are read where they are written: neither Filebeat nor Elasticsearch, half of a gate's work, starts.

        Three promises are not made then: that lines arrive, in time, and keep their time.
        """
        return self.replace("contract.yaml", (PIPELINE, ""))

    def write(self, name: str, text: str) -> Self:
        self.path(name).write_text(text, encoding="utf-8")
        return self


def _heed_ctrl_c() -> None:
    """A shell that starts these tests in the background makes everything below them deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _crowding() -> float:
    """By how much longer everything takes on this machine now, because more wants to run than fairly fits."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1) / _FAIR_LOAD)


def _say(found: Sequence[str]) -> bool:
    raise NotYet("; ".join(found))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _listens(port: int) -> bool:
    with socket.socket() as dialling:
        dialling.settimeout(0.5)
        return dialling.connect_ex(("127.0.0.1", port)) == 0
