"""What the queries of dashboards are in this campaign: filled in, parsed, held against what is declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from harness.artefacts.clock import PER_SECOND, PER_WINDOW, Clock
from harness.artefacts.dashboard import Dashboard, Panel, Target, Variable
from harness.artefacts.dashboard_variables import Filled, Filler
from harness.artefacts.dimensions import Quantity, observed_by, quantity_of
from harness.artefacts.panel_units import limits_of, misfit, shown_quantity
from harness.artefacts.promql import Query, parse
from harness.clauses.production import Production, clock_of
from harness.clauses.vocabulary import Vocabulary
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.core.errors import ConfigError
from harness.core.units import format_duration

__all__ = ["AskedQuery", "Reader", "limits", "misfits", "undecided_units"]

_DEFAULT_SCRAPE_S: Final = 15.0
"""What Grafana takes for the scrape interval where nobody tells it."""
_FALLS: Final = frozenset({"delta", "idelta", "deriv"})
_RENAMING: Final = frozenset(
    {"organize", "merge", "sortBy", "renameByRegex", "labelsToFields", "seriesToColumns", "joinByField", "limit"}
)
"""Transformations after which values are still those of the queries."""


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """One query as it would be asked: ``problem`` tells, with its place, why nobody can; ``unknown`` why we cannot."""

    ref: str
    legend: str
    query: Query | None
    quantity: Quantity | None = None
    problem: str = ""
    empty: str = ""
    """Why it can never return anything."""
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the queries of one board in the stories in which it is looked at."""

    board: Dashboard
    vocabulary: Vocabulary
    production: Production
    clocks: tuple[Clock, ...]

    @classmethod
    def of(
        cls,
        campaign: Campaign,
        production: Production,
        vocabulary: Vocabulary,
        board: Dashboard,
        stories: Iterable[Scenario],
    ) -> Reader:
        """A reader for the speeds of ``stories``."""
        speeds = dict.fromkeys(campaign.speed_of(story) for story in stories)
        return cls(board, vocabulary, production, tuple(clock_of(campaign, production, speed) for speed in speeds))

    def target(self, panel: Panel, target: Target) -> AskedQuery:
        """One query of a panel."""
        return self._asked(panel, target.ref, target.legend, self._filler.target(target))

    def variable(self, variable: Variable, expression: str) -> AskedQuery:
        """The query behind the values of a variable."""
        return self._asked(None, f"${variable.name}", "", self._filler.text(expression, variable.place))

    @property
    def _filler(self) -> Filler:
        config = self.production.prometheus
        return Filler(self.board, config.scrape_interval_s if config else _DEFAULT_SCRAPE_S)

    def _asked(self, panel: Panel | None, ref: str, legend: str, filled: Filled) -> AskedQuery:
        if not filled.text.strip():
            return AskedQuery(ref, legend, None, problem=f"{filled.place(0)}: the query {ref} is empty")
        if filled.problem:
            return AskedQuery(ref, legend, None, problem=f"{filled.place(filled.problem_at)}: {filled.problem}")
        if filled.unknown:
            return AskedQuery(ref, legend, None, unknown=filled.unknown)
        try:
            query = parse(filled.text, filled.place)
        except ConfigError as error:
            return AskedQuery(ref, legend, None, problem=f"{error.location}: {error.problem}")
        units = self.vocabulary.units
        is_heatmap = panel is not None and panel.kind == "heatmap"
        quantity = (observed_by(query, units) if is_heatmap else None) or quantity_of(query, units)
        return AskedQuery(ref, legend, query, quantity, empty=self._empty(query), unknown=self._unscalable(query))

    def _empty(self, query: Query) -> str:
        """Why ``query`` can never return anything: a rate needs two samples in its range."""
        for selector in query.selectors:
            config = self.production.prometheus
            scrapes = config.scrapes_of([selector]) if config else None
            needs_two = selector.function in PER_SECOND | PER_WINDOW
            if scrapes and needs_two and selector.range_s and selector.range_s < 2 * scrapes.shortest_s:
                window, every = format_duration(selector.range_s), format_duration(scrapes.shortest_s)
                return f"{selector.function}() over {window} never has two samples of {selector.metric}, {every} apart"
        return ""

    def _unscalable(self, query: Query) -> str:
        config = self.production.prometheus
        scrapes = config.scrapes_of(query.selectors) if config else None
        for clock in self.clocks:
            try:
                clock.expression(query, scrapes)
            except ConfigError as error:
                return f"it cannot be asked at speed {clock.speed_text}: {error.problem}"
        return ""


def _unit_of(panel: Panel, asked: AskedQuery) -> str:
    """The unit in which the panel shows this query."""
    for override in panel.overrides:
        chosen = {"byFrameRefID": asked.ref, "byName": asked.legend}.get(override.matcher)
        if chosen is not None and chosen == override.options:
            return override.unit
    return panel.unit


def misfits(panel: Panel, queries: Iterable[AskedQuery]) -> Iterator[str]:
    """What is wrong with the units of ``panel``, query by query."""
    for asked in queries:
        problem = misfit(_unit_of(panel, asked), asked.quantity) if asked.quantity else ""
        if problem:
            yield f"{asked.ref}: {problem}"


def undecided_units(panel: Panel, queries: Iterable[AskedQuery]) -> str:
    """Why nobody can say whether the panel's unit is right; empty where it can be said."""
    changed = [each for each in panel.transformations if each not in _RENAMING]
    if changed:
        return f"the transformation {changed[0]} makes other values of those of the queries"
    for asked in queries:
        unit = _unit_of(panel, asked)
        shown = shown_quantity(unit)
        if shown is None:
            return f"nothing tells whether the query computes what the unit {unit!r} shows"
        if asked.query is not None and asked.quantity is None and shown.kind != "count":
            names = ", ".join(sorted(asked.query.metric_names)) or asked.query.text
            return f"neither names nor the contract tell what {names} measures"
    return ""


def limits(panel: Panel, asked: AskedQuery) -> tuple[float, float]:
    """Between which values the query can lie, as far as what it computes tells."""
    low, high = limits_of(_unit_of(panel, asked), asked.quantity)
    falls = asked.query is not None and ("-" in asked.query.operators or bool(asked.query.functions & _FALLS))
    return (float("-inf") if falls else low), high
