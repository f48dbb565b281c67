"""What an operator needs beside an alert, a metric and a log event, and what there is of it: one row for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from harness.artefacts.dashboard_variables import Filler
from harness.artefacts.index_template import read_index_template
from harness.artefacts.promql import Query, parse
from harness.artefacts.runbook import CodePiece, Runbook, read_runbook
from harness.clauses.alert_conduct import compile_quiet
from harness.clauses.alert_places import expects_alert
from harness.clauses.production import AlertFacts, Production
from harness.clauses.vocabulary import Vocabulary, vocabulary_of
from harness.contract import Campaign
from harness.contract.alert import Alert
from harness.contract.campaign import Scenario
from harness.contract.loader import stories_beside
from harness.contract.planes import LogStream
from harness.core.errors import ConfigError, Location
from harness.core.source import load_yaml

__all__ = ["Row", "rows_of"]


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that ``subject`` needs: ``by`` tells what there is of it, ``missing`` what there is not."""

    subject: str
    kind: str
    by: str
    missing: str
    source: Location


def rows_of(campaign: Campaign, production: Production) -> tuple[Row, ...]:
    """All rows: alerts, metric families and log events, in the order of the contract."""
    survey = _Survey(campaign, production)
    return (*survey.alerts(), *survey.metrics(), *survey.events())


@dataclass(frozen=True)
class _Survey:
    campaign: Campaign
    production: Production

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return vocabulary_of(self.campaign, self.production)

    @cached_property
    def stories(self) -> tuple[Scenario, ...]:
        """The campaign's stories, and the others that lie beside it: one that is played elsewhere counts."""
        return (*self.campaign.scenarios, *stories_beside(self.campaign))

    @cached_property
    def runbooks(self) -> dict[str, Runbook]:
        """By the path that the contract writes; those that are not there are left out."""
        named = dict.fromkeys(alert.runbook for alert in self.campaign.contract.alerts.values() if alert.runbook)
        paths = {name: (self.campaign.contract_source.folder / name).resolve() for name in named}
        return {
            name: read_runbook(path, shown_as=self.campaign.shown(path))
            for name, path in paths.items()
            if path.is_file()
        }

    @cached_property
    def panels(self) -> dict[str, frozenset[str]]:
        """Panel → the metrics that it reads."""
        found: dict[str, frozenset[str]] = {}
        for board in self.production.dashboards:
            filler = Filler(board, self.production.scrape_s)
            for panel in board.panels:
                queries = (_parsed(filler.target(each).text) for each in panel.targets if not each.asks)
                names = frozenset(name for query in queries if query for name in query.metric_names)
                found[f"{board.title}/{panel.title}"] = names
        return found

    @cached_property
    def recorded(self) -> dict[str, frozenset[str]]:
        """Recorded series → the metrics that it is made of."""
        rules = [rule for file in self.production.rules for rule in file.recordings]
        return {rule.name: rule.query.metric_names for rule in rules}

    # --- alerts

    def alerts(self) -> Iterator[Row]:
        for name, alert in self.campaign.contract.alerts.items():
            facts = self.production.alert(name, self.campaign.contract.budgets.delivery)
            for kind, (by, missing) in self._of_alert(name, alert, facts).items():
                yield Row(f"alert {name}", kind, by, missing, self.campaign.promise("alerts", name))

    def _of_alert(self, name: str, alert: Alert, facts: AlertFacts | None) -> dict[str, tuple[str, str]]:
        runbook = self.runbooks.get(alert.runbook or "")
        always = "it always fires" if alert.always else ""
        return {
            "firing": (always or self._firing(name), "no story lets it fire"),
            "quiet": (always or self._quiet(name), "no story claims, for long enough, that it stays quiet"),
            "route": (_route(facts), "its route leads to no integration"),
            "declared": self._declared(facts),
            "panel": (always or self._panel(facts), "no panel shows a metric of its expression"),
            "runbook": (alert.runbook if runbook and runbook.names(name) else "", _no_runbook(name, alert, runbook))
            if alert.runbook
            else ("", "the contract names no runbook"),
            "log_query": (always, "") if always else self._log_query(runbook),
        }

    def _firing(self, name: str) -> str:
        return ", ".join(story.name for story in self.stories if expects_alert(self.campaign, story, name))

    def _quiet(self, name: str) -> str:
        return ", ".join(story.name for story in self.stories if name in self._claims[story.name])

    @cached_property
    def _claims(self) -> Mapping[str, frozenset[str]]:
        return {
            story.name: frozenset(clause.name for clause in compile_quiet(self.campaign, self.production, story))
            for story in self.stories
        }

    def _panel(self, facts: AlertFacts | None) -> str:
        read = self._roots(facts.rule.query) if facts else frozenset()
        return ", ".join(title for title, names in self.panels.items() if names & read)

    def _roots(self, query: Query) -> frozenset[str]:
        """Metrics that the expression reads, through recording rules as well."""
        found, todo = set(query.metric_names), list(query.metric_names)
        while todo:
            more = self.recorded.get(todo.pop(), frozenset()) - found
            found |= more
            todo += more
        return frozenset(found)

    def _declared(self, facts: AlertFacts | None) -> tuple[str, str]:
        problems = list(self.vocabulary.problems(facts.rule.query)) if facts else ["no rule file defines it"]
        return ("" if problems else "its expression speaks of declared things"), "; ".join(problems)

    def _log_query(self, runbook: Runbook | None) -> tuple[str, str]:
        found = [piece for piece in runbook.pieces if piece.log_query] if runbook else []
        for piece in found:
            for field, _ in piece.log_query.terms if piece.log_query else ():
                if field not in self._fields:
                    return "", f"{piece.location}: no stream has the field {field}"
        return (found[0].text if found else ""), "its runbook asks nothing of the logs, such as `level: error`"

    @cached_property
    def _fields(self) -> frozenset[str]:
        """Every field that a document may have, and every object on the way to it."""
        logs = self.campaign.contract.logs
        found = {*logs.envelope, "@timestamp"} if logs else set()
        for stream in logs.streams.values() if logs else ():
            found |= set(stream.fields).union(*(event.fields for event in stream.events.values()))
        template = self.campaign.artefact("index_template")
        if template:
            found |= set(read_index_template(load_yaml(template, shown_as=self.campaign.shown(template))).fields)
        return frozenset(found)

    # --- metrics and events

    def metrics(self) -> Iterator[Row]:
        plane = self.campaign.contract.metrics
        for short in plane.families if plane else ():
            assert plane is not None
            name = plane.prefix + short
            by = ", ".join(self._consumers(name))
            place = self.campaign.promise("metrics", "families", short)
            yield Row(f"metric {name}", "metric_consumer", by, "no rule, panel or runbook reads it", place)

    def _consumers(self, family: str) -> Iterator[str]:
        series = {family + suffix for suffix in ("", "_bucket", "_sum", "_count")}
        for file in self.production.rules:
            yield from (f"rule {rule.name}" for rule in file.rules if rule.query.metric_names & series)
        yield from (f"panel {title}" for title, names in self.panels.items() if names & series)
        for runbook in self.runbooks.values():
            if any(query.metric_names & series for piece in runbook.pieces if (query := _parsed(piece.text))):
                yield runbook.file

    def events(self) -> Iterator[Row]:
        logs = self.campaign.contract.logs
        for name, stream in logs.streams.items() if logs else ():
            place = ("logs", "streams", name)
            for event in stream.events:
                by = ", ".join(dict.fromkeys(self._asked(stream.event_at, event)))
                where = self.campaign.promise(*place, "events", event)
                yield Row(
                    f"event {name}/{event}",
                    "event_consumer",
                    by,
                    f'no runbook asks {stream.event_at}: "{event}"',
                    where,
                )
            if not stream.events:
                by = ", ".join(dict.fromkeys(self._asked_of(name, stream)))
                yield Row(
                    f"event {name}",
                    "event_consumer",
                    by,
                    "no runbook asks a field of its own",
                    self.campaign.promise(*place),
                )

    def _asked(self, field: str, value: str) -> Iterator[str]:
        for piece, terms in self._terms:
            if (field, value) in terms:
                yield piece.location.file

    def _asked_of(self, name: str, stream: LogStream) -> Iterator[str]:
        others: set[str] = set()
        logs = self.campaign.contract.logs
        for other, each in logs.streams.items() if logs else ():
            events: set[str] = set().union(*(event.fields for event in each.events.values()))
            others |= (set(each.fields) | events) if other != name else set()
        own = set(stream.fields) - others - {"request_id"}
        for piece, terms in self._terms:
            if own & {field for field, _ in terms}:
                yield piece.location.file

    @cached_property
    def _terms(self) -> tuple[tuple[CodePiece, frozenset[tuple[str, str]]], ...]:
        pieces = (piece for runbook in self.runbooks.values() for piece in runbook.pieces)
        return tuple((piece, frozenset(query.terms)) for piece in pieces if (query := piece.log_query))


def _route(facts: AlertFacts | None) -> str:
    return f"{facts.receiver} by {', '.join(facts.integrations)}" if facts and facts.integrations else ""


def _no_runbook(name: str, alert: Alert, runbook: Runbook | None) -> str:
    return f"{alert.runbook} does not name {name}" if runbook else f"there is no file {alert.runbook}"


def _parsed(text: str) -> Query | None:
    try:
        return parse(text, Location("query"))
    except ConfigError:
        return None
