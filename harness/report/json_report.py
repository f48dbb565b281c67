"""One JSON document for programs: what was proved, what it took, and the verdict on every clause."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import orjson

from harness.core.events import ClauseJudged, Event, LimitFound, LoadMeasured, LoadStep, PlannedClause
from harness.report.account import Account, CellAccount, place_of
from harness.report.output import Output

__all__ = ["JSON_SCHEMA", "JsonReporter"]

JSON_SCHEMA: Final = 1
"""Raised when a field changes its meaning or goes; new fields keep it."""


class JsonReporter:
    """Writes the document when closed; a campaign without an end has ``exit_code`` null."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._account = Account()

    def handle(self, event: Event) -> None:
        """Take one event into account."""
        self._account.handle(event)

    def close(self) -> None:
        """Write the document."""
        if not self._output.closed:
            option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
            self._output.write(orjson.dumps(_document(self._account), option=option))
        self._output.close()


def _document(account: Account) -> dict[str, Any]:
    started, ended, failed = account.started, account.ended, account.failed
    return {
        "schema": JSON_SCHEMA,
        "campaign": started.campaign if started else "",
        "bundle": account.bundle,
        "speed": started.speed if started else None,
        "backend": started.backend if started else "",
        "replayed": bool(started and started.replayed),
        "started_t": started.t if started else None,
        "duration_s": ended.duration_s if ended else None,
        "exit_code": ended.exit_code if ended else 2 if failed else None,
        "cancelled": bool(ended and ended.cancelled),
        "error": failed.error if failed else "",
        "counts": ended.counts if ended else account.counts(),
        "components": _components(account),
        "warnings": [note.text for note in account.warnings],
        "cells": [_cell(cell) for cell in account.cells.values()],
        "clauses": [_clause(clause, verdict) for clause, verdict in account.clauses()],
    }


def _components(account: Account) -> list[dict[str, Any]]:
    deaths = {(death.cell, death.component): death for death in account.deaths}
    fields = ("cell", "component", "version", "took_s", "url")
    found = []
    for ready in account.components:
        death = deaths.pop((ready.cell, ready.component), None)
        row = {name: getattr(ready, name) for name in fields}
        found.append({**row, "died": death is not None, "exit_code": death.exit_code if death else None})
    for death in deaths.values():
        row = {"cell": death.cell, "component": death.component, "version": "", "took_s": None, "url": ""}
        found.append({**row, "died": True, "exit_code": death.exit_code})
    return found


def _cell(cell: CellAccount) -> dict[str, Any]:
    return {
        "cell": cell.name,
        "attempt": cell.attempt,
        "production_s": cell.end.production_s if cell.end else None,
        "fit": cell.end.fit if cell.end else None,
        "reason": cell.end.reason if cell.end else "",
        "phases": [_phase(cell, index) for index in range(len(cell.started))],
        "load": [_load(event) for event in cell.loads],
        "steps": [_load(step) for step in cell.steps],
        "limit": _load(cell.limit) if cell.limit else None,
        "hops": [
            {
                "t": link.hop.t,
                "production_s": link.hop.production_s,
                "hop": link.hop.hop,
                "about": link.hop.about,
                "latency_s": link.latency_s,
                "since": link.since,
                "wall": link.hop.wall,
                "detail": link.hop.detail,
            }
            for link in cell.chain()
        ],
    }


def _phase(cell: CellAccount, index: int) -> dict[str, Any]:
    begun = cell.started[index]
    end = cell.ended.get(begun.phase)
    return {
        "phase": begun.phase,
        "detail": begun.detail,
        "started_production_s": begun.production_s,
        "ended_production_s": end.production_s if end else None,
        "reason": end.reason if end else "",
    }


def _load(event: LoadMeasured | LoadStep | LimitFound) -> dict[str, Any]:
    names = (item.name for item in dataclasses.fields(event))
    return {name: getattr(event, name) for name in names if name not in {"t", "cell"}}


def _clause(clause: PlannedClause, verdict: ClauseJudged | None) -> dict[str, Any]:
    scope, plane, name = place_of(clause.id)
    return {
        "id": clause.id,
        "scope": scope,
        "plane": plane,
        "name": name,
        "statement": clause.statement,
        "source": verdict.source if verdict and verdict.source else clause.source,
        "verdict": verdict.verdict if verdict else None,
        "message": verdict.message if verdict else "",
        "details": list(verdict.details) if verdict else [],
        "reproduce": verdict.reproduce if verdict else "",
        "attempt": verdict.attempt if verdict else None,
    }
