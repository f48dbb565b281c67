"""JUnit XML for CI servers: a test suite for each scope, a test case for each clause."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree as ET

from harness.core.events import ClauseJudged, Event, PlannedClause, Verdict
from harness.report.account import Account, place_of
from harness.report.output import Output

__all__ = ["JUnitReporter"]

_OUTCOMES: Final[dict[Verdict, str]] = {
    "held": "",
    "violated": "failure",
    "inconclusive": "failure",
    "waived but held": "failure",
    "invalid": "error",
    "waived": "skipped",
    "not applicable": "skipped",
}
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document may hold, not even escaped."""

Row = tuple[PlannedClause, ClauseJudged | None]


class JUnitReporter:
    """Writes the document when closed; clauses without a verdict are errors."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._account = Account()

    def handle(self, event: Event) -> None:
        """Take one event into account."""
        self._account.handle(event)

    def close(self) -> None:
        """Write the document."""
        if not self._output.closed:
            root = _document(self._account)
            ET.indent(root)
            self._output.write(ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
        self._output.close()


def _document(account: Account) -> ET.Element:
    started, ended = account.started, account.ended
    root = ET.Element("testsuites", {"name": _clean(started.campaign if started else "campaign")})
    if ended is not None:
        root.set("time", f"{ended.duration_s:.3f}")
    if account.ended is None:
        root.append(_unfinished(account))
    for scope, rows in _by_scope(account.clauses()).items():
        root.append(_suite(account, scope, [_case(clause, verdict) for clause, verdict in rows]))
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    return root


def _by_scope(rows: Iterable[Row]) -> dict[str, list[Row]]:
    scopes: dict[str, list[Row]] = {}
    for clause, verdict in rows:
        scopes.setdefault(place_of(clause.id)[0], []).append((clause, verdict))
    return scopes


def _suite(account: Account, name: str, cases: Sequence[ET.Element]) -> ET.Element:
    suite = ET.Element("testsuite", {"name": _clean(name), "tests": str(len(cases))})
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    if account.started is not None:
        suite.set("timestamp", datetime.fromtimestamp(account.started.t, UTC).isoformat(timespec="seconds"))
    suite.extend(cases)
    if account.bundle:
        ET.SubElement(suite, "system-out").text = _clean(account.bundle)
    return suite


def _unfinished(account: Account) -> ET.Element:
    case = ET.Element("testcase", {"classname": "harness", "name": "campaign"})
    problem = account.failed.error if account.failed else "the campaign ended without saying so"
    _outcome(case, "error", "error", f"error: {problem}", "")
    return _suite(account, "harness", [case])


def _case(clause: PlannedClause, verdict: ClauseJudged | None) -> ET.Element:
    scope, plane, name = place_of(clause.id)
    case = ET.Element("testcase", {"classname": _clean(f"{scope}.{plane}"), "name": _clean(name)})
    if verdict is None:
        _outcome(case, "error", "not judged", "not judged: the campaign ended before", clause.statement)
        return case
    tag = _OUTCOMES[verdict.verdict]
    if tag:
        _outcome(case, tag, verdict.verdict, f"{verdict.verdict}: {verdict.message}", _text(clause, verdict))
    return case


def _text(clause: PlannedClause, verdict: ClauseJudged) -> str:
    promised = f"promised: {clause.statement}" if clause.statement else ""
    reproduce = f"reproduce: {verdict.reproduce}" if verdict.reproduce else ""
    lines = (f"{verdict.verdict}: {verdict.message}", *verdict.details, promised, verdict.source, reproduce)
    return "\n".join(line for line in lines if line)


def _outcome(case: ET.Element, tag: str, kind: str, message: str, text: str) -> None:
    element = ET.SubElement(case, tag, {"message": _clean(message), "type": kind})
    element.text = _clean(text or message)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
