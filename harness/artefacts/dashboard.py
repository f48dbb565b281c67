"""A Grafana dashboard as data: panels with their queries and units, and the variables that the queries use.

Read are boards as file provisioning and the API take them, rows that hold their panels included, back to the
schemas in which rows came first. The schema of version 2 is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from harness.artefacts.promql import Place
from harness.artefacts.reading import Node
from harness.core.errors import ConfigError, Location
from harness.core.positions import inside
from harness.core.source import Document

__all__ = ["Dashboard", "Override", "Panel", "Target", "Variable", "read_dashboard"]

_REFERENCE: Final = re.compile(r"\$\{?(\w+)\}?|\[\[(\w+)\]\]")
_RANGE: Final = re.compile(r"now-(\d+)([smhdwMy])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}
_DEFAULT_RANGE_S: Final = 6 * 3600.0
_SPECIAL: Final = {
    "__expr__": "an expression of Grafana's own",
    "-- Dashboard --": "the queries of another panel",
    "-- Grafana --": "Grafana's own data",
    "grafana": "Grafana's own data",
}


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel, as written. ``asks`` names what it asks where that is not Prometheus."""

    ref: str
    text: str
    asks: str
    legend: str
    interval: str
    """The smallest step that the query asks for; empty for the data source's own."""
    place: Place


@dataclass(frozen=True, slots=True)
class Override:
    """Another unit for some series: ``matcher`` is Grafana's name for how they are chosen, ``options`` which."""

    matcher: str
    options: str
    unit: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; ``unit`` is Grafana's name of it, empty where none is chosen."""

    title: str
    kind: str
    unit: str
    overrides: tuple[Override, ...]
    transformations: tuple[str, ...]
    targets: tuple[Target, ...]
    """The queries that are shown; hidden ones are left out."""
    is_library: bool
    location: Location


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the board. ``values`` are those that the file stores; ``$__all`` stands for all of them."""

    name: str
    kind: str
    query: str
    values: tuple[str, ...]
    options: tuple[str, ...]
    all_value: str
    is_multiple: bool
    asks: str
    place: Place


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One board; ``range_s`` is the stretch of time that it shows at first."""

    file: str
    title: str
    range_s: float
    variables: tuple[Variable, ...]
    panels: tuple[Panel, ...]


def read_dashboard(document: Document) -> Dashboard:
    """View of a dashboard file; raises ``ConfigError`` for what is none, or is in a schema that is not read."""
    root = _board(Node.root(document))
    sources = _sources(root)
    shown = _RANGE.fullmatch(root.get("time").get("from").text())
    return Dashboard(
        file=document.file,
        title=root.get("title").text() or document.file,
        range_s=float(int(shown[1]) * _SECONDS[shown[2]]) if shown else _DEFAULT_RANGE_S,
        variables=tuple(_variable(node, sources) for node in root.get("templating").get("list").items()),
        panels=tuple(_panel(node, sources) for node in _panels(root)),
    )


def _board(root: Node) -> Node:
    """The board itself: the API wraps it, and so do Kubernetes resources."""
    version = root.get("apiVersion").text()
    spec = root.get("spec").value
    if "/v2" in version or (isinstance(spec, dict) and "elements" in spec) or "elements" in root.mapping():
        raise ConfigError(
            f"the dashboard is in the schema {version or 'v2'}, which is not read",
            location=root.location,
            remedy="export it in the classic schema, with panels and schemaVersion",
        )
    for wrap in ("dashboard", "spec"):
        if isinstance(root.get(wrap).value, dict) and "panels" not in root.mapping():
            root = root.get(wrap)
    if root.get("panels").value is None and root.get("rows").value is None:
        remedy = "name only dashboards in the contract: a pattern may take in other files"
        raise ConfigError("this is no dashboard: it has neither panels nor rows", location=root.location, remedy=remedy)
    return root


def _panels(root: Node) -> Iterator[Node]:
    for node in root.get("panels").items():
        if node.get("type").text() == "row":
            yield from node.get("panels").items()
        else:
            yield node
    for row in root.get("rows").items():
        yield from row.get("panels").items()


def _sources(root: Node) -> dict[str, str]:
    """Names that stand for a data source (variables, and inputs of an export) → its type."""
    inputs = {node.get("name").text(): node.get("pluginId").text() for node in root.get("__inputs").items()}
    listed = root.get("templating").get("list").items()
    chosen = {n.get("name").text(): n.get("query").text() for n in listed if n.get("type").text() == "datasource"}
    return {**inputs, **chosen}


def _panel(node: Node, sources: Mapping[str, str]) -> Panel:
    kind = node.get("type").text()
    own = node.get("datasource")
    targets = (_target(each, own, sources, node.get("interval").text()) for each in node.get("targets").items())
    field = node.get("fieldConfig")
    return Panel(
        title=node.get("title").text() or f"panel {node.get('id').text('without a title')}",
        kind=kind,
        unit=_unit(node, kind),
        overrides=tuple(_overrides(field)),
        transformations=tuple(each.get("id").text() for each in node.get("transformations").items()),
        targets=tuple(target for target in targets if target),
        is_library=node.get("libraryPanel").value is not None and node.get("targets").value is None,
        location=node.location,
    )


def _unit(node: Node, kind: str) -> str:
    """Where each kind of panel keeps its unit, today and in older schemas."""
    modern = node.get("fieldConfig").get("defaults").get("unit").text()
    if kind == "heatmap":
        modern = node.get("options").get("yAxis").get("unit").text() or modern
        return modern or node.get("yAxis").get("format").text()
    axes = [each.get("format").text() for each in node.get("yaxes").items()] or list(node.get("y_formats").texts())
    return modern or node.get("format").text() or (axes[0] if axes else "")


def _overrides(field: Node) -> Iterator[Override]:
    for each in field.get("overrides").items():
        for item in each.get("properties").items():
            if item.get("id").text() == "unit":
                chosen = each.get("matcher")
                yield Override(chosen.get("id").text(), _word(chosen.get("options").value), item.get("value").text())


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _target(node: Node, panel: Node, sources: Mapping[str, str], interval: str) -> Target | None:
    if node.get("hide").value is True:
        return None
    own = node.get("datasource")
    kind = _kind(own if own.value is not None else panel, sources)
    expression = node.get("expr")
    asks = _asks(kind, has_expression=expression.value is not None)
    return Target(
        ref=node.get("refId").text("A"),
        text="" if asks else expression.text(),
        asks=asks,
        legend=node.get("legendFormat").text(),
        interval=node.get("interval").text() or interval,
        place=inside(node.document, expression.path) if expression.value is not None else lambda _: node.location,
    )


def _asks(kind: str, *, has_expression: bool) -> str:
    """What a target asks, if not Prometheus; one without a type that has an expression is taken for PromQL."""
    if "prometheus" in kind.lower() or (not kind and has_expression):
        return ""
    return _SPECIAL.get(kind, kind) or "an unknown data source"


def _kind(node: Node, sources: Mapping[str, str]) -> str:
    """Type of the data source that ``node`` names; empty where only Grafana's own settings tell."""
    value = node.value
    if not isinstance(value, dict):
        return _named(_word(value), sources)
    uid, kind = node.get("uid").text(), node.get("type").text()
    return uid if uid in _SPECIAL else (_named(uid, sources) if kind in {"", "datasource"} else kind)


def _named(name: str, sources: Mapping[str, str]) -> str:
    reference = _REFERENCE.fullmatch(name)
    return sources.get(reference[1] or reference[2], "") if reference else (name if name in _SPECIAL else "")


def _variable(node: Node, sources: Mapping[str, str]) -> Variable:
    query = node.get("query")
    nested = isinstance(query.value, dict)
    text = query.get("query") if nested else query
    current = node.get("current").mapping().get("value")
    stored = current if isinstance(current, list) else [current]
    kind = node.get("type").text()
    source = _kind(node.get("datasource"), sources)
    return Variable(
        name=node.need("name").text(),
        kind=kind,
        query=text.text() if text.value is not None else "",
        values=tuple(str(value) for value in stored if value not in (None, "")),
        options=tuple(str(each.get("value").value) for each in node.get("options").items()),
        all_value=node.get("allValue").text(),
        is_multiple=node.get("multi").flag(False) or node.get("includeAll").flag(False),
        asks=_asks(source, has_expression=True) if kind == "query" else "",
        place=inside(node.document, text.path) if isinstance(text.value, str) else lambda _: node.location,
    )
