"""How a hop of the monitoring is cut in one cell: from the words of a story to a fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from harness.clauses.hops import FORGOTTEN, PROCESS, is_integration, is_link, link_value
from harness.run.cell import Cell
from harness.run.clients.http import Http, HttpFault
from harness.run.clients.prometheus import PrometheusClient
from harness.run.faults.fault import Fault
from harness.run.faults.forgetting import ForgettingFault
from harness.run.faults.links import LinkFault, LinkKind
from harness.run.faults.refusals import RefusalFault
from harness.run.faults.rules import RulesFault
from harness.run.faults.signals import SignalFault
from harness.run.faults.together import Together
from harness.run.filebeat import registry_of

__all__ = ["blinded_by", "cut_of", "link_fault"]

_WITHIN_S: Final = 15.0
"""Wall seconds in which a part of the stack is up again, or has read its files."""
_LINK_S: Final = 5.0
"""Wall seconds in which a way is disturbed, or free again."""
_LINK_KINDS: Final[Mapping[str, LinkKind]] = {
    "down": "down",
    "blackhole": "blackhole",
    "reset": "reset_peer",
    "latency": "latency",
    "bandwidth": "bandwidth",
}
_NO_LIMIT_S: Final = 3600.0
"""A refusal is confirmed when something is to be delivered; the phase that waits for it has a bound of its own."""


def blinded_by(hop: str, manner: str) -> str:
    """The part of the stack that cannot be asked while ``hop`` is cut, or the empty string."""
    return hop if manner in {*PROCESS, FORGOTTEN} else ""


def cut_of(cell: Cell, hop: str, manner: str) -> Fault:
    """The fault that cuts ``hop``; which hops and manners there are was checked when clauses were compiled."""
    name = f"cut {hop}"
    if hop == "rules":
        return _rules(cell, name, manner)
    if is_link(hop, manner):
        return link_fault(cell, name, hop, manner)
    if is_integration(hop):
        return _refusal(cell, name, hop)
    kind: Literal["kill", "stop"] = "stop" if manner == "hung" else "kill"
    signal = SignalFault(name, kind, cell.processes[hop], lambda: _is_ready(cell, hop), within_s=_WITHIN_S)
    return ForgettingFault(signal, registry_of(cell.folder / hop)) if manner == FORGOTTEN else signal


def _is_ready(cell: Cell, part: str) -> bool:
    try:
        path = "/stats" if part == "filebeat" else "/-/ready"
        return Http(f"http://{cell.place.part(part)}").send("GET", path).ok
    except (OSError, HttpFault):
        return False


def _refusal(cell: Cell, name: str, kind: str) -> Fault:
    receivers = cell.receivers
    assert receivers is not None
    return RefusalFault(
        name, kind, lambda on: receivers.refuse(kind, on), lambda: receivers.refused(kind), within_s=_NO_LIMIT_S
    )


def link_fault(cell: Cell, name: str, hop: str, manner: str, *, within_s: float = _LINK_S) -> Fault:
    """The fault that disturbs all ways of ``hop`` in this manner."""
    proxies, kind = cell.proxies, _LINK_KINDS[manner.partition(" ")[0]]
    assert proxies is not None
    value, client = link_value(manner), proxies.client
    faults = [LinkFault(name, kind, client, way, value=value, within_s=within_s) for way in proxies.of(hop)]
    return Together(name, faults)


def _rules(cell: Cell, name: str, group: str) -> Fault:
    client = PrometheusClient(Http(f"http://{cell.place.part('prometheus')}"))

    def groups() -> list[dict[str, Any]]:
        return [each for each in client.rules() if each["name"] == group]

    return RulesFault(name, group, cell.processes["prometheus"], groups, within_s=_WITHIN_S)
