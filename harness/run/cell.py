"""One cell: its subject, Prometheus, Alertmanager and sinks, from free ports to readiness."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from harness.artefacts.topology import Topology
from harness.clauses.helper_links import helper_links
from harness.clauses.hops import cuts_pipeline, links_cut
from harness.clauses.subject import instance_names
from harness.contract.subject import Helper, Readiness, SubjectImage
from harness.core.source import read_text
from harness.core.tls import Tls
from harness.run.bound import BoundCell, bind_cell, write_edits
from harness.run.clients.alertmanager import AlertmanagerClient
from harness.run.clients.filebeat import FilebeatClient
from harness.run.clients.http import Http, HttpFault
from harness.run.clients.prometheus import PrometheusClient
from harness.run.context import Context
from harness.run.entering import secret, secret_values, tls_of
from harness.run.filebeat import filebeat_for
from harness.run.parts import Spec, SubjectImages, Told
from harness.run.placement import (
    CellPlace,
    InstancePlace,
    asked_paths,
    fill,
    helper_values,
    image_values,
    topology_of,
    values_of,
)
from harness.run.proxies import Proxies
from harness.run.receivers import Receivers
from harness.run.selection import CellPlan
from harness.run.sinks.exposition import ExpositionStandIn
from harness.run.stack.surface import Process, ProcessSpec
from harness.run.stack.wait import NotYet, WaitTimeoutError, eventually

__all__ = ["Cell"]

Fork = Callable[[ProcessSpec], int]
_STACK_READY_S = 30.0
_CALM_S = 0.5
_CALM_INTERVALS = 2
_WRONG_S = 2.0
"""Wall seconds of Prometheus' life in which instances that say that they are ready may answer scrapes wrongly."""


class Cell:
    """A story's own stack. ``prepare`` claims and binds, ``start`` starts, ``wait_ready`` waits for readiness."""

    def __init__(
        self, context: Context, plan: CellPlan, elasticsearch: str, filebeat: str = "", fork: Fork | None = None
    ) -> None:
        self.context, self.plan, self.fork = context, plan, fork
        self.name = plan.name
        self.speed = context.campaign.speed_of(plan.scenario)
        self.folder = context.folder / "cells" / plan.name
        self.processes: dict[str, Process] = {}
        self._began: dict[str, float] = {}
        self.receivers = self._receivers()
        self.proxies: Proxies | None = None
        self.stand_ins: dict[str, ExpositionStandIn] = {}
        self.place = self._claim(elasticsearch, filebeat)
        self.topology: Topology = topology_of(context.campaign, context.production, self.place, context.build)
        self.bound: BoundCell = bind_cell(
            context.campaign, context.production, self.topology, self.speed, plan.parts, self.folder
        )
        write_edits(context.recorder.bundle, self.name, self.bound.artefacts, secret_values(context.campaign))
        self._warn()

    def _warn(self) -> None:
        """Say what a test with these artefacts cannot show."""
        for warning in dict.fromkeys(text for bound in self.bound.artefacts for text in bound.warnings):
            self.context.recorder.note(f"{self.name}: {warning}", warning=True)

    # --- places

    def _claim(self, elasticsearch: str, filebeat: str) -> CellPlace:
        profile, claim, parts = self.context.campaign.profile, self.context.ports.claim, self.plan.parts
        instances, tls = [], tls_of(self.context.campaign)
        for index, name in enumerate(instance_names(self.context.campaign, self.plan.scenario)):
            folder = self.folder / name
            ports = profile.start.running or {port: claim() for port in profile.ports}
            place = InstancePlace(name, index, ports, folder / "logs", folder / "data", profile.host, tls)
            place.logs.mkdir(parents=True)
            place.data.mkdir()
            instances.append(place)
        alertmanager = claim() if "alertmanager" in parts else 0
        helpers = {name: {p: claim() for p in helper.ports} for name, helper in self._helpers().items()}
        self.proxies = self._proxies(
            scrape=[instance.address(port) for instance in instances for port in instance.ports],
            alertmanager=[f"127.0.0.1:{alertmanager}"],
            elasticsearch=[elasticsearch],
            helpers=helpers,
        )
        return CellPlace(
            cell=self.name,
            folder=self.folder,
            speed=self.speed,
            instances=tuple(instances),
            helpers=helpers,
            prometheus=claim() if "prometheus" in parts else 0,
            alertmanager=alertmanager,
            proxied=self.proxies.addresses if self.proxies else {},
            elasticsearch=elasticsearch,
            filebeat=f"127.0.0.1:{claim()}" if self.owns_pipeline else filebeat,
            stand_ins=self._stand_ins(),
            sinks=self.receivers.addresses if self.receivers else {},
        )

    @property
    def owns_pipeline(self) -> bool:
        """Whether its story cuts the log pipeline: it then ships by a Filebeat of its own, and disturbs nobody."""
        return cuts_pipeline(self.plan.scenario)

    def _helpers(self) -> dict[str, Helper]:
        """Helpers that run here."""
        found = self.context.campaign.profile.helpers
        return {name: helper for name, helper in found.items() if self.plan.parts.issuperset(helper.beside)}

    def _proxies(self, helpers: Mapping[str, Mapping[str, int]], **ends: Sequence[str]) -> Proxies | None:
        cut = links_cut(self.plan.scenario)
        ways = [(hop, address) for hop, addresses in ends.items() if hop in cut for address in addresses]
        ways += [
            (link.hop, f"127.0.0.1:{helpers[link.helper][link.port]}")
            for link in helper_links(self.context.campaign, self.plan.scenario)
            if link.helper in helpers
        ]
        return Proxies(ways, self.context.ports.claim) if ways else None

    def _stand_ins(self) -> dict[str, str]:
        source = self.context.campaign.profile_source
        for entry in self.context.campaign.profile.stands_for:
            if entry.exposition and entry.exposition not in self.stand_ins:
                text = read_text(source.folder / entry.exposition)
                usual = {name: flows[0] for name, flows in entry.does.items()}
                self.stand_ins[entry.exposition] = ExpositionStandIn(
                    self.context.sinks,
                    text,
                    usual,
                    speed=self.speed,
                    paths=asked_paths(self.context.campaign, self.context.production, entry.exposition),
                )
        return {name: stand_in.address for name, stand_in in self.stand_ins.items()}

    def _receivers(self) -> Receivers | None:
        config = self.context.production.alertmanager
        if config is None or "alertmanager" not in self.plan.parts:
            return None
        return Receivers(self.context.sinks, self.name, config, self.context.recorder.add)

    # --- starting

    def start_helpers(self) -> None:
        """Start the profile's helpers and wait for those that say when they are ready."""
        for name, helper in self._helpers().items():
            ports = self.place.helpers[name]
            self._start(self._helper_spec(name, helper))
            if helper.ready:
                self._await_http(name, "helper", f"http://127.0.0.1:{ports[helper.ready.port]}", helper.ready)

    def _helper_spec(self, name: str, helper: Helper) -> ProcessSpec:
        where = self.context.campaign.profile_source.document.locate(("helpers", name))
        values = helper_values(self.place, name, self.context.build, self.context.request.seed)
        folder = self.folder / "helpers" / name
        folder.mkdir(parents=True)
        environment = {**os.environ, **{k: fill(v, values, where) for k, v in helper.environment.items()}}
        argv = tuple(fill(part, values, where) for part in helper.command)
        cwd = (self.context.campaign.profile_source.folder / helper.folder).resolve()
        ports = tuple(self.place.helpers[name].values())
        return ProcessSpec(f"{self.name}/{name}", argv, cwd, folder / "output.log", env=environment, ports=ports)

    def start(self) -> None:
        """Start everything of the cell at once."""
        if self.proxies:
            folder = self.folder / "toxiproxy"
            folder.mkdir(parents=True)
            self._start(self.proxies.spec(self.context.parts, f"{self.name}/toxiproxy", folder))
            self.proxies.open()
        for instance in self.place.instances:
            self._start_instance(instance)
        if self.bound.prometheus:
            id, folder = f"{self.name}/prometheus", self.folder / "prometheus"
            port, flags = self.place.prometheus, self.bound.flags
            self._start(self.context.parts.prometheus(id, folder, port, flags, self.bound.prometheus))
        if self.bound.alertmanager:
            id, folder = f"{self.name}/alertmanager", self.folder / "alertmanager"
            port = self.place.alertmanager
            self._start(self.context.parts.alertmanager(id, folder, port, self.bound.alertmanager))

    def _start_instance(self, instance: InstancePlace) -> None:
        if self.context.campaign.profile.start.running:
            self._began[instance.name] = time.monotonic()  # that is, it is waited for from now on
        else:
            self._start(self._instance_spec(instance))

    def _start(self, spec: Spec) -> None:
        name = spec.id.removeprefix(f"{self.name}/")
        self._began[name] = time.monotonic()
        self.processes[name] = self.context.parts.start(spec)

    def _instance_spec(self, instance: InstancePlace) -> Spec:
        campaign, start = self.context.campaign, self.context.campaign.profile.start
        images = self.context.parts.images
        if start.image and images:
            return self._image_spec(images, start.image, instance)
        where = campaign.profile_source.document.locate(("start", "command"))
        values = values_of(self.place, instance, self.context.build, self.context.request.seed)
        environment = {**os.environ, **{k: fill(v, values, where) for k, v in start.environment.items()}}
        environment |= {name: secret(source, where) for name, source in start.secrets.items()}
        return ProcessSpec(
            id=f"{self.name}/{instance.name}",
            argv=tuple(fill(part, values, where) for part in start.command),
            cwd=(campaign.profile_source.folder / start.folder).resolve(),
            stdout=instance.logs / "stdout.log",
            stderr=instance.logs / "stderr.log",
            env=environment,
            grace_s=campaign.profile.stop_within,
            ports=tuple(instance.ports.values()),
            fork=self.fork,
        )

    def _image_spec(self, images: SubjectImages, image: SubjectImage, instance: InstancePlace) -> Spec:
        """As the command, in a container: nothing of the caller's environment is there."""
        start, document = self.context.campaign.profile.start, self.context.campaign.profile_source.document
        where = document.locate(("start", "image"))
        own = values_of(self.place, instance, self.context.build, self.context.request.seed)
        values = image_values(own, image.ports)
        environment = {name: fill(text, values, where) for name, text in start.environment.items()}
        environment |= {name: secret(source, where) for name, source in start.secrets.items()}
        told = Told(
            tuple(fill(part, values, where) for part in image.arguments),
            environment,
            self.context.campaign.profile.stop_within,
        )
        return images.subject(f"{self.name}/{instance.name}", image, instance, told)

    # --- readiness

    def wait_ready(self) -> None:
        """Wait until every instance answers, Prometheus has scraped and evaluated, and Alertmanager takes alerts."""
        profile = self.context.campaign.profile
        for instance in self.place.instances:
            tls = instance.tls.get(profile.ready.port)
            self._await_http(instance.name, "subject", instance.url(profile.ready.port), profile.ready, tls)
        if self.bound.alertmanager:
            client = AlertmanagerClient(Http(f"http://{self.place.part('alertmanager')}"))
            self._await_part("alertmanager", client.ready)
        if self.bound.prometheus:
            self._await_part("prometheus", self._monitoring_works)

    def start_filebeat(self) -> None:
        """Start a Filebeat of its own, once its way to Elasticsearch is open, and wait for it."""
        folder = self.folder / "filebeat"
        spec, bound = filebeat_for(self.context, f"{self.name}/filebeat", folder, self.place.filebeat, [self.topology])
        write_edits(self.context.recorder.bundle, f"{self.name}/filebeat", (bound,))
        self._start(spec)
        client = FilebeatClient(Http(f"http://{self.place.filebeat}"))
        self._await_part("filebeat", lambda: bool(client.stats()))

    def wait_calm(self) -> None:
        """Wait until no alert is on that the start itself gave rise to; one that goes on is for clauses to tell."""
        if not self.bound.prometheus:
            return
        client = PrometheusClient(Http(f"http://{self.place.part('prometheus')}"))
        always = {name for name, alert in self.context.campaign.contract.alerts.items() if alert.always}

        def calm() -> bool:
            found = {alert["labels"]["alertname"] for alert in client.alerts()} - always
            if found:
                raise NotYet(f"{', '.join(sorted(found))} active")
            return True

        production = self.context.production
        within_s = _CALM_S + _CALM_INTERVALS * (production.scrape_s + production.evaluation_s) / self.speed
        with contextlib.suppress(WaitTimeoutError):
            self._eventually(calm, f"{self.name} to be calm", within_s)

    def _await_http(self, name: str, role: str, base: str, ready: Readiness, tls: Tls | None = None) -> None:
        http = Http(base, tls=tls)

        def answers() -> bool:
            answer = http.send("GET", ready.path)
            if answer.status not in ready.status:
                raise NotYet(f"{ready.path} answered {answer.status}")
            return True

        try:
            self._eventually(answers, f"{name} to be ready", ready.within)
        except WaitTimeoutError as error:
            self.context.late(self.name, name, role, error.problem)
            raise
        self.context.ready(self.name, name, role, self._began[name], base)

    def _eventually(self, probe: Callable[[], bool], what: str, within_s: float) -> None:
        eventually(
            probe,
            what=what,
            within_s=within_s,
            every_s=0.02,
            alive=self.context.processes_of(self.name),
            cancel=self.context.cancel,
            retry_on=(OSError, HttpFault),
        )

    def _await_part(self, name: str, works: Callable[[], bool]) -> None:
        self._eventually(works, f"{name} of {self.name} to be ready", _STACK_READY_S + self._first_round_s())
        url = f"http://{self.place.part(name)}"
        self.context.ready(self.name, name, "stack", self._began[name], url, self.context.version(name))

    def _first_round_s(self) -> float:
        """Wall seconds until everything was scraped and evaluated once: an interval is not much only at high speed."""
        production = self.context.production
        own = [group.interval_s or 0.0 for file in production.rules for group in file.groups]
        return (production.scrape_s + max([production.evaluation_s, *own])) / self.speed

    def _monitoring_works(self) -> bool:
        """First successful scrape of every target, and first evaluation of every rule."""
        client = PrometheusClient(Http(f"http://{self.place.part('prometheus')}"))
        if not client.ready():
            raise NotYet("not ready")
        down = [target for target in client.targets() if target.get("health") != "up"]
        if down and not self._is_final(down):
            raise NotYet(f"{down[0]['scrapeUrl']} is {down[0]['health']}: {down[0].get('lastError', '')}")
        waiting = [
            rule["name"]
            for group in client.rules()
            for rule in group["rules"]
            if rule["lastEvaluation"].startswith("0001-")
        ]
        if waiting:
            raise NotYet(f"the rule {waiting[0]} was not evaluated")
        return True

    def _is_final(self, down: Sequence[Mapping[str, Any]]) -> bool:
        """Whether all targets that are down go on answering scrapes wrongly, or are instances that refuse them.

        What the subject or production's jobs do wrong is for clauses to tell; only what has yet to start keeps the
        stack from being ready.
        """
        if time.monotonic() - self._began["prometheus"] < _WRONG_S:
            return False
        own = {instance.address(port) for instance in self.place.instances for port in instance.ports}
        own |= {address for (hop, _), address in self.place.proxied.items() if hop == "scrape"}
        if not all(_is_wrong(target, refused=urlsplit(target["scrapeUrl"]).netloc in own) for target in down):
            return False
        for target in down:
            if urlsplit(target["scrapeUrl"]).netloc not in own:
                job, error = target.get("labels", {}).get("job", ""), target.get("lastError", "")
                self.context.recorder.note(f"{self.name}: the job {job} scrapes in vain: {error}", warning=True)
        return True

    def urls(self) -> dict[str, str]:
        """Addresses to look at while the cell lives."""
        found = {
            f"{instance.name} {port}": instance.url(port)
            for instance in self.place.instances
            for port in instance.ports
        }
        parts = {"prometheus": self.place.prometheus, "alertmanager": self.place.alertmanager}
        found |= {name: f"http://127.0.0.1:{port}" for name, port in parts.items() if port}
        if self.place.elasticsearch:
            found["elasticsearch"] = f"http://{self.place.elasticsearch}"
        return found

    def end(self) -> None:
        """End every process of the cell: its story is over, and others need the room.

        Those that tell go before those that they tell of: nobody is paged about a subject that was ended on purpose.
        """
        for process in reversed(self.processes.values()):
            if process.alive:
                process.stop()


def _is_wrong(target: Mapping[str, Any], *, refused: bool) -> bool:
    """Errors of transport quote the request, and may pass, unless nobody listens or is trusted; others are final.

    ``refused``: nobody listens there, and nobody will.
    """
    error = str(target.get("lastError", ""))
    finals = ("tls: failed to verify", *(("connection refused",) if refused else ()))
    return bool(error) and (not error.startswith("Get ") or any(final in error for final in finals))
