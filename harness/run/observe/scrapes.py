"""The regularity of scrapes: ``up`` of every target, the gaps between its samples, and whether it was truly down."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from harness.clauses.model import Need
from harness.core.tls import Tls
from harness.core.units import parse_duration
from harness.evidence.records import Reading, Record, ScrapeRefused, Series
from harness.run.clients.http import HttpFault, server_of
from harness.run.clients.prometheus import PrometheusClient
from harness.run.observe.series import PROMETHEUS, SampleSource
from harness.run.observe.source import Clock, Moment

__all__ = ["ScrapeSource"]


_UNASKED: Final = Tls(any_certificate=True)
"""Whoever answers lives; who it is, Prometheus asks."""


class ScrapeSource:
    """``up`` of every target as raw samples, and readings on its target; their component is ``<job> <instance>``.

    ``scrape_gap_s`` ends at its ``t``: the widest gap so far, and every one of more than two intervals. A job that is
    scraped more slowly than the subject has a gap only from one and a half of its own intervals.
    ``up_zero_s`` is the length of a stretch at 0 that ended at its ``t``.
    ``up_zero_while_answered`` counts the failed scrapes right before which the target answered us, after one that had
    failed too: it is asked only while it is down.
    ``scrape_timed_out_s`` is how long a failed scrape was waited for, where that was the whole of its timeout.
    ``ScrapeRefused`` tells what Prometheus could not take in: then the target answered us, too, and nothing is unfit.
    """

    components = PROMETHEUS

    def __init__(
        self,
        cell: str,
        client: PrometheusClient,
        clock: Clock,
        *,
        scrape_s: float,
        lag_s: float,
        needs: tuple[Need, ...] = (),
    ) -> None:
        self._samples = SampleSource(cell, client, "up", clock, lag_s=lag_s, needs=needs, query="up")
        self.cells, self.needs, self.every_s = (cell,), needs, self._samples.every_s
        self._client, self._clock, self._scrape_s = client, clock, scrape_s
        self._targets: dict[str, _Target] = {}
        self._unread: list[Series] = []  # kept where a question about their targets fails

    def read(self, now: float, moment: Moment) -> Sequence[Record]:
        """The samples, and what they say about each target."""
        self._unread += self._samples.stretches(now, moment)
        if any(_name(series.labels) not in self._targets for series in self._unread):
            self._meet(self._unread)
        late: list[Record] = list(self._timed_out(self._unread))
        late += self._refused(self._unread)
        stretches, self._unread = self._unread, []
        records: list[Record] = [*late, *stretches]  # what excuses a sample is known before it
        for series in stretches:
            records += self._targets[_name(series.labels)].follow(series)
        for target in self._targets.values():
            if moment == "finish":
                records += target.end(now)
            else:
                target.ask_if_down(self._clock)
        return records

    def _timed_out(self, stretches: Sequence[Series]) -> Iterator[Reading]:
        """Failed scrapes that took all the time that they were given: Prometheus records how long each took."""
        failed = {(_name(s.labels), t) for s in stretches for t, value in s.points if value == 0}
        if not failed:
            return
        instants = [t for _, t in failed]
        took = self._client.samples("scrape_duration_seconds", min(instants) - 0.001, max(instants))
        for series in took.series:
            name = _name(series.labels)
            for t, length_s in series.points:
                if (name, t) in failed and length_s >= self._targets[name].timeout_s:
                    yield Reading(self.cells[0], t, name, "scrape_timed_out_s", round(length_s, 3))

    def _refused(self, stretches: Sequence[Series]) -> Iterator[ScrapeRefused]:
        """What Prometheus says of targets that have just gone down, where it had their answer."""
        fallen = {_name(s.labels): s.points[-1][0] for s in stretches if s.points and s.points[-1][1] == 0}
        if not any(self._targets[name].is_standing for name in fallen):
            return
        for item in self._client.targets():
            name, error = _name(item["labels"]), str(item.get("lastError", ""))
            if name in fallen and is_refusal(error) and self._targets[name].refuses(error, fallen[name]):
                yield ScrapeRefused(self.cells[0], fallen[name], name, error)

    def _meet(self, stretches: Sequence[Series]) -> None:
        told = {_name(item["labels"]): item for item in self._client.targets()}
        for name in (_name(series.labels) for series in stretches):
            if name not in self._targets:
                self._targets[name] = _Target(self.cells[0], name, self._scrape_s, told.get(name, {}))


class _Target:
    """One target: when it was last scraped, the widest gap so far, since when it is down, when it answered us."""

    def __init__(self, cell: str, name: str, scrape_s: float, told: Mapping[str, Any]) -> None:
        self._cell, self._name, self._url = cell, name, str(told.get("scrapeUrl", ""))
        self._interval_s = parse_duration(told["scrapeInterval"]) if told else scrape_s
        self.timeout_s = parse_duration(told.get("scrapeTimeout", told["scrapeInterval"])) if told else scrape_s
        self._widest_s = 1.5 * self._interval_s if self._interval_s > scrape_s else 0.0
        self._last_t: float | None = None
        self._zero_since: float | None = None
        self._answered_t = 0.0
        self._answered = 0
        self._refusals: set[str] = set()
        self._refused_t = -math.inf

    @property
    def is_standing(self) -> bool:
        """Whether it was not down at its last scrape."""
        return self._zero_since is None

    def refuses(self, error: str, t: float) -> bool:
        """Take in that Prometheus refused the target's answer at ``t``; whether the error is news."""
        self._refused_t = t
        is_news = error not in self._refusals
        self._refusals.add(error)
        return is_news

    def follow(self, series: Series) -> Iterator[Reading]:
        """Readings that the samples of ``series`` give rise to."""
        for t, value in series.points:
            if self._last_t is not None:
                yield from self._gap(t, t - self._last_t)
            self._last_t = t
            yield from self._down(t) if value == 0 else self._up(t)

    def end(self, now: float) -> Iterator[Reading]:
        """What is open at the end: a silence that is longer than a scrape should take, a stretch at 0."""
        silent_s = now - (self._last_t or now)
        if silent_s > 2 * self._interval_s:
            yield from self._gap(now, silent_s)
        yield from self._up(now)

    def ask_if_down(self, clock: Clock) -> None:
        """Ask the target itself what Prometheus asks it in vain."""
        if self._zero_since is None or not self._url or self._refused_t >= self._zero_since:
            return
        asked_t = clock()
        try:
            http, path = server_of(self._url, self._interval_s, tls=_UNASKED)
            if http.send("GET", path).ok:
                self._answered_t = asked_t
        except HttpFault:
            pass  # down for us too

    def _gap(self, t: float, gap_s: float) -> Iterator[Reading]:
        if gap_s > self._widest_s or gap_s > 2 * self._interval_s:
            self._widest_s = max(self._widest_s, gap_s)
            yield Reading(self._cell, t, self._name, "scrape_gap_s", round(gap_s, 3))

    def _down(self, t: float) -> Iterator[Reading]:
        if self._zero_since is None:
            self._zero_since = t
            yield self._reading(t, "up_zero_while_answered", self._answered)
        elif self._zero_since < self._answered_t < t:
            self._answered += 1
            self._answered_t = 0.0
            yield self._reading(t, "up_zero_while_answered", self._answered)

    def _up(self, t: float) -> Iterator[Reading]:
        since, self._zero_since = self._zero_since, None
        self._answered_t = 0.0
        if since is not None:
            yield self._reading(t, "up_zero_s", t - since)

    def _reading(self, t: float, name: str, value: float) -> Reading:
        return Reading(self._cell, t, self._name, name, round(value, 3))


def is_refusal(error: str) -> bool:
    """Whether Prometheus had the answer: errors of transport quote the request, those of a status name it."""
    return bool(error) and not error.startswith(("Get ", "server returned HTTP status"))


def _name(labels: Mapping[str, str]) -> str:
    return f"{labels.get('job', '')} {labels.get('instance', '')}"
