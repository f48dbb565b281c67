"""Scrape targets bound at the end of relabelling, so that production relabelling sees production addresses.

A job keeps its written targets, labels and relabel rules. Behind them come rules that turn each known
production address into the local one and drop whatever is left: labels such as ``instance`` are those
of production, and nothing else can be dialled, whatever discovery or relabelling came up with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from harness.artefacts.bind_common import files
from harness.artefacts.bind_relays import relayed_rules
from harness.artefacts.edits import Editor
from harness.artefacts.prometheus_config import ScrapeJob
from harness.artefacts.topology import JobBinding, Target, Topology
from harness.core.source import DocumentPath, nearest

__all__ = ["bind_targets", "client_of"]

_INSTANCE = {
    "source_labels": ["instance", "__address__"],
    "regex": ";(.+)",
    "target_label": "instance",
    "replacement": "$1",
}


def bind_targets(editor: Editor, topology: Topology, job: ScrapeJob) -> None:
    """Bind the discovery of one scrape job; an address or a live discovery that nothing binds is a problem."""
    written = [target for target in job.discovery.static_targets if target not in topology.absent]
    binding = topology.jobs.get(job.name)
    if binding is None:
        targets = list(_by_address(editor, topology, job))
    else:  # what is asked by way of an exporter is not scraped itself
        targets = _by_job(binding, list(job.discovery.fixed_addresses) if job.discovery.is_relayed else written)
    for kind in job.discovery.live_kinds:
        if binding is None:
            editor.problem(
                (*job.path, f"{kind}_configs"), f"the job {job.name!r} asks {kind}, which nothing stands for"
            )
        editor.remove((*job.path, f"{kind}_configs"), f"discovery: {kind} is not asked; its targets are written out")
    _bind_files(editor, topology, job)
    _write_targets(editor, job, targets)
    _write_guard(editor, job, [*relayed_rules(editor, topology, job, targets), *_rules(targets)])


def client_of(editor: Editor, topology: Topology, job: ScrapeJob) -> Mapping[str, Any]:
    """Client settings of the local nodes that a job scrapes; nodes that take different ones are a problem."""
    if binding := topology.jobs.get(job.name):
        return binding.client
    found = [client for address in _addresses(job) if (client := topology.clients.get(address))]
    if any(client != found[0] for client in found):
        problem = f"the targets of the job {job.name!r} are entered in different ways, and a job has but one"
        editor.problem((*job.path, "static_configs"), problem)
    return found[0] if found else {}


def _addresses(job: ScrapeJob) -> list[str]:
    """Addresses that the job itself scrapes, as far as its files tell."""
    found = job.discovery
    return [*([] if found.is_relayed else found.static_targets), *found.fixed_addresses]


def _bind_files(editor: Editor, topology: Topology, job: ScrapeJob) -> None:
    """Discovery files that lie beside production's configuration are read as they are, from copies of this run."""
    path: DocumentPath = (*job.path, "file_sd_configs")
    for index in range(len(editor.get(path) or ())):
        files(editor, topology, (*path, index, "files"), "discovery file")


def _by_job(binding: JobBinding, written: list[str]) -> list[Target]:
    named = {target.discovered or target.production for target in binding.targets}
    free = iter([address for address in written if address not in named])
    return [
        target if target.production else replace(target, production=next(free, target.link.peer))
        for target in binding.targets
    ]


def _by_address(editor: Editor, topology: Topology, job: ScrapeJob) -> Iterator[Target]:
    for address in _addresses(job):
        link = topology.addresses.get(address)
        if link is not None:
            scheme = topology.schemes.get(address, "http")
            yield Target(link, address, scheme=scheme, path=topology.paths.get(address, ""))
        elif address not in topology.absent:
            hint = nearest(job.name, topology.jobs).replace("did you mean", "; stands_for has the job").rstrip("?")
            problem = f"the job {job.name!r} scrapes {address!r}, which nothing binds{hint}"
            editor.problem((*job.path, "static_configs"), problem)


def _write_targets(editor: Editor, job: ScrapeJob, targets: list[Target]) -> None:
    path: DocumentPath = (*job.path, "static_configs")
    known = {*job.discovery.static_targets, *job.discovery.fixed_addresses}
    added = [target for target in targets if (target.discovered or target.production) not in known]
    if editor.get(path) is None and (added or job.discovery.live_kinds):
        editor.set(path, [], "discovery: targets written out")
    for target in added:
        entry: dict[str, Any] = {"targets": [target.discovered or target.production]}
        if target.labels:
            entry["labels"] = dict(target.labels)
        why = f"discovery: what it would say of the node at {target.link.peer}"
        editor.insert((*path, len(editor.get(path))), entry, why)


def _write_guard(editor: Editor, job: ScrapeJob, rules: list[tuple[dict[str, Any], str]]) -> None:
    path: DocumentPath = (*job.path, "relabel_configs")
    if editor.get(path) is None:
        editor.set(path, [], "addresses: rules that lead to local nodes")
    for rule, why in [(_INSTANCE, "addresses: instance stays that of production"), *rules]:
        editor.insert((*path, len(editor.get(path))), rule, why)


def _rules(targets: list[Target]) -> Iterator[tuple[dict[str, Any], str]]:
    for target in targets:
        yield (
            _when(target.production, "__address__", target.link.peer),
            f"addresses: {target.production} is {target.link.peer} here",
        )
        yield _when(target.link.peer, "__scheme__", target.scheme), "addresses: how the local node is asked"
        if target.path:
            yield _when(target.link.peer, "__metrics_path__", target.path), "addresses: where the local node answers"
    known = "|".join(dict.fromkeys(re.escape(target.link.peer) for target in targets)) or "nothing is bound"
    yield (
        {"source_labels": ["__address__"], "regex": known, "action": "keep"},
        "addresses: nothing else is ever dialled",
    )


def _when(address: str, label: str, value: str) -> dict[str, Any]:
    return {
        "source_labels": ["__address__"],
        "regex": re.escape(address),
        "target_label": label,
        "replacement": value.replace("$", "$$"),
    }
