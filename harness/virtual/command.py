"""``harness test``: what every alert does under the standard conditions, what discovery keeps, where pages would go."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson

from harness.clauses.production import Production, read_production
from harness.contract import Campaign, load_campaign
from harness.core.errors import ConfigError, HarnessError
from harness.core.source import nearest
from harness.provision import ensure
from harness.virtual.answers import FiredAlert
from harness.virtual.discovery import examine_discovery
from harness.virtual.notice_words import rendered_cells
from harness.virtual.notices import notice_cells
from harness.virtual.routes import Routed, route_cells, routed
from harness.virtual.subjects import examined_alerts, rule_set
from harness.virtual.suite import Report, examine
from harness.virtual.told import as_fired
from harness.virtual.verdicts import Cell

__all__ = ["exit_code", "test_command"]

_DEFAULTS: Final = (Path("scenarios/campaign.yaml"), Path("campaign.yaml"))
_EPILOG: Final = """\
exit codes, the first that applies:
  2  configuration or harness error
  1  an alert does not do what it should
  4  a condition could not be tested, or proves nothing
  0  every alert does what it should"""


def test_command(argv: Sequence[str]) -> int:
    """Run ``harness test`` with ``argv``; answers the exit code. Errors are told on standard error."""
    options = _parser().parse_args(list(argv))
    try:
        campaign = load_campaign(options.paths or [_default()])
        _check_alerts(campaign, options.alert)
        return _routes(campaign, options) if options.routes else _conditions(campaign, options)
    except HarnessError as error:
        sys.stderr.write(f"harness: {error}\n")
        return 2


def exit_code(cells: Sequence[Cell]) -> int:
    """1 where any cell is violated, 4 where any is inconclusive or none held, else 0."""
    verdicts = {cell.verdict for cell in cells}
    if "violated" in verdicts:
        return 1
    return 4 if "inconclusive" in verdicts or "held" not in verdicts else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="harness test",
        description="Run the untouched rule files in virtual time under the standard conditions.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="a campaign file or its folder")
    parser.add_argument("--alert", action="append", default=[], metavar="NAME", help="only this alert (repeatable)")
    parser.add_argument("--routes", action="store_true", help="print who is told of each alert and what silences it")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _default() -> Path:
    for path in _DEFAULTS:
        if path.is_file():
            return path
    raise ConfigError("there is no campaign here", remedy="name a campaign file, or a folder that holds campaign.yaml")


def _check_alerts(campaign: Campaign, wanted: Sequence[str]) -> None:
    known = read_production(campaign).alert_names
    if not known:
        raise ConfigError("the contract names no rule file with alerts", remedy="name a prometheus.yml under artefacts")
    for name in wanted:
        if name not in known:
            raise ConfigError(
                f"there is no alert {name!r}", remedy=nearest(name, known) or f"known: {', '.join(known)}"
            )


def _conditions(campaign: Campaign, options: argparse.Namespace) -> int:
    production = read_production(campaign)
    tools = ["prometheus", *(["alertmanager"] if production.alertmanager and campaign.contract.alerts else [])]
    found = ensure(tools)
    report = examine(campaign, found["prometheus"].extra["promtool"], alerts=options.alert)
    if "alertmanager" in found:
        amtool = found["alertmanager"].extra["amtool"]
        ways = route_cells(campaign, _told(campaign, production, amtool, report, options.alert))
        alerts = _alerts(campaign, production, report, options.alert)
        notices = notice_cells(campaign, production, alerts)
        texts = rendered_cells(campaign, production, amtool, alerts)
        report = replace(report, cells=_merged(report.cells, [*ways, *notices, *texts]))
    if not options.alert:
        discovered = examine_discovery(campaign, production, found["prometheus"].extra["promtool"])
        report = replace(report, cells=(*report.cells, *discovered))
    _print(_as_json(report) if options.json else "\n".join(_table(report)))
    return exit_code(report.cells)


def _merged(cells: Sequence[Cell], more: Iterable[Cell]) -> tuple[Cell, ...]:
    """All cells, those of one alert beside one another."""
    order = {name: index for index, name in enumerate(dict.fromkeys(cell.alert for cell in cells))}
    return tuple(sorted([*cells, *more], key=lambda cell: order[cell.alert]))


def _routes(campaign: Campaign, options: argparse.Namespace) -> int:
    production = read_production(campaign)
    if production.alertmanager is None:
        raise ConfigError("the contract names no alertmanager.yml", remedy="name one under artefacts")
    tools = ensure(["prometheus", "alertmanager"])
    report = examine(
        campaign,
        tools["prometheus"].extra["promtool"],
        alerts=options.alert,
        conditions=("designed trigger",),
        examples=False,
    )
    found = _told(campaign, production, tools["alertmanager"].extra["amtool"], report, options.alert)
    _print(_routes_json(found) if options.json else "\n".join(_route_lines(found)))
    return 1 if any(each.problem for each in found) else 0


def _told(
    campaign: Campaign, production: Production, amtool: Path, report: Report, wanted: Sequence[str]
) -> tuple[Routed, ...]:
    """Where the pages go of every alert that is ``wanted``; all others may silence it."""
    if production.alertmanager is None:
        return ()
    known = examined_alerts(campaign, production)
    labels = {each.name: report.fired.get(each.name) or (each.static_labels,) for each in known}
    external, written = rule_set(production).external_labels, {each.name: each.labels for each in known}
    fired = {name for name, sets in report.fired.items() if sets}
    found = routed(campaign, production.alertmanager, amtool, labels, external, written, fired)
    return tuple(each for each in found if not wanted or each.labels["alertname"] in wanted)


def _alerts(
    campaign: Campaign, production: Production, report: Report, wanted: Sequence[str]
) -> dict[str, tuple[FiredAlert, ...]]:
    """Every alert that is ``wanted`` as it fired."""
    known = examined_alerts(campaign, production)
    found = as_fired(known, report.alerts, rule_set(production).external_labels)
    return {name: alerts for name, alerts in found.items() if not wanted or alerts[0].labels["alertname"] in wanted}


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def _table(report: Report) -> Iterator[str]:
    alert = ""
    for cell in report.cells:
        if cell.alert != alert:
            alert = cell.alert
            yield f"\n{alert}" + (f": moved by {report.moved_by[alert]}" if alert in report.moved_by else "")
            if alert in report.guessed:
                yield f"  declared nowhere, types guessed: {', '.join(report.guessed[alert])}"
        yield _line(cell)
    counts = Counter(cell.verdict for cell in report.cells)
    yield "\n" + ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())


def _line(cell: Cell) -> str:
    is_open = cell.verdict in {"violated", "inconclusive"}
    should = f"; should: {cell.should}" if cell.should and (is_open or cell.promise) else ""
    why = f" ({cell.why})" if cell.why else ""
    line = f"  {cell.verdict:15}{cell.condition:25} {cell.does}{should}{why}"
    return "\n".join([line, *_places(cell)]) if is_open else line


def _places(cell: Cell) -> Iterator[str]:
    """Where rule and contract disagree, for an editor to open."""
    if cell.rule:
        yield f"      {cell.rule}: the rule"
    if cell.promise:
        yield f"      {cell.promise}: what the contract says"


def _as_json(report: Report) -> str:
    cells = [
        {
            "alert": cell.alert,
            "condition": cell.condition,
            "verdict": cell.verdict,
            "does": cell.does,
            "should": cell.should,
            "why": cell.why,
            "rule": str(cell.rule) if cell.rule else None,
            "promise": str(cell.promise) if cell.promise else None,
        }
        for cell in report.cells
    ]
    return _dumped({"schema": 1, "exit_code": exit_code(report.cells), "moved_by": report.moved_by, "cells": cells})


def _route_lines(found: Sequence[Routed]) -> Iterator[str]:
    for each in found:
        told = each.told + (f" ({', '.join(each.kinds)})" if each.kinds else "")
        group = ", ".join(f"{name}={value}" for name, value in each.group_labels.items())
        yield f"{each.alert} → {told}"
        yield f"    group {group}; inhibited by {', '.join(each.inhibited_by) or 'nothing'}"
        yield f"    {each.problem or each.open_question or 'amtool agrees'}"


def _routes_json(found: Sequence[Routed]) -> str:
    routes: list[dict[str, Any]] = [
        {
            "alert": each.alert,
            "labels": dict(each.labels),
            "receivers": each.receivers,
            "integrations": each.kinds,
            "group": dict(each.group_labels),
            "inhibited_by": each.inhibited_by,
            "amtool": each.amtool,
            "depends": {values: list(names) for values, names in each.ways.items()},
            "problem": each.problem,
        }
        for each in found
    ]
    return _dumped({"schema": 1, "routes": routes})


def _dumped(data: dict[str, Any]) -> str:
    return orjson.dumps(data, option=orjson.OPT_INDENT_2).decode()
