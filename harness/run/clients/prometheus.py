"""Prometheus over HTTP: queries with exact milliseconds, raw samples, rules, targets and status.

Instant queries go through prometheus-api-client, on our connections instead of its own: its session retries in silence
and its answers lose the server's warnings, neither of which can happen here. Its range queries round to whole
seconds, and rules, alerts, targets, status and readiness are not in it: these are ours.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from prometheus_api_client import PrometheusConnect

from harness.core.units import format_duration
from harness.run.clients.http import Http

__all__ = ["PrometheusClient", "Result", "SeriesData", "sum_families"]

_MAX_POINTS: Final = 11_000
_ANY_NAME: Final = {"accept": "text/plain;version=1.0.0;escaping=allow-utf-8,text/plain;version=0.0.4;q=0.5"}
"""Otherwise dots and the like come back as underscores."""
_FAMILY: Final = "harness_family"


@dataclass(frozen=True, slots=True)
class SeriesData:
    """One series of an answer: ``points`` are (epoch seconds, value); a scalar or vector has one point."""

    labels: dict[str, str]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a query, with the server's own warnings and remarks."""

    series: tuple[SeriesData, ...]
    warnings: tuple[str, ...] = ()


class PrometheusClient:
    """One Prometheus server; every method raises ``HttpFault`` when it does not answer as it should."""

    def __init__(self, http: Http) -> None:
        self.http = http

    def query(self, expression: str, *, at: float | None = None) -> Result:
        """Instant query at ``at`` (epoch seconds; None: now)."""
        transport = _Transport(self.http)
        connect = PrometheusConnect(url="", session=transport, method="POST")
        data = connect.custom_query(expression, params=None if at is None else {"time": _instant(at)})
        return _result(data, transport.warnings)

    def query_range(self, expression: str, start: float, end: float, step_s: float) -> Result:
        """Values at ``start``, ``start + step_s``, … up to ``end``, epoch seconds exact to the millisecond.

        At most 11,000 points a series are answered by the server; ask for longer stretches in parts.
        """
        form = {"query": expression, "start": _instant(start), "end": _instant(end), "step": f"{step_s:.3f}"}
        body = self.http.post_form("/api/v1/query_range", form).require_ok().json()
        return _result(body["data"]["result"], _warnings(body))

    def samples(self, selector: str, after: float, until: float) -> Result:
        """Raw samples of ``selector`` with their own timestamps, in the left-open interval (``after``, ``until``]."""
        window_s = round(until * 1000) / 1000 - round(after * 1000) / 1000
        if window_s <= 0:
            return Result(())
        return self.query(f"{selector}[{format_duration(window_s)}]", at=until)

    def rules(self, kind: str = "") -> list[dict[str, Any]]:
        """Rule groups with their rules; ``kind`` alert or record narrows them."""
        return list(self._data("/api/v1/rules", {"type": kind} if kind else None)["groups"])

    def alerts(self) -> list[dict[str, Any]]:
        """Pending and firing alerts."""
        return list(self._data("/api/v1/alerts")["alerts"])

    def targets(self) -> list[dict[str, Any]]:
        """Active scrape targets."""
        return list(self._data("/api/v1/targets", {"state": "active"})["activeTargets"])

    def alertmanagers(self) -> list[dict[str, Any]]:
        """Alertmanagers that it sends alerts to."""
        return list(self._data("/api/v1/alertmanagers")["activeAlertmanagers"])

    def metadata(self) -> dict[str, list[dict[str, str]]]:
        """Type, unit and help of every metric family, as scraped."""
        return dict(self._data("/api/v1/metadata"))

    def series(self, *selectors: str) -> list[dict[str, str]]:
        """Label sets of the series that match any selector."""
        return list(self._data("/api/v1/series", {"match[]": selectors}))

    def federate(self, selector: str) -> str:
        """The latest sample of every series that ``selector`` matches, in the exposition format."""
        answer = self.http.send("GET", "/federate", params={"match[]": selector}, headers=_ANY_NAME)
        return answer.require_ok().text

    def native_histograms(self, selector: str) -> str:
        """Count and sum of every native histogram that ``selector`` matches, as text: federation leaves them out.

        A comment ``# native NAME`` stands before those of each family.
        """
        named = f'label_replace({selector}, "{_FAMILY}", "$1", "__name__", "(.+)")'
        found: dict[str, list[str]] = defaultdict(list)
        for what in ("count", "sum"):
            for series in self.query(f"histogram_{what}({named})").series:
                labels = {name: value for name, value in series.labels.items() if name != _FAMILY}
                family = series.labels[_FAMILY]
                found[family] += [_sample(f"{family}_{what}", labels, value) for _, value in series.points[-1:]]
        return "".join(f"# native {family}\n" + "".join(lines) for family, lines in found.items())

    def config(self) -> str:
        """The running configuration, as YAML."""
        return str(self._data("/api/v1/status/config")["yaml"])

    def flags(self) -> dict[str, str]:
        """Command line flags as the server took them."""
        return dict(self._data("/api/v1/status/flags"))

    def runtime(self) -> dict[str, Any]:
        """Facts about the running server (start time, last reload, retention)."""
        return dict(self._data("/api/v1/status/runtimeinfo"))

    def version(self) -> dict[str, str]:
        """Version, revision, Go version."""
        return dict(self._data("/api/v1/status/buildinfo"))

    def format_query(self, expression: str) -> str:
        """``expression`` as the server prints it; raises ``HttpFault`` (status 400) where it does not parse."""
        return str(self.http.post_form("/api/v1/format_query", {"query": expression}).require_ok().json()["data"])

    def ready(self) -> bool:
        """Whether the server says it is ready; False too while it answers anything else."""
        return self.http.send("GET", "/-/ready").ok

    def own_metrics(self) -> str:
        """The text of the server's own metrics."""
        return self.http.get("/metrics").text

    def _data(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        return self.http.get_json(path, params)["data"]


class _Transport:
    """As much of a ``requests`` session as prometheus-api-client uses, over our connections."""

    verify = cert = None

    def __init__(self, http: Http) -> None:
        self._http = http
        self.warnings: tuple[str, ...] = ()

    def mount(self, *_: Any) -> None:
        """Nothing: retries cannot be mounted here."""

    def request(self, *, url: str, params: Mapping[str, Any], **_: Any) -> _Response:
        """One exchange; raises ``HttpFault`` unless it went well."""
        answer = self._http.post_form(url, params).require_ok()
        body = answer.json()
        self.warnings = _warnings(body)
        return _Response(answer.status, body)


@dataclass(frozen=True, slots=True)
class _Response:
    status_code: int
    body: Any

    def json(self) -> Any:
        return self.body


def sum_families(text: str, names: frozenset[str]) -> dict[str, float]:
    """Sum over all labels of each family in ``names`` that the exposition ``text`` holds.

    A line scan: parsing the 700 lines of a component's own metrics would cost a hundred times as much.
    """
    sums: dict[str, float] = {}
    for line in text.splitlines():
        end = line.find("{")
        name = line[:end] if end >= 0 else line.partition(" ")[0]
        if name in names:
            value = line[line.rfind("}") + 1 :] if end >= 0 else line[len(name) :]
            sums[name] = sums.get(name, 0.0) + float(value.split()[0])
    return sums


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    quoted = partial(json.dumps, ensure_ascii=False)
    inside = "".join(f", {quoted(key)}={quoted(text)}" for key, text in labels.items())
    return f"{{{quoted(name)}{inside}}} {value!r}\n"


def _instant(t: float) -> str:
    return f"{t:.3f}"


def _warnings(body: Mapping[str, Any]) -> tuple[str, ...]:
    return (*body.get("warnings", ()), *body.get("infos", ()))


def _result(data: Any, warnings: tuple[str, ...]) -> Result:
    if data and not isinstance(data[0], dict):  # a scalar: [t, "value"]
        return Result((SeriesData({}, ((float(data[0]), float(data[1])),)),), warnings)
    return Result(tuple(SeriesData(item["metric"], _points(item)) for item in data), warnings)


def _points(item: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    pairs = item["values"] if "values" in item else [item["value"]] if "value" in item else []
    return tuple((float(t), float(value)) for t, value in pairs)
