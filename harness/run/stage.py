"""Play all stories on one stack: shared parts beside the first cells, each cell when there is room, each for itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from harness.core.events import ComponentEnded
from harness.evidence.records import CAMPAIGN, CellFinished, ComponentState
from harness.run.building import build_subject
from harness.run.cell import Cell
from harness.run.conductor import Conductor
from harness.run.context import BUILD_ID, Context
from harness.run.packing import Room, Weighed, longest_first, next_to_start
from harness.run.restarts import TooFastError, require_restartable
from harness.run.shared import SharedParts
from harness.run.stack.surface import Exited, WardenLost
from harness.run.stack.wait import CancelledError, ComponentDiedError, WaitTimeoutError
from harness.run.standing import stand

__all__ = ["play"]

_TAIL = 12
_KEPT_LINES = 400
_LOOK_S = 0.2
"""How soon a cancelled run is noticed, or that there are other processors than before."""
_COMING_UP_CORES = 0.75
"""What the start of the shared parts occupies: stories that began beside it were late and unfit."""
Listen = Callable[[Callable[[object], None]], None]


def play(context: Context, listen: Listen, weighed: Sequence[Weighed], room: Callable[[], Room]) -> None:
    """Run every selected story, at most as many at once as there is ``room`` for when one could begin.

    A cell that could not start, or lost a part, is cut short and recorded as such; the others go on.
    """
    stage = _Stage(context, weighed)
    listen(stage.on_event)
    try:
        stage.prepare()
        stage.perform(room)
    except CancelledError:
        stage.cut_all("cancelled")
    finally:
        stage.close()


class _Stage:
    def __init__(self, context: Context, weighed: Sequence[Weighed]) -> None:
        self.context = context
        self.shared = SharedParts(context)
        self.weighed = weighed
        self.cells: dict[str, Cell] = {}
        self.conductors: dict[str, Conductor] = {}
        self._starting: set[str] = set()
        self._changed = threading.Event()
        """A story or the start of the shared parts is over, or a story needs no start any more."""
        self._ending = False

    # --- start

    def prepare(self) -> None:
        """Claim and bind everything: the shared parts are told of all cells before the first of them starts."""
        self.shared.start_elasticsearch()
        build_subject(self.context)
        fork = self.shared.start_launcher()
        elasticsearch, clauses = self.shared.elasticsearch, self.context.selection.compiled
        for plan in self.context.selection.cells:
            cell = Cell(
                self.context,
                plan,
                elasticsearch if "elasticsearch" in plan.parts else "",
                self.shared.filebeat if "filebeat" in plan.parts else "",
                fork,
            )
            self.cells[cell.name] = cell
            self.conductors[cell.name] = Conductor(cell, self.shared, clauses)
        self.shared.start_generator(list(self.cells.values()))

    # --- perform

    def perform(self, room: Callable[[], Room]) -> None:
        """Play each story once there is room for it; what one of them raises ends all."""
        waiting = longest_first(self.weighed)
        playing: dict[Weighed, Future[None]] = {}
        with ThreadPoolExecutor(max_workers=len(waiting) + 1, thread_name_prefix="cell") as pool:
            shared = pool.submit(self.shared.come_up, list(self.cells.values()))
            shared.add_done_callback(lambda _: self._changed.set())
            try:
                while waiting or playing:
                    self._raise_what_failed(shared, playing)
                    playing = {story: task for story, task in playing.items() if not task.done()}
                    free = room() if shared.done() else room().beside(_COMING_UP_CORES)
                    while story := next_to_start(waiting, playing, len(self._starting), free):
                        waiting = tuple(other for other in waiting if other is not story)
                        self._starting.add(story.name)
                        playing[story] = pool.submit(self._play, self.cells[story.name])
                        playing[story].add_done_callback(lambda _: self._changed.set())
                    self._changed.wait(_LOOK_S)
                    self._changed.clear()
            except BaseException:
                self.context.cancel.set()  # the threads of the pool are waited for, and must not go on
                raise

    def _raise_what_failed(self, shared: Future[None], playing: dict[Weighed, Future[None]]) -> None:
        if self.context.cancel.is_set():
            raise CancelledError("cancelled")
        for task in (shared, *playing.values()):
            if task.done():
                task.result()

    def _play(self, cell: Cell) -> None:
        began = time.monotonic()
        try:
            cell.start_helpers()
            cell.start()
            cell.wait_ready()
            self._check_restarts(cell)
            self.shared.wait_for(cell)
            if cell.owns_pipeline:
                cell.start_filebeat()
            if self.context.request.up:
                stand(self.context, cell)
                return
            cell.wait_calm()
            self._starting.discard(cell.name)
            self._changed.set()
            self.conductors[cell.name].run()
        except TooFastError as error:
            self.context.too_fast[cell.name] = error
            self._cut(cell.name, f"{error.location}: {error.problem}; {error.remedy}")
        except (CancelledError, ComponentDiedError, WaitTimeoutError) as error:
            if self.context.request.up and not isinstance(error, CancelledError):
                raise  # there is no verdict to tell it in
            self._cut(cell.name, "cancelled" if isinstance(error, CancelledError) else error.problem)
        finally:
            self._starting.discard(cell.name)
            self.context.took_s[cell.name] = time.monotonic() - began
            cell.end()

    def _check_restarts(self, cell: Cell) -> None:
        """By the quickest start of any instance so far: what a busy machine adds is not the subject's."""
        context = self.context
        scenario, clauses = cell.plan.scenario, context.selection.compiled
        if context.starts_s and not context.request.up:
            require_restartable(context.campaign, context.production, scenario, clauses, min(context.starts_s))

    def cut_all(self, reason: str) -> None:
        """Close the evidence of cells whose story never began."""
        for plan in self.context.selection.cells:
            self._cut(plan.name, reason)

    def _cut(self, cell: str, reason: str) -> None:
        recorder = self.context.recorder
        if recorder.evidence.finished(cell) is None:
            recorder.add(CellFinished(cell, time.time(), False, reason))

    def close(self) -> None:
        """Let go of what is left and keep the last lines of every component: the run folder is removed."""
        self._ending = True
        self.shared.close()
        folder = self.context.recorder.bundle / "logs"
        for process in self.context.parts.all:
            target = folder / f"{process.id}.log"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(process.tail(_KEPT_LINES), encoding="utf-8")

    # --- deaths

    def on_event(self, event: object) -> None:
        """A process started or ended, or the warden did."""
        if isinstance(event, WardenLost):
            self._on_loss(event)
        elif isinstance(event, Exited) and not self._ending and event.id != BUILD_ID:
            where, _, name = event.id.partition("/")
            if where in self.cells:
                self._on_exit(event, name, [self.cells[where]])
            else:
                self._on_exit(event, name, [cell for cell in self.cells.values() if self.shared.serves(name, cell)])

    def _on_exit(self, event: Exited, name: str, cells: Sequence[Cell]) -> None:
        recorder = self.context.recorder
        affected = [cell for cell in cells if recorder.evidence.finished(cell.name) is None]
        if not affected:
            return  # their stories are over, and what ends now was asked to or does not matter any more
        process = next(found for found in self.context.parts.all if found.id == event.id)
        tail = tuple(process.tail(_TAIL).splitlines())
        code = event.code if event.code is not None and event.code >= 0 else None
        shared = event.id.startswith(f"{CAMPAIGN}/")
        for cell in affected:
            role = self.shared.role(name) if shared else self._role(cell, name)
            recorder.add(ComponentState(cell.name, event.t, name, role, "exited", event.expected, code, tail))
        where = CAMPAIGN if shared else affected[0].name
        recorder.say(ComponentEnded(event.t, where, name, event.expected, event.code, tail))
        if not event.expected:
            for cell in affected:
                self.conductors[cell.name].cut_short(str(event))

    def _on_loss(self, event: WardenLost) -> None:
        """With the warden every component is gone: it alone is to be named."""
        tail = tuple(event.reason.splitlines()[-_TAIL:])
        self.context.recorder.add(ComponentState(CAMPAIGN, event.t, "warden", "stack", "exited", False, None, tail))
        self.context.recorder.say(ComponentEnded(event.t, CAMPAIGN, "warden", False, None, tail))
        for conductor in self.conductors.values():
            conductor.cut_short("the warden ended, and every component with it")

    def _role(self, cell: Cell, name: str) -> str:
        if any(place.name == name for place in cell.place.instances):
            return "subject"
        return "helper" if name in self.context.campaign.profile.helpers else "stack"
