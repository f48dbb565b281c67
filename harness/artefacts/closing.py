"""Closing off what a topology does not bind, by name, so that a production file starts as it is.

Refusing is the default of every binding. A plan that may leave ways out unproved calls this first and
reports each name: what is closed off is not dialled and not proved.
"""

from __future__ import annotations

from dataclasses import replace

from harness.artefacts.prometheus_config import PrometheusConfig, ScrapeJob
from harness.artefacts.topology import JobBinding, Topology

__all__ = ["close_off"]


def close_off(topology: Topology, config: PrometheusConfig) -> tuple[Topology, tuple[str, ...]]:
    """``topology`` with every unbound way out of ``config`` left out, and the names of what was.

    A job of which nothing is bound scrapes nothing; a written target without a stand-in is left out.
    """
    names = {job.name for job in config.jobs if not _is_bound(job, topology)}
    jobs = {**topology.jobs, **{name: JobBinding() for name in names}}
    dialled = [job.discovery for job in config.jobs if job.name not in jobs and not job.discovery.is_relayed]
    absent = {each for found in dialled for each in found.static_targets} - topology.addresses.keys()
    absent |= set(config.scrape_config_files) - topology.files.keys()
    absent = (absent | _services(topology, config)) - topology.absent
    closed = replace(topology, jobs=jobs, absent=topology.absent | absent)
    return closed, tuple(sorted(absent | {f"job {name}" for name in names}))


def _is_bound(job: ScrapeJob, topology: Topology) -> bool:
    if job.name in topology.jobs:
        return True
    dialled = {*job.discovery.static_targets, *job.discovery.fixed_addresses}
    return not job.discovery.live_kinds and bool(dialled & topology.addresses.keys())


def _services(topology: Topology, config: PrometheusConfig) -> set[str]:
    found = {f"alertmanagers[{index}]" for index in range(1, len(config.alertmanagers))}
    if config.alertmanagers and topology.alertmanager is None:
        found.add("alertmanagers")
    if config.remote_write and topology.remote_write is None:
        found.add("remote_write")
    if config.remote_read:
        found.add("remote_read")
    return found
