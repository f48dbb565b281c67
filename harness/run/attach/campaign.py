"""A campaign that attaches: open, plan what can be judged, read, judge. Nothing is started and nothing is changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from harness.clauses.attached import ATTACHED, Reach, attached_clauses
from harness.clauses.compiled import compile_campaign
from harness.clauses.conclusion import conclude, planned
from harness.clauses.model import Clause, Need
from harness.clauses.production import Production, read_production
from harness.contract import Campaign, load_campaign
from harness.contract.window import Window, window_of
from harness.core.errors import ConfigError, HarnessError
from harness.core.events import CampaignEnded, CampaignStarted
from harness.core.source import nearest
from harness.evidence.records import CellFinished, CellStarted, Exposition, Watched
from harness.request import CampaignRequest
from harness.run.attach.documents import Documents, log_paths
from harness.run.attach.exposed import Types, selector_of
from harness.run.attach.past import PastTexts
from harness.run.attach.readers import Alerts, Answers, Reader, Routes, Rules, Texts
from harness.run.attach.servers import Servers, open_servers, reach_of, types_of
from harness.run.attach.watching import SKEW_S, Watch, readings_of, skew_s
from harness.run.backend import Backend
from harness.run.clients.alertmanager import AlertmanagerClient
from harness.run.clients.elasticsearch import ElasticsearchClient
from harness.run.clients.prometheus import PrometheusClient
from harness.run.inputs import copy_inputs
from harness.run.observe.endpoints import AnswerSource, ExpositionSource
from harness.run.observe.targets import EndpointTarget, ExpositionTarget
from harness.run.recorder import Recorder

__all__ = ["AttachedCampaign"]

_NOBODY: Final = "the subject"
"""An instance that stands for those that nobody told of: of none there is evidence."""
_USUAL_S: Final = 900.0
"""How far back documents are read where nobody names a window."""


class AttachedCampaign:
    """One run that attaches; ``run`` answers its exit code."""

    def __init__(
        self, request: CampaignRequest, recorder: Recorder, cancel: threading.Event, began: float, backend: Backend
    ) -> None:
        self.request, self.recorder, self.cancel, self.began, self.backend = request, recorder, cancel, began, backend
        loaded = load_campaign([Path(path) for path in request.paths])
        self.campaign: Campaign = replace(loaded, speed_override=1.0)
        self.production: Production = read_production(self.campaign)
        self.window: Window = window_of(request.since, request.until, began, _USUAL_S)
        self.servers: Servers = open_servers(self.campaign, Path(request.attach))
        self.types: Types = types_of(self.campaign, self.servers, self.window)
        seen = reach_of(self.campaign, self.servers, self.window, self.types, request.required)
        self.reach: Reach = replace(seen, file=Path(request.attach).name)
        known = attached_clauses(self.campaign, compile_campaign(self.campaign), self.reach)
        self.clauses: tuple[Clause, ...] = _selected(known, request.clauses)

    def run(self) -> int:
        """Read and judge; everything is told as events in the bundle."""
        recorder = self.recorder
        recorder.evidence.planned = (ATTACHED,)
        paths = copy_inputs(self.campaign, recorder.bundle)
        self._manifest(paths, ended_t=None)
        bundle, told = str(recorder.bundle), planned(self.clauses)
        reason = self.backend.reason
        recorder.say(
            CampaignStarted(
                self.began, self.campaign.name, bundle, 1.0, self.backend.name, (ATTACHED,), told, because=reason
            )
        )
        if not self.window.live:
            recorder.note(f"what is judged is the window {self.window}")
        self._tell_skews()
        self._read()
        return self._judge(paths)

    def _tell_skews(self) -> None:
        found = {name: skew_s(name, http, time.time) for name, http in self.servers.named.items()}
        skews = {name: value for name, value in found.items() if value is not None}
        for record in readings_of(skews, time.time()):
            self.recorder.add(record)
        for name, value in skews.items():
            if abs(value) > SKEW_S:
                side = "ahead of" if value > 0 else "behind"
                text = f"the clock of {name} is {abs(value):.1f} s {side} ours: windows mean other instants there"
                self.recorder.note(text, warning=True)

    def _read(self) -> None:
        recorder, production = self.recorder, self.production
        done = Watch(tuple(self._readers()), recorder.add, time.time, self.cancel).run()
        since, ended = (self.began, time.time()) if self.window.live else (self.window.since, self.window.until)
        # instances are known once they were read of, where Prometheus tells of them
        read = dict.fromkeys(item.instance for item in recorder.evidence.of(Exposition, ATTACHED))
        instances = self.servers.instances if self.reach.direct else tuple(read)
        scrape_s, evaluation_s = production.scrape_s, production.evaluation_s
        recorder.add(CellStarted(ATTACHED, since, 1.0, scrape_s, evaluation_s, instances or (_NOBODY,)))
        recorder.add(Watched(ATTACHED, ended))
        recorder.add(CellFinished(ATTACHED, ended, done, "" if done else "cancelled"))

    # --- who is asked

    def _readers(self) -> Iterator[Reader]:
        needs = {need for clause in self.clauses if not clause.not_applicable for need in clause.needs}
        kinds = {need.kind for need in needs}
        if self.servers.prometheus and kinds & {"rules", "loaded"}:
            yield Rules(PrometheusClient(self.servers.prometheus), time.time)
        if self.servers.alertmanager and "alerts" in kinds:
            yield Alerts(AlertmanagerClient(self.servers.alertmanager), time.time)
        if self.servers.alertmanager and "routing" in kinds:
            yield Routes(AlertmanagerClient(self.servers.alertmanager), time.time)
        if "expositions" in kinds:
            yield from self._texts()
        for name in self.campaign.contract.endpoints:
            if Need("answers", name) in needs:
                yield from self._answers(name)
        lines = tuple(sorted(need for need in needs if need.kind == "lines"))
        if self.servers.elasticsearch and lines:
            yield self._documents(lines)

    def _texts(self) -> Iterator[Reader]:
        scrape, plane = self.campaign.profile.metrics, self.campaign.contract.metrics
        if self.reach.direct and scrape is not None:
            for instance in self.servers.instances:
                server = self.servers.subject[instance, scrape.port]
                target = ExpositionTarget(instance, scrape.path, scrape.headers, server=server)
                yield Texts(ExpositionSource(ATTACHED, target, time.time), instance)
        elif self.servers.prometheus is not None and plane is not None:
            of = self.servers.of_prometheus
            declared = {plane.prefix + name: family.type for name, family in plane.families.items()}
            selector, client = selector_of(plane, of.select), PrometheusClient(self.servers.prometheus)
            yield PastTexts(client, selector, self.window, self.types, declared, of.drop_labels)

    def _answers(self, name: str) -> Iterator[Reader]:
        endpoint = self.campaign.contract.endpoints[name]
        for instance in self.servers.instances:
            server = self.servers.subject[instance, endpoint.port]
            target = EndpointTarget(instance, name, endpoint.path, endpoint.method, endpoint.headers, server=server)
            yield Answers(AnswerSource(ATTACHED, target, time.time), endpoint, name, instance)

    def _documents(self, needs: tuple[Need, ...]) -> Documents:
        assert self.servers.elasticsearch is not None
        of, filebeat = self.servers.of_elasticsearch, self.production.filebeat
        usual = f"{filebeat.index.partition('%')[0].rstrip('-')}*" if filebeat else "filebeat-*"
        return Documents(
            ElasticsearchClient(self.servers.elasticsearch),
            of.index or usual,
            self.window,
            of.streams,
            log_paths(self.campaign),
            self.campaign.contract.logs.streams if self.campaign.contract.logs else {},
            of.at_most,
            lambda text: self.recorder.note(text, warning=True),
            needs,
        )

    # --- the end

    def _judge(self, paths: tuple[str, ...]) -> int:
        recorder, ended = self.recorder, time.time()
        conclusion = conclude(self.campaign, self.clauses, recorder.evidence, ended, reach=self.reach)
        for event in conclusion.events():
            recorder.say(event)
        self._manifest(paths, ended_t=ended)
        bundle, counts, code = str(recorder.bundle), conclusion.counts, conclusion.exit_code
        recorder.say(CampaignEnded(ended, ended - self.began, counts, code, bundle, self.cancel.is_set()))
        return code

    def _manifest(self, paths: tuple[str, ...], ended_t: float | None) -> None:
        campaign = self.campaign
        self.recorder.write_manifest(
            file=campaign.shown(campaign.file),
            paths=list(paths),
            cells=[ATTACHED],
            clauses=[clause.id for clause in self.clauses],
            campaign=campaign.name,
            speed=1.0,
            speed_override=1.0,
            backend=self.backend.name,
            started_t=self.began,
            ended_t=ended_t,
            attach=self.reach.as_json(),
            servers={name: http.base for name, http in self.servers.named.items()},
        )


def _selected(clauses: tuple[Clause, ...], wanted: tuple[str, ...]) -> tuple[Clause, ...]:
    ids = {clause.id for clause in clauses}
    for name in wanted:
        if name not in ids:
            raise ConfigError(f"there is no clause {name!r}", remedy=nearest(name, ids))
    chosen = tuple(clause for clause in clauses if not wanted or clause.id in wanted)
    if not chosen:
        raise HarnessError("no clause is selected", remedy="harness lint -v lists the ids of all clauses")
    return chosen
