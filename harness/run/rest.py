"""The end of a story, told by everybody: what is held is given back, then text, JSON and Prometheus are read in turn.

What stands still between a first and a last text must read the same in everything that was read between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from harness.clauses.exposition import key_of, parse_exposition, shown_series
from harness.clauses.model import Need, NeedKind
from harness.evidence.records import Federated
from harness.run.barriers import Ticking
from harness.run.cell import Cell
from harness.run.clients.http import Http, server_of
from harness.run.clients.prometheus import PrometheusClient
from harness.run.observe.barriers import BarrierCondition, pass_barrier
from harness.run.observe.cell import CellObserver
from harness.run.observe.targets import ExpositionTarget
from harness.run.observing import exposition_targets
from harness.run.stack.wait import NotYet

__all__ = ["RestBarrier", "ScrapedBarrier", "come_to_rest"]

_REST_S: Final = 3.0
"""Wall seconds in which what a story took must be given back."""
_SCRAPES: Final = 3
_KINDS: Final[tuple[frozenset[NeedKind], ...]] = (frozenset({"expositions"}), frozenset({"answers"}))


def come_to_rest(cell: Cell, observer: CellObserver, tick: Callable[[], None]) -> None:
    """Wait for gauges that promise to come to rest, then read text, answers and Prometheus, as far as needed."""
    kinds = {need.kind for need in cell.plan.needs}
    if "expositions" not in kinds:
        return
    gauges = _resting(cell)
    targets = exposition_targets(cell)
    if gauges and targets and Need("barriers", "rest") in cell.plan.needs:
        _pass(cell, RestBarrier(targets, gauges), _REST_S, tick)
    for kind in _KINDS:
        observer.settle(time.time(), kind)
    for need in sorted(cell.plan.needs):
        if need.kind == "federated" and "prometheus" in cell.plan.parts:
            _ask_prometheus(cell, need.detail, tick)


def _ask_prometheus(cell: Cell, selector: str, tick: Callable[[], None]) -> None:
    client = PrometheusClient(Http(f"http://{cell.place.part('prometheus')}"))
    condition = ScrapedBarrier(client, selector, time.time())
    passed = _pass(cell, condition, _REST_S + _SCRAPES * cell.context.production.scrape_s / cell.speed, tick)
    if passed or not condition.text:  # what is older than the instances' own text would be compared in vain
        text = condition.text + client.native_histograms(selector)
        cell.context.recorder.add(Federated(cell.name, time.time(), text))


def _resting(cell: Cell) -> dict[str, float]:
    plane = cell.context.campaign.contract.metrics
    families = plane.families.items() if plane else ()
    return {plane.prefix + name: f.rests_at for name, f in families if plane and f.rests_at is not None}


def _pass(cell: Cell, condition: BarrierCondition, within_s: float, tick: Callable[[], None]) -> bool:
    ticking = Ticking(condition, tick, within_s)
    barrier = pass_barrier(cell.name, ticking, within_s=within_s, cancel=cell.context.cancel)
    cell.context.recorder.add(barrier)
    return barrier.passed


class RestBarrier:
    """Every series of ``gauges`` (name → value) stands at its value in the text of every instance."""

    plane = "rest"

    def __init__(self, targets: Sequence[ExpositionTarget], gauges: Mapping[str, float]) -> None:
        self._targets, self._gauges = targets, gauges

    def check(self) -> str:
        """As the protocol says."""
        for target in self._targets:
            http, path = server_of(target.url, target.timeout_s, tls=target.tls, follow=True)
            text = http.send("GET", path, headers=target.headers).require_ok().text
            self._look(target.instance, _lines_about(text, self._gauges))
        return f"{', '.join(self._gauges)} came to rest"

    def _look(self, instance: str, text: str) -> None:
        for family in parse_exposition(text).values():
            for sample in family.samples:
                if sample.value != self._gauges.get(sample.name, sample.value):
                    raise NotYet(f"{shown_series(key_of(sample))} of {instance} stands at {sample.value:g}")


def _lines_about(text: str, names: Mapping[str, float]) -> str:
    """Parsing a whole text to look at a few gauges would cost a hundred times as much."""
    beginnings = tuple(f"{name}{mark}" for name in names for mark in "{ ")
    return "".join(line for line in text.splitlines(keepends=True) if line.startswith(beginnings))


class ScrapedBarrier:
    """Prometheus has scraped every series of ``selector`` once more since ``since`` (epoch seconds)."""

    plane = "rest"

    def __init__(self, prometheus: PrometheusClient, selector: str, since: float) -> None:
        self._client, self._selector, self._since = prometheus, selector, since
        self.text = ""
        """What Prometheus held when it was last asked."""

    def check(self) -> str:
        """As the protocol says."""
        self.text = self._client.federate(self._selector)
        samples = [line for line in self.text.splitlines() if line and not line.startswith("#")]
        # a sample is stamped with the start of its scrape, so what it tells is at least that young
        old = [line for line in samples if int(line.rpartition(" ")[2]) <= self._since * 1000]
        if old or not samples:
            raise NotYet(f"{len(old)} of {len(samples)} series were not scraped again")
        return f"{len(samples)} series were scraped again"
