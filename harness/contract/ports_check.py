"""Every port, helper and stream that profile and contract name is one that the profile has: a slip is told at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from harness.contract.campaign import Campaign
from harness.contract.strict import known
from harness.contract.subject import FaultHook, StandsFor
from harness.core.source import Document, DocumentPath

__all__ = ["check_ports"]

_CALLS: Final = ("inject", "confirm", "heal")


def check_ports(campaign: Campaign) -> None:
    """Raises ``ConfigError`` at the first name that nothing has."""
    profile, written = campaign.profile, campaign.profile_source.document
    _port(campaign, None, profile.ready.port, written, ("ready", "port"))
    if profile.metrics:
        _port(campaign, profile.metrics.helper, profile.metrics.port, written, ("metrics", "port"))
    for name in profile.tls:
        known(name, profile.ports, "port", written.locate(("tls", name), key=True))
    for name, helper in profile.helpers.items():
        if helper.ready:
            known(helper.ready.port, helper.ports, "port", written.locate(("helpers", name, "ready", "port")))
    for index, entry in enumerate(profile.stands_for):
        _check_entry(campaign, entry, written, ("stands_for", index))
    for name, fault in profile.faults.items():
        _check_fault(campaign, fault, written, ("faults", name))
    for name, endpoint in campaign.contract.endpoints.items():
        _port(campaign, None, endpoint.port, campaign.contract_source.document, ("endpoints", name, "port"))


def _check_entry(campaign: Campaign, entry: StandsFor, written: Document, path: DocumentPath) -> None:
    if entry.stream is not None:
        known(entry.stream, campaign.profile.logs, "log stream", written.locate((*path, "stream")))
    if entry.helper is not None or entry.port is not None:
        _port(campaign, entry.helper, entry.port, written, (*path, "port"))


def _check_fault(campaign: Campaign, fault: FaultHook, written: Document, path: DocumentPath) -> None:
    for name in _CALLS:
        call = getattr(fault, name)
        if call is not None:
            _port(campaign, call.helper, call.port, written, (*path, name, "port"))
    if fault.link is not None:
        _port(campaign, fault.link.helper, fault.link.port, written, (*path, "link", "port"))


def _port(campaign: Campaign, helper: str | None, port: str | None, written: Document, path: DocumentPath) -> None:
    ports: Collection[str] = campaign.profile.ports
    if helper is not None:
        known(helper, campaign.profile.helpers, "helper", written.locate((*path[:-1], "helper")))
        ports = campaign.profile.helpers[helper].ports
    if port is not None:
        known(port, ports, "port", written.locate(path))
