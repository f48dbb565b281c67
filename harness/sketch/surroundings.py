"""The files beside the contract: campaign, profile, story, and what stands in for prometheus.yml."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from harness.sketch.draft import Draft, bare
from harness.sketch.families import word_of

__all__ = ["campaign_lines", "profile_lines", "prometheus_lines", "story_lines"]

_WALL_RATE: Final = 6.0
"""Requests a second that the service really gets while all is usual; twice as many afterwards."""


def campaign_lines(draft: Draft) -> Iterator[str]:
    """The lines of campaign.yaml."""
    yield f"# Written by `harness init`. To gate: harness gate {draft.folder}"
    yield "harness: campaign/1"
    yield f"name: {draft.service}"
    yield "profile: profile.yaml"
    yield "contract: contract.yaml"
    if draft.speed == 1:
        yield "speed: 1 # its metrics are slow to read, or a rule cannot be scaled"
    else:
        yield f"speed: {draft.speed:g} # a minute of the story takes {60 / draft.speed:g} s"


def profile_lines(draft: Draft) -> Iterator[str]:
    """The lines of profile.yaml."""
    seen, (word, count) = draft.seen, word_of(draft.seen.families)
    first, host = seen.health[0], seen.metrics.host
    yield "# All that the harness knows of the service, as `harness init` saw it: it is yours now, correct it."
    yield "harness: profile/1"
    yield f"subject: {word} # {f'{count} metrics begin so' if count else 'a name for reports: choose your own'}"
    yield _start(draft)
    yield f"ports: [{', '.join(draft.ports.values())}]"
    if host != "127.0.0.1":
        yield f"host: {json.dumps(host)} # where on this machine it listens"
    if draft.secured:
        yield f"tls: {{{', '.join(_entered(draft))}}} # they speak https"
    yield f"ready: {{{draft.at(first.place)}, status: [{first.status}]}} # it answered so"
    shown = f"{len(seen.families)} families in {seen.size_bytes} bytes"
    yield f"metrics: {{{draft.at(seen.metrics)}{draft.credentials}}} # {shown}"
    if draft.log:
        yield f"logs: {{{draft.log.name}: {bare(draft.log.path)}}} # {draft.log.note}"
    yield "stands_for:"
    yield f"  - {{job: {bare(draft.job)}, port: app{draft.credentials}}} # the scrape job in prometheus.yml"
    yield "requests: # add what clients really ask, with method, path and body, and name it in mix: of a story"
    for name, answer in draft.asked.items():
        yield f"  {name}: {{{draft.at(answer.place)}, method: GET, expects: [{answer.status}]}} # it answered so"
    port, status = draft.ports[seen.stranger.place.port], seen.stranger.status
    yield "  # a path that nobody serves, another one every time: it must not become a label"
    yield f'  stranger: {{port: {port}, path: "/{{{{random}}}}", method: GET, expects: [{status}]}}'


def _entered(draft: Draft) -> Iterator[str]:
    for name, tls in draft.secured.items():
        files = {kind: getattr(tls, kind) for kind in ("authority", "certificate", "key")}
        said = [f"{kind}: {bare(os.path.relpath(file, draft.folder))}" for kind, file in files.items() if file]
        said += ["any_certificate: true"] if tls.any_certificate else []
        yield f"{name}: {{{', '.join(said)}}}"


def _start(draft: Draft) -> str:
    if draft.starter is None:
        running = ", ".join(f"{name}: {number}" for number, name in draft.ports.items())
        return f"start: {{running: {{{running}}}}} # it runs, and is left alone (init --start: every story starts it)"
    log = draft.log.named if draft.log and draft.log.is_own else ""
    folder = bare(os.path.relpath(Path.cwd(), draft.folder))
    return f"start: {{{draft.starter.written(draft.ports, log)}, folder: {folder}}} # on ports of its own"


def story_lines(draft: Draft) -> Iterator[str]:
    """The lines of the story."""
    asked = ", ".join(f"{name}: 1" for name in draft.asked)
    length, rate = ("2m" if draft.speed > 1 else "20s"), _WALL_RATE / draft.speed
    yield "# Nothing is wrong, and what must be seen then. Next: a phase in which something is."
    yield "harness: scenario/1"
    yield "story: Clients ask as usual, some for paths that nobody serves, and all is well."
    yield f"phases: # a rate is production's; at this speed {rate:g}/s is {_WALL_RATE:g} a second"
    yield f"  - {{name: usual, lasts: {length}, load: {{rate: {rate:g}/s, mix: {{{asked}, stranger: 1}}}}}}"
    yield f"  - {{name: strangers, lasts: {length}, load: {{rate: {2 * rate:g}/s, mix: {{stranger: 1}}}}}}"
    yield "expect:"
    yield "  - load: {all_answered: true} # every answer has the status that the profile expects"
    yield "  - metric min(up): {above: 0} # Prometheus can scrape it"


def prometheus_lines(draft: Draft) -> Iterator[str]:
    """The lines of prometheus.yml."""
    path, _, query = draft.seen.metrics.path.partition("?")
    yield "# Stands in for production's own: name that one in contract.yaml as soon as you can."
    yield "global: {scrape_interval: 10s, evaluation_interval: 10s}"
    if draft.rules:
        yield f"rule_files: [{json.dumps(os.path.relpath(draft.rules.path.resolve(), draft.folder.resolve()))}]"
    yield "scrape_configs:"
    yield f"  - job_name: {bare(draft.job)} # {'as the rules name it' if draft.rules and draft.rules.job else 'choose'}"
    if draft.seen.metrics.tls:
        yield "    scheme: https"
    if path != "/metrics":
        yield f"    metrics_path: {bare(path)}"
    if query:
        yield f"    params: {json.dumps(parse_qs(query))}"
    yield f'    static_configs: [{{targets: ["{draft.service}.example:{draft.seen.metrics.port}"]}}]'
