"""Parts that serve all cells of a campaign: Elasticsearch, Filebeat and the load generator."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from harness.artefacts.filebeat_config import read_filebeat
from harness.contract.load_check import trace_files
from harness.core.errors import HarnessError
from harness.core.source import load_yaml
from harness.evidence.records import CAMPAIGN, Canary
from harness.run.bound import write_edits
from harness.run.canaries import canaries_of
from harness.run.cell import Cell
from harness.run.clients.elasticsearch import ElasticsearchClient
from harness.run.clients.filebeat import FilebeatClient
from harness.run.clients.http import Http, HttpFault
from harness.run.context import Context
from harness.run.features import install_artefacts
from harness.run.filebeat import filebeat_for
from harness.run.load.generator import Generator
from harness.run.load.plan import CellPlan, DriverPlan, Instance, Workers
from harness.run.load.written import ceilings_of, kinds_of, request_kind
from harness.run.parts import Spec
from harness.run.placement import fill
from harness.run.stack.launcher import Launcher
from harness.run.stack.surface import Process, ProcessSpec
from harness.run.stack.wait import ComponentDiedError, NotYet, WaitTimeoutError, eventually

__all__ = ["SharedParts"]

_READY_S = 60.0
_PROBE = "harness-readiness"
_ROLES: Final = {"elasticsearch": "stack", "filebeat": "stack", "generator": "generator"}


class SharedParts:
    """Starts what the selected cells share beside them, and lets each wait for what it needs of it."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.processes: dict[str, Process] = {}
        self.generator: Generator | None = None
        self._launcher: Launcher | None = None
        self._began: dict[str, float] = {}
        self._ready: frozenset[str] = frozenset()
        self._failure: HarnessError | None = None
        parts = context.selection.parts
        self.elasticsearch = f"127.0.0.1:{context.ports.claim()}" if "elasticsearch" in parts else ""
        self.filebeat = f"127.0.0.1:{context.ports.claim()}" if "filebeat" in parts else ""
        self.index = self._index_pattern() if "filebeat" in parts else ""

    @property
    def elasticsearch_http(self) -> Http:
        """Elasticsearch as the harness dials it."""
        return Http(f"http://{self.elasticsearch}")

    # --- what the stage asks

    def serves(self, name: str, cell: Cell) -> bool:
        """Whether ``cell`` needs the shared part ``name``."""
        return name in _needed_by(cell) or name not in _ROLES

    def role(self, name: str) -> str:
        """What the part ``name`` is in the evidence."""
        return _ROLES.get(name, "stack")

    def come_up(self, cells: Sequence[Cell]) -> None:
        """Wait for what was started and start what comes after it; ``wait_for`` tells how that went."""
        try:
            self._wait_generator()
            self._wait_elasticsearch()
            self._start_filebeat(cells)
            self._wait_filebeat()
        except (ComponentDiedError, WaitTimeoutError) as failure:
            self._failure = failure

    def wait_for(self, cell: Cell) -> None:
        """Wait until all that ``cell`` needs is ready; raises what kept a part from it, or ``CancelledError``."""
        needed = _needed_by(cell)

        def there() -> bool:
            lacking = needed - self._ready
            if lacking and self._failure:
                raise self._failure
            if lacking:
                raise NotYet(f"{', '.join(sorted(lacking))} not ready")
            return True

        eventually(there, what=f"what {cell.name} shares", within_s=3 * _READY_S, cancel=self.context.cancel)

    # --- the subject's own launcher

    def start_launcher(self) -> Callable[[ProcessSpec], int] | None:
        """Start the profile's launcher, if it has one: the answer then has it fork an instance."""
        start, source = self.context.campaign.profile.start, self.context.campaign.profile_source
        if not start.launcher or (start.image and self.context.parts.images):
            return None
        folder = self.context.folder / "launcher"
        folder.mkdir(parents=True)
        where = source.document.locate(("start", "launcher"))
        values = {"python": sys.executable, "build": str(self.context.build)}
        argv = tuple(fill(part, values, where) for part in start.launcher)
        self._launcher = Launcher(folder)
        cwd = (source.folder / start.folder).resolve()
        spec = ProcessSpec(
            "campaign/launcher", argv, cwd, self._launcher.stdout, folder / "error.log", stdin=self._launcher.stdin
        )
        self._start(spec)
        self._launcher.process = self.processes["launcher"]
        return self._launcher.fork

    # --- Elasticsearch and Filebeat

    def start_elasticsearch(self) -> None:
        """Start the node; it takes longest and needs nothing of the cells."""
        if self.elasticsearch:
            folder = self.context.folder / "elasticsearch"
            folder.mkdir(parents=True)
            port = int(self.elasticsearch.rpartition(":")[2])
            transport = self.context.ports.claim()
            self._start(self.context.parts.elasticsearch("campaign/elasticsearch", folder, port, transport))

    def _start_filebeat(self, cells: Sequence[Cell]) -> None:
        """Start one Filebeat that reads the logs of all cells that ship them."""
        shipping = [cell.topology for cell in cells if "filebeat" in cell.plan.parts and not cell.owns_pipeline]
        if not shipping:
            return
        folder = self.context.folder / "filebeat"
        spec, bound = filebeat_for(self.context, "campaign/filebeat", folder, self.filebeat, shipping)
        write_edits(self.context.recorder.bundle, "campaign", (bound,))
        self._start(spec)

    def _index_pattern(self) -> str:
        """The indices that documents may be in: the fixed beginning of Filebeat's index name, or of the template."""
        path = self.context.campaign.artefact("filebeat")
        assert path is not None
        index = read_filebeat(load_yaml(path, shown_as=self.context.campaign.shown(path))).index
        return f"{index.partition('%')[0].rstrip('-')}*" if index else "filebeat-*"

    # --- the generator

    def start_generator(self, cells: Sequence[Cell]) -> None:
        """Start the load generator with the plan of every cell that has load."""
        loaded = [cell for cell in cells if any(phase.load for phase in cell.plan.scenario.phases)]
        if not loaded:
            return
        folder = self.context.folder / "generator"
        folder.mkdir(parents=True)
        run_id = self.context.supervisor.run_id
        canaries = canaries_of(run_id, self.context.campaign.profile.canaries)
        for name, value in canaries.items():
            self.context.recorder.add(Canary(CAMPAIGN, time.time(), name, value))
        plans = tuple(_cell_plan(self.context, cell, folder, canaries) for cell in loaded)
        offset = time.time() - time.monotonic()
        workers = Workers(self.context.request.workers)
        traces = tuple(path for cell in loaded for path in _traces(cell))
        ceilings = ceilings_of(self.context.campaign.profile)
        plan = DriverPlan(plans, run_id, ceilings, clock_offset_s=offset, workers=workers, traces=traces)
        self.generator = Generator(plan, folder)
        self._start(
            ProcessSpec(
                "campaign/generator",
                self.generator.argv,
                folder,
                self.generator.stdout,
                stderr=folder / "error.log",
                stdin=self.generator.stdin,
            )
        )

    def _start(self, spec: Spec) -> None:
        name = spec.id.removeprefix("campaign/")
        self._began[name] = time.monotonic()
        self.processes[name] = self.context.parts.start(spec)

    def _wait_elasticsearch(self) -> None:
        """Wait until an index can be written, and install what production has in it."""
        if not self.elasticsearch:
            return
        client = ElasticsearchClient(self.elasticsearch_http)

        def writable() -> bool:
            if client.health() not in {"green", "yellow"}:
                raise NotYet("not yet yellow")
            return client.bulk(_PROBE, [("1", {"ready": True})]) == 0

        self._until("elasticsearch", writable)
        client.delete_index(_PROBE)
        template = install_artefacts(self.context.campaign, client)
        if template:
            write_edits(self.context.recorder.bundle, "elasticsearch", (template,))
        self._is_ready("elasticsearch", f"http://{self.elasticsearch}")

    def _wait_filebeat(self) -> None:
        if "filebeat" in self.processes:
            client = FilebeatClient(Http(f"http://{self.filebeat}"))
            self._await("filebeat", lambda: bool(client.stats()), f"http://{self.filebeat}")

    def _wait_generator(self) -> None:
        if self.generator:
            generator = self.generator

            def taking_orders() -> bool:
                generator.poll()
                return generator.ready

            self._await("generator", taking_orders, "")

    def _await(self, name: str, works: Callable[[], bool], url: str) -> None:
        self._until(name, works)
        self._is_ready(name, url)

    def _until(self, name: str, works: Callable[[], bool]) -> None:
        eventually(
            works,
            what=f"{name} to be ready",
            within_s=_READY_S,
            every_s=0.02,
            alive=[self.processes[name]],
            cancel=self.context.cancel,
            retry_on=(OSError, HttpFault),
        )

    def _is_ready(self, name: str, url: str) -> None:
        self.context.ready(CAMPAIGN, name, self.role(name), self._began[name], url, self.context.version(name))
        self._ready |= {name}

    def close(self) -> None:
        """Let go of the standard input of generator and launcher: they stop by themselves."""
        for part in (self.generator, self._launcher):
            if part:
                part.close()


def _needed_by(cell: Cell) -> frozenset[str]:
    loaded = any(phase.load for phase in cell.plan.scenario.phases)
    shared = {"elasticsearch"} if cell.owns_pipeline else {"elasticsearch", "filebeat"}
    return cell.plan.parts & shared | ({"generator"} if loaded else set())


def _traces(cell: Cell) -> list[str]:
    scenario = cell.plan.scenario
    return [str((scenario.source.folder / name).resolve()) for name in trace_files(scenario)]


def _cell_plan(context: Context, cell: Cell, folder: Path, canaries: Mapping[str, str]) -> CellPlan:
    scenario, profile = cell.plan.scenario, context.campaign.profile
    names = dict.fromkeys(kind for phase in scenario.phases for kind in sorted(kinds_of(phase, scenario.source.folder)))
    kinds = tuple(request_kind(name, context.campaign, canaries, context.campaign.contract.answers) for name in names)
    return CellPlan(
        name=cell.name,
        ledger=str(folder / f"{cell.name}.ndjson"),
        instances=tuple(
            Instance(place.name, place.url(profile.ports[0]), ports=dict(place.ports), tls=dict(place.tls))
            for place in cell.place.instances
        ),
        kinds=kinds,
        speed=cell.speed,
        seed=context.request.seed,
    )
