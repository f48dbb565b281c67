"""Start the stack of all cells, play their stories side by side, and end everything in good order."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from harness.core.errors import HarnessError, Location
from harness.core.events import ComponentEnded
from harness.evidence.records import CAMPAIGN, CellFinished, ComponentState
from harness.provision import Settings
from harness.run.cell import Cell
from harness.run.conductor import Conductor
from harness.run.context import BUILD_ID, Context
from harness.run.shared import SharedParts
from harness.run.space import scarcity
from harness.run.stack.surface import Exited, ProcessSpec, WardenLost
from harness.run.stack.wait import CancelledError, ComponentDiedError, WaitTimeoutError, eventually

__all__ = ["play"]

_BUILD_S = 300.0
_TAIL = 12
_KEPT_LINES = 400
Listen = Callable[[Callable[[object], None]], None]


def play(context: Context, listen: Listen) -> None:
    """Run every selected story; what could not start is recorded, and its cells are cut short."""
    stage = _Stage(context)
    listen(stage.on_event)
    try:
        stage.start()
        stage.perform()
    except CancelledError:
        stage.cut_all("cancelled")
    except ComponentDiedError as error:
        stage.cut_all(error.problem)
    except WaitTimeoutError as error:
        if not stage.subject_is_late():
            raise
        stage.cut_all(error.problem)
    finally:
        stage.close()


class _Stage:
    def __init__(self, context: Context) -> None:
        self.context = context
        self.shared = SharedParts(context)
        self.cells: list[Cell] = []
        self.conductors: dict[str, Conductor] = {}
        self._ending = threading.Event()

    # --- start

    def start(self) -> None:
        self.shared.start_elasticsearch()
        self._build()
        elasticsearch = self.shared.elasticsearch
        self.cells = [
            Cell(self.context, plan, elasticsearch if "elasticsearch" in plan.parts else "")
            for plan in self.context.selection.cells
        ]
        clauses = self.context.selection.compiled
        self.conductors = {cell.name: Conductor(cell, self.shared, clauses) for cell in self.cells}
        self.shared.start_generator(self.cells)
        for cell in self.cells:
            cell.start_helpers()
            cell.start()
        self.shared.wait_elasticsearch()
        self.shared.start_filebeat(self.cells)
        for cell in self.cells:
            cell.wait_ready()
        self.shared.wait_ready()

    def _build(self) -> None:
        start = self.context.campaign.profile.start
        if not start.build:
            return
        source = self.context.campaign.profile_source
        self.context.build.mkdir(parents=True)
        argv = tuple(part.replace("{build}", str(self.context.build)) for part in start.build)
        folder = (source.folder / start.folder).resolve()
        spec = ProcessSpec(BUILD_ID, argv, folder, self.context.folder / "build.log", env=_with_go(argv))
        process = self.context.supervisor.start(spec)
        eventually(
            lambda: process.wait(0.2),
            what="the build to end",
            within_s=_BUILD_S,
            every_s=0.01,
            cancel=self.context.cancel,
        )
        if process.exit_code:
            scarce = scarcity(self.context.folder)
            raise HarnessError(
                "\n  ".join(filter(None, (f"the subject's build failed: {process.describe_death()}", scarce))),
                location=Location(source.shown),
                remedy="free space, or set TMPDIR" if scarce else f"run {' '.join(start.build)} in {start.folder}",
            )

    # --- perform

    def perform(self) -> None:
        self.context.recorder.note(f"stack ready; playing {', '.join(self.conductors)}")
        with ThreadPoolExecutor(max_workers=max(1, len(self.conductors)), thread_name_prefix="conductor") as pool:
            futures = [pool.submit(conductor.run) for conductor in self.conductors.values()]
            for future in futures:
                future.result()

    def cut_all(self, reason: str) -> None:
        """Close the evidence of cells whose story never began."""
        recorder = self.context.recorder
        for plan in self.context.selection.cells:
            if recorder.evidence.finished(plan.name) is None:
                recorder.add(CellFinished(plan.name, time.time(), False, reason))

    def subject_is_late(self) -> bool:
        """Whether what was waited for in vain is an instance's readiness, which it promises."""
        states = (
            state for cell in self.cells for state in self.context.recorder.evidence.of(ComponentState, cell.name)
        )
        return any(state.action == "late" and state.role == "subject" for state in states)

    def close(self) -> None:
        self._ending.set()
        self.shared.close()
        self._keep_logs()

    def _keep_logs(self) -> None:
        """The last lines of every component go into the bundle: the run folder is removed."""
        folder = self.context.recorder.bundle / "logs"
        for process in self.context.supervisor.processes:
            target = folder / f"{process.id}.log"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(process.tail(_KEPT_LINES), encoding="utf-8")

    # --- deaths

    def on_event(self, event: object) -> None:
        if isinstance(event, WardenLost):
            self._on_loss(event)
        elif isinstance(event, Exited) and not self._ending.is_set() and event.id != BUILD_ID:
            self._on_exit(event)

    def _on_exit(self, event: Exited) -> None:
        cell, _, name = event.id.partition("/")
        owner = next((item for item in self.cells if item.name == cell), None)
        processes = owner.processes if owner else self.shared.processes
        process = processes.get(name)
        tail = tuple(process.tail(_TAIL).splitlines()) if process else ()
        code = event.code if event.code is not None and event.code >= 0 else None
        where = cell if owner else CAMPAIGN
        role = self._role(owner, name)
        recorder = self.context.recorder
        recorder.add(ComponentState(where, event.t, name, role, "exited", event.expected, code, tail))
        recorder.say(ComponentEnded(event.t, where, name, event.expected, event.code, tail))
        if not event.expected:
            affected = [self.conductors[cell]] if owner and cell in self.conductors else self.conductors.values()
            for conductor in affected:
                conductor.cut_short(str(event))

    def _on_loss(self, event: WardenLost) -> None:
        """With the warden every component is gone: it alone is to be named."""
        tail = tuple(event.reason.splitlines()[-_TAIL:])
        self.context.recorder.add(ComponentState(CAMPAIGN, event.t, "warden", "stack", "exited", False, None, tail))
        self.context.recorder.say(ComponentEnded(event.t, CAMPAIGN, "warden", False, None, tail))
        for conductor in self.conductors.values():
            conductor.cut_short("the warden ended, and every component with it")

    def _role(self, owner: Cell | None, name: str) -> str:
        if owner is None:
            return "generator" if name == "generator" else "stack"
        if any(place.name == name for place in owner.place.instances):
            return "subject"
        return "helper" if name in self.context.campaign.profile.helpers else "stack"


def _with_go(argv: tuple[str, ...]) -> dict[str, str]:
    """The caller's environment; where the build is Go's and none is on the path, the provisioned one is added."""
    environment = dict(os.environ)
    if argv[0] == "go":
        from harness.provision.golang import find_go

        found = find_go(Settings.from_environment())
        if found:
            environment["PATH"] = f"{found.parent}{os.pathsep}{environment.get('PATH', '')}"
    return environment
