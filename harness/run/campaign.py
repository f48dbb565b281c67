"""The campaign process: ``python -m harness.run.campaign REQUEST``. Plans, starts, drives, judges, reports.

Its standard input is the front's hand on it: when that closes, the campaign is cancelled and ends in
good order. Everything it has to say goes into the bundle, the last event included.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from harness.clauses.alert_places import alert_gaps
from harness.clauses.compiled import compile_campaign
from harness.clauses.conclusion import conclude, conclude_search, planned
from harness.clauses.model import Clause
from harness.clauses.production import read_production
from harness.clauses.unscaled import unscaled_notes
from harness.contract import Campaign, load_campaign
from harness.core.cores import cores
from harness.core.errors import ConfigError, HarnessError
from harness.core.events import CampaignEnded, CampaignFailed, CampaignStarted
from harness.core.garbage import collect_rarely
from harness.core.hangups import hangups
from harness.request import CampaignRequest
from harness.run.accepting import refuse_unaccepted
from harness.run.accounting import account, plan_campaign
from harness.run.again import once_more, slower
from harness.run.backend import Backend, choose_backend
from harness.run.context import Context
from harness.run.ground import Ground, prepare
from harness.run.inputs import copy_inputs
from harness.run.pace import Pace, choose_pace, shortest_interval_s
from harness.run.packing import Room, Weighed
from harness.run.recorder import Recorder
from harness.run.restarts import TooFastError
from harness.run.selection import Selection, select, standing, with_telemetry
from harness.run.sinks.loop import SinkLoop
from harness.run.space import disk_full
from harness.run.spending import MemoryWatch, own_cpu_s
from harness.run.stack.ports import PortLease
from harness.run.stack.supervisor import Supervisor
from harness.run.stage import play
from harness.run.standing import tidy

__all__ = ["main", "run_campaign"]

_EXIT_ERROR = 2
_FILL = 0.66
"""The share of the cores that stories may occupy by plan: starts, shared parts and the unplanned need the rest.

Measured on two cores, two campaigns of 22 stories each: at 0.8 two stories were unfit each time, at 0.68 none.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the request named on the command line; the exit code is that of ``harness gate``."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if len(arguments) != 1:
        print("usage: python -m harness.run.campaign REQUEST", file=sys.stderr)  # noqa: T201 (no front is there)
        return _EXIT_ERROR
    collect_rarely()
    cancel = threading.Event()
    for number in (signal.SIGTERM, *hangups()):
        signal.signal(number, lambda *_: cancel.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, _interrupt)
    request = CampaignRequest.read(Path(arguments[0]))
    threading.Thread(target=_watch_stdin, args=(cancel,), name="front", daemon=True).start()
    front = os.getppid()
    code = run_campaign(request, cancel)
    tidy(request, front)
    return code


def _watch_stdin(cancel: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    cancel.set()
    os.kill(os.getpid(), signal.SIGUSR1)


_interruptible = threading.Event()
"""Set while the main thread is in a call that does not look at the cancellation: provisioning."""


def _interrupt(_number: int, _frame: object) -> None:
    if _interruptible.is_set():
        raise KeyboardInterrupt


def run_campaign(request: CampaignRequest, cancel: threading.Event) -> int:
    """Prove the selected clauses; every outcome, errors included, is an event in the bundle."""
    bundle = Path(request.bundle)
    began = time.time()
    with Recorder(bundle, ()) as recorder:
        try:
            backend = choose_backend(request)
            if backend.name == "attach":
                from harness.run.attach.campaign import AttachedCampaign  # readers that no other backend has

                return AttachedCampaign(request, recorder, cancel, began, backend).run()
            return _Campaign(request, recorder, cancel, began, backend).run()
        except Exception as error:
            refused = isinstance(error, ConfigError) and not recorder.has_told
            recorder.say(CampaignFailed(time.time(), _told(error), refused))
    return _EXIT_ERROR


def _told(error: Exception) -> str:
    known = error if isinstance(error, HarnessError) else disk_full(error)
    return str(known) if known else f"a defect of the harness:\n{''.join(traceback.format_exception(error))}"


class _Campaign:
    def __init__(
        self, request: CampaignRequest, recorder: Recorder, cancel: threading.Event, began: float, backend: Backend
    ) -> None:
        self.request, self.recorder, self.cancel, self.began, self.backend = request, recorder, cancel, began, backend
        loaded = load_campaign([Path(path) for path in request.paths], [Path(path) for path in request.also])
        self.production = read_production(loaded)
        self.pace = self._measured_pace(loaded)
        asked = None if request.speed == "auto" else request.speed
        measured = self.pace.speed if self.pace else None
        self.campaign: Campaign = replace(loaded, speed_override=asked, speed_measured=measured)
        self.clauses: tuple[Clause, ...] = compile_campaign(self.campaign)
        self.selection: Selection = self._selected()
        if request.search:
            self.selection = with_telemetry(self.selection)
        self.played_again: tuple[str, ...] = ()

    def _selected(self) -> Selection:
        if self.request.up:
            return standing(self.campaign, self.clauses, self.campaign.also[0].stem)
        return select(self.campaign, self.clauses, self.request.clauses)

    def _measured_pace(self, loaded: Campaign) -> Pace | None:
        if self.request.speed != "auto" and (self.request.speed or loaded.spec.speed != "auto"):
            return None
        return choose_pace(shortest_interval_s(self.production), cores())

    def run(self) -> int:
        recorder, campaign = self.recorder, self.campaign
        cells = tuple(cell.name for cell in self.selection.cells)
        recorder.evidence.planned = cells
        paths = copy_inputs(campaign, recorder.bundle)
        self._manifest(paths, ended_t=None)
        recorder.say(
            CampaignStarted(
                self.began,
                campaign.name,
                str(recorder.bundle),
                campaign.speed,
                self.backend.name,
                cells,
                () if self.request.search else planned(self.selection.clauses),
                because=self.backend.reason,
            )
        )
        for gap in (*alert_gaps(campaign, self.clauses), *unscaled_notes(campaign, self.production)):
            recorder.note(gap)
        if self.pace:
            recorder.note(str(self.pace))
        if not self.selection.clauses and not self.request.up:
            raise HarnessError("no clause is selected", remedy="give the scenarios something to expect")
        ground = self._provision()
        if ground and not self.cancel.is_set():
            for unchecked in refuse_unaccepted(campaign, ground.tools):
                recorder.note(unchecked, warning=True)
            too_fast = self._play(ground, self.campaign, self.selection, self.campaign.side_by_side)
            self._play_again(ground, too_fast)
        return self._judge(paths)

    def _provision(self) -> Ground | None:
        _interruptible.set()
        try:
            if self.cancel.is_set():
                return None
            return prepare(self.backend.name, self.selection.parts, self.campaign, self.recorder.note)
        except KeyboardInterrupt:
            return None
        finally:
            _interruptible.clear()

    def _play_again(self, ground: Ground, too_fast: Mapping[str, TooFastError]) -> None:
        """Cells that were unfit or too fast, once more: slower, and at most half of them side by side."""
        if self.cancel.is_set() or self.request.search:
            return
        planned = self.selection.cells
        told = once_more(self.campaign, planned, self.recorder.evidence, too_fast)
        if not told:
            return
        for name, why in told.items():
            self.recorder.note(f"{name} {why}", warning=True)
        self.played_again = tuple(told)
        self.recorder.begin_again(self.played_again)
        cells = tuple(cell for cell in planned if cell.name in told)
        size = max(1, min(len(planned), self.campaign.side_by_side) // 2)
        self._play(ground, slower(self.campaign, cells, too_fast), replace(self.selection, cells=cells), size)

    def _play(
        self, ground: Ground, campaign: Campaign, selection: Selection, side_by_side: int
    ) -> Mapping[str, TooFastError]:
        """Play the stories of ``selection``; those that the answer names were too fast for a restart."""
        folder, relay = _run_folder(), _Relay()
        before = own_cpu_s() if self.played_again else (0.0, own_cpu_s()[1])
        with (
            PortLease() as ports,
            SinkLoop() as sinks,
            Supervisor(folder, relay) as supervisor,
            _scratch_below(folder),
            ground.parts(supervisor, relay, folder, self.recorder.note) as parts,
        ):
            context = Context(
                campaign=campaign,
                production=self.production,
                selection=selection,
                request=self.request,
                parts=parts,
                supervisor=supervisor,
                recorder=self.recorder,
                ports=ports,
                sinks=sinks,
                folder=folder,
                cancel=self.cancel,
            )
            planned = plan_campaign(context, cores())
            self.recorder.say(planned)
            with MemoryWatch(parts.pids) as memory:
                weighed = [
                    Weighed(story.cell, story.length_s, story.cpu_s / story.length_s) for story in planned.stories
                ]
                play(context, relay.listen, weighed, lambda: self._room(side_by_side))
        account(context, planned, before, memory.peak_bytes, attempt=2 if self.played_again else 1)
        return context.too_fast

    def _room(self, side_by_side: int) -> Room:
        """What there is now: processors can be taken away while a campaign plays."""
        there = cores()
        free = min(self.pace.free_cores, there) if self.pace else there
        return Room(side_by_side, starting=1 + there, cores=_FILL * free)

    def _judge(self, paths: Sequence[str]) -> int:
        recorder, ended = self.recorder, time.time()
        clauses = self.selection.clauses
        if self.request.search:
            conclusion = conclude_search(self.campaign, clauses, recorder.evidence)
        else:
            conclusion = conclude(self.campaign, clauses, recorder.evidence, ended, self.played_again)
        for event in conclusion.events():
            recorder.say(event)
        self._manifest(paths, ended_t=ended)
        bundle, counts, code = str(recorder.bundle), conclusion.counts, conclusion.exit_code
        recorder.say(CampaignEnded(ended, ended - self.began, counts, code, bundle, self.cancel.is_set()))
        return code

    def _manifest(self, paths: Sequence[str], ended_t: float | None) -> None:
        self.recorder.write_manifest(
            file=self.campaign.shown(self.campaign.file),
            paths=list(paths),
            cells=[cell.name for cell in self.selection.cells],
            clauses=[clause.id for clause in self.selection.clauses],
            campaign=self.campaign.name,
            speed=self.campaign.speed,
            speed_override=self.campaign.speed_override,
            speed_measured=self.campaign.speed_measured,
            backend=self.backend.name,
            started_t=self.began,
            ended_t=ended_t,
            played_again=list(self.played_again),
            seed=self.request.seed,
            also=[path.name for path in self.campaign.also],
            search=self.request.search,
        )


def _run_folder() -> Path:
    """A name alone: the folder is made together with its record, so that not even SIGKILL can leave it behind."""
    chosen = Path(os.environ.get("TMPDIR") or tempfile.gettempdir())  # even if full: another is not what was asked
    return chosen.absolute() / f"harness-{secrets.token_hex(6)}"


@contextmanager
def _scratch_below(folder: Path) -> Iterator[None]:
    """While entered, whatever components leave in their temporary folder goes with the run's folder."""
    before = os.environ.get("TMPDIR")
    scratch = folder / "tmp"
    scratch.mkdir()
    os.environ["TMPDIR"] = str(scratch)
    try:
        yield
    finally:
        del os.environ["TMPDIR"]
        os.environ.update({"TMPDIR": before} if before is not None else {})


class _Relay:
    """Hands process events to whoever listens by now; those before are kept until then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listener: object = None
        self._kept: list[object] = []

    def __call__(self, event: object) -> None:
        with self._lock:
            if self._listener is None:
                self._kept.append(event)
                return
            listener = self._listener
        assert callable(listener)
        listener(event)

    def listen(self, listener: object) -> None:
        assert callable(listener)
        with self._lock:
            self._listener, kept = listener, self._kept
        for event in kept:
            listener(event)


if __name__ == "__main__":
    sys.exit(main())
