"""One thing is changed in a healthy story: exactly the clauses that it concerns change their verdicts."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from harness.evidence.records import (
    ASKED_FROM,
    AlertSnapshot,
    Barrier,
    ComponentState,
    Document,
    Exposition,
    FaultAction,
    Federated,
    HttpAnswer,
    LogLine,
    Notification,
    Reading,
    Request,
    RuleState,
    Series,
    Unmet,
)

Change = Callable[[Any], Any]
ZERO, CELL = 1_800_000_000.0, "failing"

SHORT = {
    "alerts": "failing::alerts::TinyFailing::",
    "others": "failing::alerts::others::do_not_page",
    "armed": "campaign::alerts::TinyFailing::armed",
    "up": "failing::subject::tiny-0::stays_up",
    "logs": "failing::logs::requests[error]::",
    "arrives": "failing::logs::requests::arrives",
    "envelope": "campaign::logs::requests::envelope",
    "lines": "campaign::logs::requests::",
    "documents": "failing::logs::requests::",
    "one_type": "campaign::logs::all::one_type",
    "sum": "failing::metrics::sum(tiny_",
    "metrics": "campaign::metrics::tiny_",
    "declared": "campaign::metrics::tiny::declared",
    "answers": "campaign::endpoints::health::answers",
    "codes": "campaign::health::service::codes",
    "becomes": "failing::health::service::becomes_failing_in_failing",
    "load": "failing::load::baseline::all_answered",
    "searchable": "failing::logs::requests::searchable_in_time",
    "good": "failing::load::goodput_above_during_baseline::holds",
    "few_failed": "failing::load::failed_below_during_baseline::holds",
    "few_lines": "failing::load::log_requests_with_level=error_count_below_during_baseline::holds",
    "quiet_before": "failing::load::alert_TinyFailing_is_quiet_during_baseline::holds",
}


def at(p: float) -> float:
    return ZERO + p / 60


def full(expected: dict[str, str]) -> dict[str, str]:
    """``alerts pends`` and ``others`` stand for whole clause ids."""
    ids = {}
    for key, verdict in expected.items():
        head, _, rest = key.partition(" ")
        ids[SHORT[head] + rest] = verdict
    return ids


def state_is(state: str) -> Change:
    return lambda series: series.query == "ALERTS" and series.labels["alertstate"] == state


def told(status: str) -> Change:
    return lambda notice: notice.status == status


def because(*promises: str) -> dict[str, str]:
    return {f"alerts {promise}": "inconclusive" for promise in promises}


AFTER_FIRING = because("pages", "pages_once", "renders", "resolves")
AFTER_PAGE = because("pages_once", "renders", "resolves")


def silent(story: Any) -> Any:
    """The alert neither fires nor pages."""
    return story.drop(Series, state_is("firing")).drop(Notification).drop(AlertSnapshot)


def stranger(story: Any, **fields: Any) -> Any:
    labels = {"alertname": "DiskFull", "service": "tiny"}
    return story.notice("firing", 30.0, alerts=({"status": "firing", "labels": labels},), title="DiskFull", **fields)


def as_chat(story: Any) -> Any:
    """Notices without structure, as mail and chat bring them."""
    return story.change(Notification, alerts=(), title=lambda n: f"[{n.status.upper()}] TinyFailing (tiny)")


def text_with(old: str, new: str) -> Change:
    return lambda story: story.change(Exposition, text=lambda item: item.text.replace(old, new)).rescraped()


def first_answer(story: Any, query: str) -> float:
    answers = [record for _, record in story.arrivals if isinstance(record, Series) and record.query == query]
    return min(t for each in answers for t, _ in each.points)


def lower(text: str) -> str:
    return re.sub(r"(?m)^(tiny_failures_total) \d+", r"\1 3", text)


def lines_without(text: str, beginning: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(beginning))


FORM = ("type", "documented", "named", "labels", "monotonic", "scraped")


def unread(family: str, *promises: str) -> dict[str, str]:
    """Nothing can be said about a family that is not there."""
    return {f"metrics {family}::{promise}": "inconclusive" for promise in (*FORM, *promises)}


def line(number: int) -> Change:
    return lambda item: item.number == number


def fields_with(**fields: Any) -> Change:
    return lambda item: {**item.fields, **fields}


def without(name: str) -> Change:
    return lambda item: {key: value for key, value in item.fields.items() if key != name}


def died(story: Any, component: str, role: str, p: float, cell: str = CELL) -> Any:
    story.until(p + 0.2, f"{component} ended")
    return story.add(ComponentState(cell, at(p), component, role, "exited", False, 137, ("last words",)))


CHANGES: dict[str, tuple[Change, dict[str, str]]] = {
    # --- alert
    "never pends": (
        lambda s: silent(s).drop(Series, state_is("pending")),
        {"alerts pends": "violated", "alerts fires": "inconclusive", **AFTER_FIRING},
    ),
    "pends but never fires": (silent, {"alerts fires": "violated", **AFTER_FIRING}),
    "pends too late": (
        lambda s: s.drop(Series, state_is("pending")).alerts("pending", (95.0,)),
        {},  # it fires in time, and what fires has pended
    ),
    "pends and fires too late": (
        lambda s: s.drop(Series, state_is("pending")).drop(Series, state_is("firing")).alerts("firing", (128.0, 130.0)),
        {"alerts pends": "violated", "alerts fires": "violated", **AFTER_FIRING},
    ),
    "fires too early": (
        lambda s: s.alerts("firing", (20.0,)).alerts("pending", (15.0,)),
        {"alerts fires": "violated", **AFTER_FIRING},
    ),
    "fires before the fault": (
        lambda s: s.alerts("firing", (5.0,)),
        {"alerts fires": "violated", "quiet_before": "violated", **AFTER_FIRING},
    ),
    "fires too late": (
        lambda s: s.drop(Series, state_is("firing")).alerts("firing", (110.0,)),
        {"alerts fires": "violated", **AFTER_FIRING},
    ),
    "pends by a stray error and again in the fault": (lambda s: s.alerts("pending", (5.0,)), {}),
    "never pages": (lambda s: s.drop(Notification).lasting(400), {"alerts pages": "violated", **AFTER_PAGE}),
    "has not paged when the story ends": (lambda s: s.drop(Notification), {**because("pages"), **AFTER_PAGE}),
    "pages too late": (
        lambda s: s.change(Notification, told("firing"), t=at(300)).lasting(400),
        {"alerts pages": "violated", **AFTER_PAGE},
    ),
    "pages the wrong receiver": (
        lambda s: s.change(Notification, receiver="nobody").lasting(400),
        {"alerts pages": "violated", **AFTER_PAGE},
    ),
    "pages somebody else as well": (
        lambda s: s.notice("firing", 69.0, receiver="somebody"),
        {"alerts pages_once": "violated"},
    ),
    "pages twice": (
        lambda s: s.notice(
            "firing",
            100.0,
            alerts=(
                {
                    "status": "firing",
                    "labels": {"alertname": "TinyFailing"},
                    "fingerprint": "f00d",
                    "startsAt": "later",
                },
            ),
        ),
        {"alerts pages_once": "violated"},
    ),
    "the same page is posted again": (lambda s: s.notice("firing", 78.0), {}),
    "mails twice": (lambda s: as_chat(s.notice("firing", 100.0)), {"alerts pages_once": "violated"}),
    "mail and chat carry text only": (as_chat, {}),
    "recovery is not told": (
        lambda s: s.drop(Notification, told("resolved")).lasting(400),
        {"alerts resolves": "violated"},
    ),
    "recovery is told too late": (
        lambda s: s.change(Notification, told("resolved"), t=at(300)).lasting(400),
        {"alerts resolves": "violated"},
    ),
    "recovery is told to somebody else": (
        lambda s: s.change(Notification, told("resolved"), receiver="nobody").lasting(400),
        {"alerts resolves": "violated"},
    ),
    "the story ends before recovery is overdue": (
        lambda s: s.drop(Notification, told("resolved")),
        {"alerts resolves": "inconclusive"},
    ),
    "a request in flight fails while the service heals": (
        lambda s: s.change(Request, lambda r: r.seq == 33, end_t=at(75)),
        {},
    ),
    "resolved during the fault": (
        lambda s: s.change(Notification, told("resolved"), t=at(68.5)),
        {"alerts resolves": "violated"},
    ),
    "a template is not rendered": (
        lambda s: s.change(Notification, told("firing"), text="value: {{ $value }}"),
        {"alerts renders": "violated"},
    ),
    "a template lacks a value": (
        lambda s: s.change(Notification, told("resolved"), title="<no value>"),
        {"alerts renders": "violated"},
    ),
    "a template formats the wrong type": (
        lambda s: s.change(Notification, told("firing"), text="%!d(string=many) fail"),
        {"alerts renders": "violated"},
    ),
    "a share of 100%! is no format error": (lambda s: s.change(Notification, text="100%! failed"), {}),
    "a label is empty": (
        lambda s: s.change(Notification, told("firing"), text="Labels:\n - service = "),
        {"alerts renders": "violated"},
    ),
    "a notice is empty": (
        lambda s: s.change(Notification, told("firing"), title=" ", text="\n"),
        {"alerts renders": "violated"},
    ),
    "a title of blanks": (lambda s: s.change(Notification, title=" "), {}),
    "another alert pages": (stranger, {"others": "violated"}),
    "an undeclared alert is mailed": (
        lambda s: s.notice("firing", 30.0, alerts=(), title="DiskFull", text="full"),
        {"others": "violated"},
    ),
    "another alert paged before the story began": (
        lambda s: stranger(s).change(Notification, lambda n: n.title == "DiskFull", t=at(-3)),
        {},
    ),
    "the fault is not confirmed": (
        lambda s: s.change(FaultAction, lambda f: f.action == "confirm", action="failed", detail="not seen"),
        {**because("pends", "fires"), **AFTER_FIRING},
    ),
    "the fault does not heal": (
        lambda s: s.change(FaultAction, lambda f: f.action == "healed", action="failed", detail="still there"),
        {"alerts resolves": "inconclusive"},
    ),
    "the rule does not evaluate": (
        lambda s: silent(s).drop(Series, state_is("pending")).change(RuleState, health="err", last_error="bad vector"),
        {
            "armed": "violated",
            "alerts pends": "violated",
            "alerts fires": "inconclusive",
            "quiet_before": "inconclusive",
            **AFTER_FIRING,
        },
    ),
    "the rule is not loaded": (
        lambda s: s.drop(RuleState),
        {"armed": "violated", "quiet_before": "inconclusive"},
    ),
    # --- logs
    "a line is no JSON": (
        lambda s: s.change(LogLine, line(3), fields=None, text="panic: oh"),
        {"envelope": "violated", "arrives": "violated"},
    ),
    "a line lacks a field": (lambda s: s.change(LogLine, line(3), fields=without("msg")), {"envelope": "violated"}),
    "a field has the wrong type": (
        lambda s: s.change(LogLine, line(3), fields=fields_with(duration="2ms")),
        {"envelope": "violated", "one_type": "violated"},
    ),
    "a field has a value that is not declared": (
        lambda s: s.change(LogLine, line(3), fields=fields_with(level="fatal")),
        {"envelope": "violated"},
    ),
    "a time is none": (
        lambda s: s.change(LogLine, line(3), fields=fields_with(time="yesterday")),
        {"envelope": "violated"},
    ),
    "a document is missing": (lambda s: s.drop(Document, lambda d: d.id == "d2"), {"arrives": "violated"}),
    "the document of an error is missing": (
        lambda s: s.drop(Document, lambda d: d.id == "d20"),
        {"arrives": "violated", "logs one_per_failed_work": "violated"},
    ),
    "a document is doubled": (
        lambda s: s.change(Document, lambda d: d.id == "d2", id="d1"),
        {"arrives": "violated"},
    ),
    "one document is lost and another stored twice": (
        lambda s: s.change(Document, lambda d: d.id == "d2", source=lambda d: {**d.source, "seq": 1}),
        {"arrives": "violated"},
    ),
    "an error more is logged": (
        lambda s: s.change(LogLine, line(3), fields=fields_with(level="error")).change(
            Document, lambda d: d.id == "d3", source=lambda d: {**d.source, "level": "error"}
        ),
        {"logs one_per_failed_work": "violated", "few_lines": "violated"},
    ),
    "a document comes late": (
        lambda s: s.change(Document, lambda d: d.id == "d20", t=lambda d: d.t + 5),
        {"searchable": "violated"},
    ),
    "documents do not tell when they happened": (
        lambda s: s.change(Document, source=lambda d: {**d.source, "time": "now"}),
        {"searchable": "inconclusive", "documents keeps_time": "violated"},
    ),
    "an error does not say its code": (
        lambda s: s.change(Document, lambda d: d.id == "d20", source=lambda d: {**d.source, "code": None}),
        {"logs carries_request_id_code": "violated"},
    ),
    "nothing is logged": (
        lambda s: s.drop(LogLine).drop(Document),
        {
            "envelope": "inconclusive",
            "lines dated": "inconclusive",
            "arrives": "inconclusive",
            "logs one_per_failed_work": "violated",
            "logs carries_request_id_code": "inconclusive",
            "one_type": "inconclusive",
            "lines joins": "inconclusive",
            "lines no_others": "inconclusive",
            "documents keeps_time": "inconclusive",
            "few_lines": "inconclusive",
            "searchable": "inconclusive",
        },
    ),
    "a field is written that nobody declared": (
        lambda s: s.change(LogLine, line(3), fields=fields_with(user={"name": "ann"})),
        {"lines no_others": "violated"},
    ),
    "a line is written for a request that nobody sent": (
        lambda s: s.change(LogLine, line(3), fields=fields_with(request_id="x")),
        {"lines joins": "violated"},
    ),
    "a document has the time of its reading": (
        lambda s: s.change(
            Document, lambda d: d.id == "d3", source=lambda d: {**d.source, "@timestamp": "2027-01-15T08:00:01.000Z"}
        ),
        {"documents keeps_time": "violated"},
    ),
    "a document has no time": (
        lambda s: s.change(Document, lambda d: d.id == "d3", source=lambda d: {**d.source, "@timestamp": None}),
        {"documents keeps_time": "violated"},
    ),
    # --- metrics
    "a family is missing": (
        text_with("tiny_failures_total", "tiny_fails_total"),
        {
            "metrics failures_total::exists": "violated",
            **unread("failures_total"),
            "declared": "violated",
        },
    ),
    "a family has the wrong type": (
        text_with("tiny_failures_total counter", "tiny_failures_total gauge"),
        {"metrics failures_total::type": "violated"},
    ),
    "a counter lacks its suffix": (
        text_with("tiny_failures_total", "tiny_failures"),
        {
            "metrics failures_total::exists": "violated",
            **unread("failures_total"),
            "declared": "violated",
        },
    ),
    "a label is surplus": (
        text_with("\ntiny_failures_total ", '\ntiny_failures_total{user="7"} '),
        {"metrics failures_total::labels": "violated"},
    ),
    "a label is missing": (
        text_with('tiny_requests_total{code="500"} ', "tiny_requests_total "),
        {"metrics requests_total::labels": "violated", "metrics requests_total::from_start": "inconclusive"},
    ),
    "a value is outside": (
        text_with('code="500"', 'code="418"'),
        {"metrics requests_total::label_values": "violated", "metrics requests_total::from_start": "violated"},
    ),
    "buckets differ": (
        text_with('tiny_request_seconds_bucket{le="0.1"}', 'tiny_request_seconds_bucket{le="0.2"}'),
        {"metrics request_seconds::buckets": "violated"},
    ),
    "a family is undeclared": (
        lambda s: s.change(Exposition, text=lambda e: e.text + "# TYPE tiny_extra gauge\ntiny_extra 1\n"),
        {"declared": "violated"},
    ),
    "a family of another prefix": (
        lambda s: s.change(Exposition, text=lambda e: e.text + "# TYPE go_threads gauge\ngo_threads 1\n"),
        {},
    ),
    "the birth of a counter is exposed beside it": (
        lambda s: s.change(
            Exposition, text=lambda e: e.text + "# TYPE tiny_failures_created gauge\ntiny_failures_created 1\n"
        ),
        {},
    ),
    "a family without samples": (
        lambda s: s.change(
            Exposition,
            text=lambda e: "\n".join(x for x in e.text.splitlines() if not x.startswith("tiny_requests_total")) + "\n",
        ).rescraped(),
        {
            **{
                f"metrics requests_total::{promise}": "inconclusive"
                for promise in ("labels", "label_values", "filled", "monotonic", "scraped")
            },
            "metrics requests_total::from_start": "violated",
        },
    ),
    "a family has no help": (
        text_with("# HELP tiny_failures_total Requests that failed.\n", ""),
        {"metrics failures_total::documented": "violated"},
    ),
    "a counter falls": (
        lambda s: s.change(Exposition, lambda e: e.t == at(120), text=lambda e: lower(e.text)),
        {"metrics failures_total::monotonic": "violated"},
    ),
    "a counter falls because its instance was started again": (
        lambda s: (
            s.change(Exposition, lambda e: e.t == at(120), text=lambda e: lower(e.text))
            .add(ComponentState(CELL, at(100), "tiny-0", "subject", "exited", True, 0))
            .add(ComponentState(CELL, at(101), "tiny-0", "subject", "ready"))
        ),
        {},
    ),
    "a series goes missing": (
        lambda s: s.change(
            Exposition,
            lambda e: e.t > at(100),
            text=lambda e: lines_without(e.text, 'tiny_requests_total{code="500"'),
        ).rescraped(),
        {"metrics requests_total::monotonic": "violated"},
    ),
    "a series is born with its first event": (
        lambda s: s.change(
            Exposition,
            lambda e: e.t < at(5),
            text=lambda e: e.text.replace('tiny_requests_total{code="500"} 0\n', ""),
        ),
        {"metrics requests_total::from_start": "violated"},
    ),
    "the first text is read after the first answer": (
        lambda s: s.drop(Exposition, lambda e: e.t < at(5)),
        {"metrics requests_total::from_start": "inconclusive"},
    ),
    "a bucket holds less than the one before": (
        text_with('tiny_request_seconds_bucket{le="0.1"} 60', 'tiny_request_seconds_bucket{le="0.1"} 59'),
        {"metrics request_seconds::well_formed": "violated"},
    ),
    "the count is not that of all buckets": (
        text_with("tiny_request_seconds_count 60", "tiny_request_seconds_count 61"),
        {"metrics request_seconds::well_formed": "violated"},
    ),
    "the sum is in another unit than the buckets": (
        text_with("tiny_request_seconds_sum 0.03\n", "tiny_request_seconds_sum 30.0\n"),
        {"metrics request_seconds::well_formed": "violated"},
    ),
    "a relabelling drops a series": (
        lambda s: s.change(Federated, text=lambda f: lines_without(f.text, 'tiny_requests_total{code="500"')),
        {"metrics requests_total::scraped": "violated"},
    ),
    "Prometheus holds an old value": (
        lambda s: s.change(Federated, text=lambda f: re.sub(r"(tiny_failures_total\{.*\}) \d+", r"\1 7", f.text)),
        {"metrics failures_total::scraped": "violated"},
    ),
    # --- values
    "the counter of failures is one short": (
        lambda s: s.change(
            Series,
            lambda x: x.query == "sum(tiny_failures_total)" and x.points[0][1] > 0,
            points=lambda x: tuple((t, v - 1) for t, v in x.points),
        ),
        {"sum failures_total)::one_per_failed_work": "violated"},
    ),
    "a metric is renamed": (
        lambda s: s.drop(Series, lambda x: x.query == "sum(tiny_failures_total)"),
        {"sum failures_total)::one_per_failed_work": "violated"},
    ),
    "a query was not recorded": (
        lambda s: s.drop(Series, lambda x: x.query == "sum(tiny_failures_total)").add(
            Unmet(CELL, at(130), "query sum(tiny_failures_total)", "refused")
        ),
        {"sum failures_total)::one_per_failed_work": "inconclusive"},
    ),
    "metrics never came to rest": (
        lambda s: (
            s.drop(Barrier, lambda b: b.plane == "metrics")
            .add(Barrier(CELL, at(130), "metrics", False, "still moving"))
            .drop(Series, lambda x: x.query == "sum(tiny_requests_total)" and x.points[0][0] > at(100))
        ),
        {"sum requests_total)::one_per_work": "inconclusive"},
    ),
    "a counter is born in the story": (
        lambda s: s.drop(Series, lambda x: x.query == "sum(tiny_failures_total)" and x.points[0][1] == 0),
        {"sum failures_total)::one_per_failed_work": "violated"},  # born 1.25 s wall before: it may have been there
    ),
    "a counter is born in the story, which was asked from its beginning on": (
        lambda s: s.drop(Series, lambda x: x.query == "sum(tiny_failures_total)" and x.points[0][1] == 0).add(
            Reading(CELL, at(0), "queries", ASKED_FROM, 0.0)
        ),
        {},
    ),
    "what counters held at the beginning is no growth": (
        lambda s: s.change(
            Series,
            lambda x: x.query == "sum(tiny_failures_total)",
            points=lambda x: tuple((t, v + 3) for t, v in x.points),
        ).add(Reading(CELL, first_answer(s, "sum(tiny_failures_total)"), "queries", ASKED_FROM, 0.0)),
        {},
    ),
    # --- health and endpoints
    "code and state disagree": (
        lambda s: s.change(HttpAnswer, lambda a: a.t == at(20), status=503),
        {"answers": "violated", "codes": "violated"},
    ),
    "the endpoint is slow": (
        lambda s: s.change(HttpAnswer, lambda a: a.t == at(20), duration_s=1.2),
        {"answers": "violated"},
    ),
    "the endpoint does not answer": (
        lambda s: s.change(HttpAnswer, lambda a: a.t == at(20), status=0, error="timed out", body=None),
        {"answers": "violated"},
    ),
    "the endpoint is another kind of content": (
        lambda s: s.change(HttpAnswer, lambda a: a.t == at(20), content_type="text/html"),
        {"answers": "violated"},
    ),
    "the state is not declared": (
        lambda s: s.change(HttpAnswer, lambda a: a.t == at(20), body={"status": "odd"}),
        {"answers": "violated", "codes": "violated"},
    ),
    "the body names no state": (
        lambda s: s.change(HttpAnswer, lambda a: a.t == at(20), body="nothing"),
        {"answers": "violated", "codes": "violated"},
    ),
    "health does not see the fault": (
        lambda s: s.change(HttpAnswer, body={"status": "healthy"}),
        {"becomes": "violated"},
    ),
    "nobody asked": (
        lambda s: s.drop(HttpAnswer),
        {"answers": "inconclusive", "codes": "inconclusive", "becomes": "inconclusive"},
    ),
    # --- load
    "a request fails in the baseline": (
        lambda s: s.change(Request, lambda r: r.seq == 2, expected=False, status=500),
        {
            "load": "violated",
            "few_failed": "violated",
            "good": "violated",
            "logs one_per_failed_work": "violated",
            "sum failures_total)::one_per_failed_work": "violated",
        },
    ),
    "no request in the baseline": (
        lambda s: s.change(Request, lambda r: r.phase == "baseline", phase="recovery"),
        {"load": "inconclusive", "few_failed": "inconclusive", "good": "inconclusive"},
    ),
    # --- life and death
    "the subject dies in the end": (
        lambda s: s.add(ComponentState(CELL, at(133), "tiny-0", "subject", "exited", False, 1)),
        {"up": "violated"},
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_exactly_the_clauses_that_it_concerns(bench: Any, story: Any, name: str) -> None:
    change, expected = CHANGES[name]
    assert bench.unlike_held(change(story)) == full(expected)
