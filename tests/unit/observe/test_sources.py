"""What each source makes of answers: news once, nothing lost where a read fails half-way."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clauses.model import Need
from harness.evidence.records import (
    ASKED_FROM,
    AlertSnapshot,
    Exposition,
    HttpAnswer,
    Reading,
    RuleState,
    ScrapeRefused,
    Series,
)
from harness.run.clients.elasticsearch import Hit
from harness.run.clients.http import Answer, Http, HttpFault
from harness.run.clients.prometheus import Result, SeriesData
from harness.run.observe.alerts import AlertSource
from harness.run.observe.documents import DocumentSource, cell_of, value_at
from harness.run.observe.endpoints import AnswerSource, ExpositionSource
from harness.run.observe.mapping import MappingSource
from harness.run.observe.readings import CounterSource, alertmanager_counters, filebeat_counters, prometheus_counters
from harness.run.observe.rules import RuleSource
from harness.run.observe.scrapes import ScrapeSource
from harness.run.observe.series import QuerySource, SampleSource
from harness.run.observe.targets import DocumentTarget, EndpointTarget, ExpositionTarget

DOWN = HttpFault("GET", "u", reason="refused")


class Fake:
    """A client whose methods give the listed answers, in order; the last one stays."""

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.asked.append((name, *args))
            queue = self.answers["durations" if args[:1] == ("scrape_duration_seconds",) else name]
            answer = queue.pop(0) if len(queue) > 1 else queue[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def series(*points: tuple[float, float], **labels: str) -> Result:
    return Result((SeriesData(labels, points),))


# --- queries and samples


def query_source(fake: Any, hand: Any) -> QuerySource:
    return QuerySource("c", fake, Need("query", "max(x)"), hand.wall, step_s=0.25, lag_s=0.3)


def test_a_query_is_asked_for_the_stretch_that_has_passed_and_again_where_it_failed(hand: Any) -> None:
    first, later = series((1000.0, 3.0), a="b"), series((1000.25, 7.0), a="b")
    fake = Fake(query_range=[DOWN, first, DOWN, later, Result((SeriesData({}, ()),), ("w",))])
    source = query_source(fake, hand)
    with pytest.raises(HttpFault):
        source.read(1000.0, "poll")
    assert source.read(1000.0, "poll") == [
        Series("c", 1000.0, "max(x)", {"a": "b"}, ((1000.0, 3.0),)),
        Reading("c", 1000.0, "queries", ASKED_FROM, 0.0),
    ]
    with pytest.raises(HttpFault):
        source.read(1000.9, "poll")
    assert source.read(1001.1, "poll") == [Series("c", 1000.0, "max(x)", {"a": "b"}, ((1000.25, 7.0),))]
    assert source.read(1001.1, "finish") == []
    assert [call[2:] for call in fake.asked] == [
        # off the grid, at the very beginning: what counters held before the first request
        (1000.0, 1000.0, 0.25),
        (1000.0, 1000.0, 0.25),
        (1000.25, 1000.5, 0.25),
        (1000.25, 1000.75, 0.25),
        (1001.0, 1001.0, 0.25),
        # off the grid, at the very end: the last scrape may have come after the last point
        (1001.1, 1001.1, 0.25),
    ]
    assert source.warnings == ("w",)


def test_a_long_stretch_is_asked_in_parts_and_is_all_or_nothing(hand: Any) -> None:
    fake = Fake(query_range=[series((0.0, 0.0)), series((1.0, 1.0)), DOWN, *(series((t, t)) for t in (0.0, 1.0, 2.0))])
    source = query_source(fake, hand)
    with pytest.raises(HttpFault):
        source.read(1000 + 2600.0, "finish")
    records = source.read(1000 + 2600.0, "finish")
    assert [record.points for record in records if isinstance(record, Series)] == [
        ((0.0, 0.0),),
        ((1.0, 1.0),),
        ((2.0, 2.0),),
    ]
    starts, ends = [call[2] for call in fake.asked[4:]], [call[3] for call in fake.asked[4:]]
    assert starts == [1000.25, pytest.approx(ends[0] + 0.25)]
    assert ends[1] == 3600.0


def test_samples_keep_their_own_name_or_take_that_of_the_query(hand: Any) -> None:
    named = SampleSource("c", Fake(samples=[series((1.0, 1.0), __name__="ALERTS")]), "{}", hand.wall, lag_s=0)  # type: ignore[arg-type]
    (record,) = named.read(1001, "poll")
    assert isinstance(record, Series)
    assert record.query == "ALERTS"
    asked = SampleSource("c", Fake(samples=[series((1.0, 1.0))]), "x", hand.wall, lag_s=0, query="x")  # type: ignore[arg-type]
    assert [item.query for item in asked.stretches(1001, "poll")] == ["x"]
    assert asked.read(1001, "poll") == ()


# --- rules


def rules(state: str = "inactive", value: str = "1", evaluated: float = 1000.0, **more: Any) -> list[dict[str, Any]]:
    at = f"1970-01-01T00:16:{evaluated - 960:09.6f}Z"
    alert = {"labels": {"a": "b"}, "annotations": {}, "state": state, "activeAt": at, "value": value}
    alerts = [] if state == "inactive" else [alert]
    rule = {"name": "A", "state": state, "health": "ok", "lastEvaluation": at, "alerts": alerts, **more}
    return [{"name": "g", "file": "f", "lastEvaluation": at, "rules": [rule, {**rule, "name": "B", "alerts": None}]}]


def test_a_rule_is_written_when_it_changes_and_every_second(hand: Any) -> None:
    answers = [rules(), rules(), rules("pending"), rules("pending", "2"), rules("pending", "2"), rules("pending", "2")]
    source = RuleSource("c", Fake(rules=answers), hand.wall, evaluation_s=0.25)  # type: ignore[arg-type]
    seen = []
    for _ in range(4):
        seen.append([r.alert for r in source.read(0, "poll") if isinstance(r, RuleState)])
        hand.move(0.1)
    assert seen == [["A", "B"], [], ["A", "B"], ["A"]]
    hand.move(1.0)
    assert len(source.read(0, "poll")) == 2, "no sign of life"
    assert len(source.read(0, "settle")) == 2


def test_what_a_rule_says_is_kept(hand: Any) -> None:
    source = RuleSource("c", Fake(rules=[rules("firing", "1.5e+00", lastError="why")]), hand.wall, evaluation_s=1)  # type: ignore[arg-type]
    state = source.read(0, "poll")[0]
    assert isinstance(state, RuleState)
    assert (state.group, state.state, state.last_error, state.evaluated_t) == ("g", "firing", "why", 1000.0)
    (active,) = state.active
    assert (active["active_t"], active["value"], active["labels"]) == (1000.0, 1.5, {"a": "b"})


def test_the_widest_gap_between_evaluations_is_told_where_both_were_seen(hand: Any) -> None:
    times = [1000.0, 1000.25, 1000.55, 1000.8, 1002.0]
    source = RuleSource("c", Fake(rules=[rules(evaluated=t) for t in times]), hand.wall, evaluation_s=0.25)  # type: ignore[arg-type]
    gaps = []
    for pause in (0.2, 0.2, 0.2, 3.0, 0.0):
        gaps += [r.value for r in source.read(0, "poll") if isinstance(r, Reading)]
        hand.move(pause)
    assert gaps == [0.25, 0.3], "a gap that the observer itself tore was told"


# --- Alertmanager


def alert(state: str, fingerprint: str = "f", **more: Any) -> dict[str, Any]:
    status = {"state": state, "inhibitedBy": more.get("by", []), "silencedBy": []}
    receivers = [{"name": "b"}, {"name": "a"}]
    start = "1970-01-01T00:00:01Z"
    return {
        "fingerprint": fingerprint,
        "labels": {"x": "y"},
        "status": status,
        "receivers": receivers,
        "startsAt": start,
    }


def test_an_alert_is_written_when_it_comes_changes_and_goes(hand: Any) -> None:
    fake = Fake(alerts=[[alert("unprocessed")], [alert("active")], [alert("active")], [alert("suppressed", by=["z"])],
                        [alert("unprocessed")], [], []])  # fmt: skip
    source = AlertSource("c", fake, hand.wall, evaluation_s=1)  # type: ignore[arg-type]
    seen = [
        [(s.state, s.inhibited_by) for s in source.read(0, "poll") if isinstance(s, AlertSnapshot)] for _ in range(7)
    ]
    assert seen == [[], [("active", ())], [], [("suppressed", ("z",))], [], [("gone", ("z",))], []]
    assert source.components == {"alertmanager"}


def test_what_alertmanager_says_of_an_alert_is_kept(hand: Any) -> None:
    source = AlertSource("c", Fake(alerts=[[alert("active")]]), hand.wall, evaluation_s=1)  # type: ignore[arg-type]
    (snapshot,) = source.read(0, "poll")
    assert snapshot == AlertSnapshot("c", 1000.0, {"x": "y"}, "f", "active", 1.0, (), (), ("a", "b"))


# --- scrapes


def ups(*points: tuple[float, float], job: str = "j") -> Result:
    return series(*points, job=job, instance="i")


TARGETS = [{"labels": {"job": "j", "instance": "i"}, "scrapeInterval": "1s", "scrapeTimeout": "900ms",
            "scrapeUrl": "http://127.0.0.1:1/m"},
           {"labels": {"job": "slow", "instance": "i"}, "scrapeInterval": "5s", "scrapeUrl": ""}]  # fmt: skip


def readings(source: ScrapeSource, now: float, moment: Any = "poll") -> list[tuple[str, float]]:
    return [(r.name, r.value) for r in source.read(now, moment) if isinstance(r, Reading)]


def test_gaps_between_scrapes_are_told_when_wider_than_before_or_wide(hand: Any) -> None:
    answers = [ups((0.0, 1), (1.0, 1), (2.1, 1), (3.1, 1)), ups((6.0, 1)), ups((8.5, 1)), ups((9.5, 1))]
    source = ScrapeSource("c", Fake(samples=answers, targets=[TARGETS]), hand.wall, scrape_s=1.0, lag_s=1.1)  # type: ignore[arg-type]
    assert readings(source, 1002) == [("scrape_gap_s", 1.0), ("scrape_gap_s", 1.1)]
    assert readings(source, 1003) == [("scrape_gap_s", 2.9)]
    assert readings(source, 1004) == [("scrape_gap_s", 2.5)]
    assert readings(source, 1005) == []
    assert readings(source, 1006, "finish") == [("scrape_gap_s", 996.5)]


def test_a_job_that_is_scraped_more_slowly_has_no_gap_for_that(hand: Any) -> None:
    answers = [ups((0.0, 1), (5.1, 1), (13.0, 1), job="slow")]
    source = ScrapeSource("c", Fake(samples=answers, targets=[TARGETS]), hand.wall, scrape_s=1.0, lag_s=1.1)  # type: ignore[arg-type]
    assert readings(source, 1002) == [("scrape_gap_s", 7.9)]


def test_a_target_unknown_to_the_server_takes_the_cells_interval(hand: Any) -> None:
    fake = Fake(samples=[ups((0.0, 0), (2.0, 1), job="new")], targets=[[]], durations=[Result(())])
    assert readings(ScrapeSource("c", fake, hand.wall, scrape_s=1.0, lag_s=1.1), 1002) == [  # type: ignore[arg-type]
        ("up_zero_while_answered", 0.0),
        ("scrape_gap_s", 2.0),
        ("up_zero_s", 2.0),
    ]


def test_samples_are_kept_while_the_question_about_their_target_fails(hand: Any) -> None:
    fake = Fake(samples=[ups((0.0, 1)), ups((1.0, 1))], targets=[DOWN, TARGETS])
    source = ScrapeSource("c", fake, hand.wall, scrape_s=1.0, lag_s=1.1, needs=(Need("series", "up"),))  # type: ignore[arg-type]
    with pytest.raises(HttpFault):
        source.read(1002, "poll")
    kept = [r.points for r in source.read(1003, "poll") if isinstance(r, Series)]
    assert kept == [((0.0, 1),), ((1.0, 1),)]


UNREAD = 'received unsupported Content-Type "" and no fallback_scrape_protocol specified for target'


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UNREAD, [ScrapeRefused("c", 1000.0, "slow i", UNREAD)]),
        ("", []),
        ('Get "http://127.0.0.1:1/m": dial tcp 127.0.0.1:1: connect: connection refused', []),
        ("server returned HTTP status 500 Internal Server Error", []),
    ],
)
def test_an_answer_that_prometheus_cannot_take_in_is_told_once(hand: Any, error: str, told: list[Any]) -> None:
    targets = [{**TARGETS[1], "lastError": error}]
    batches = [ups((1000.0, 0), job="slow"), ups((1001.0, 0), (1002.0, 1), job="slow"), ups((1003.0, 0), job="slow")]
    none = Result(())
    fake = Fake(samples=batches, targets=[targets] * 4, durations=[none] * 3)
    source = ScrapeSource("c", fake, hand.wall, scrape_s=1.0, lag_s=1.1)  # type: ignore[arg-type]
    records = [r for now in (1002, 1003, 1004) for r in source.read(now, "poll")]
    assert [r for r in records if isinstance(r, ScrapeRefused)] == told
    if told:
        assert records.index(told[0]) < next(i for i, r in enumerate(records) if isinstance(r, Series))


def test_a_target_whose_answers_are_refused_is_not_asked(hand: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would answer us, and its cell would count as unfit for what the target does wrong."""
    monkeypatch.setattr(Http, "send", lambda *_, **__: pytest.fail("asked"))
    targets = [{**TARGETS[0], "lastError": UNREAD}]
    fake = Fake(samples=[ups((1000.0, 0))], targets=[targets] * 2, durations=[Result(())])
    source = ScrapeSource("c", fake, hand.wall, scrape_s=1.0, lag_s=1.1)  # type: ignore[arg-type]
    assert ScrapeRefused("c", 1000.0, "j i", UNREAD) in source.read(1002, "poll")


def test_a_target_that_was_refused_before_is_asked_when_it_is_down_for_another_reason(
    hand: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        Http, "send", lambda self, method, path, **_: asked.append(path) or Answer(method, path, 200, b"", "", 0.0)
    )
    refused, other = [{**TARGETS[0], "lastError": UNREAD}], [{**TARGETS[0], "lastError": "Get x: EOF"}]
    batches = [ups((1000.0, 0)), ups((1001.0, 1)), ups((1002.0, 0))]
    fake = Fake(samples=batches, targets=[refused, refused, other], durations=[Result(())])
    source = ScrapeSource("c", fake, hand.wall, scrape_s=1.0, lag_s=1.1)  # type: ignore[arg-type]
    for now in (1002, 1003):
        source.read(now, "poll")
    assert asked == []
    source.read(1004, "poll")
    assert asked == ["/m"]


def test_a_target_that_answers_us_while_its_scrapes_fail_is_told(hand: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([True, False, True, True])

    def send(self: Http, method: str, path: str, **_: Any) -> Answer:
        if not next(answers):
            raise DOWN
        assert (self.base, method, path, self.timeout_s) == ("http://127.0.0.1:1", "GET", "/m", 1.0)
        return Answer(method, path, 200, b"", "", 0.0)

    monkeypatch.setattr(Http, "send", send)
    batches = [
        ups((1000.0, 0)),
        ups((1001.0, 0)),
        ups((1002.0, 0)),
        ups((1003.0, 1)),
        ups((1004.0, 0)),
        ups((1005.0, 1)),
    ]
    fake = Fake(samples=batches, targets=[TARGETS], durations=[ups((1000.0, 0.02), (1001.0, 0.02))])
    source = ScrapeSource("c", fake, hand.wall, scrape_s=1.0, lag_s=1.1)  # type: ignore[arg-type]
    told: list[tuple[str, float]] = []
    for _ in range(6):
        hand.move(0.5)  # asked at 1000.5 (answered), 1001.5 (not), 1002.5 (answered, but then it was up), 1004.5
        told += [item for item in readings(source, hand.t + 2) if item[0] != "scrape_gap_s"]
        hand.move(0.5)
    assert told == [
        ("up_zero_while_answered", 0),
        ("up_zero_while_answered", 1),
        ("up_zero_s", 3.0),
        ("up_zero_while_answered", 1),
        ("up_zero_s", 1.0),
    ]


def test_a_scrape_that_ran_out_of_time_is_told_and_one_that_was_refused_is_not(hand: Any) -> None:
    took = Result((*ups((1000.0, 0.02), (1001.0, 0.01), (1002.0, 0.9)).series,
                   *ups((1002.0, 5.0), job="slow").series))  # fmt: skip
    fake = Fake(samples=[ups((1000.0, 1), (1001.0, 0), (1002.0, 0))], targets=[TARGETS], durations=[DOWN, took, took])
    source = ScrapeSource("c", fake, hand.wall, scrape_s=1.0, lag_s=1.1)  # type: ignore[arg-type]
    with pytest.raises(HttpFault):
        source.read(1004, "poll")
    told = [r for r in source.read(1005, "poll") if isinstance(r, Reading) and r.name == "scrape_timed_out_s"]
    assert told[0] == Reading("c", 1002.0, "j i", "scrape_timed_out_s", 0.9)


# --- counters


def test_counters_are_told_at_first_when_they_move_and_at_the_end(hand: Any) -> None:
    answers = iter([{"a": 0.0, "b": 1.0}, {"a": 0.0, "b": 2.0}, {"a": 0.0, "b": 2.0}, {"a": 0.0, "b": 2.0}])
    source = CounterSource("c", "filebeat", lambda: next(answers), hand.wall)
    told = [[(r.name, r.value) for r in source.read(0, moment) if isinstance(r, Reading)]
            for moment in ("poll", "poll", "poll", "finish")]  # fmt: skip
    assert told == [[("a", 0.0), ("b", 1.0)], [("b", 2.0)], [], [("a", 0.0), ("b", 2.0)]]
    assert (source.components, source.needs) == ({"filebeat"}, ())


def test_the_counters_of_each_component_have_the_names_that_fitness_knows() -> None:
    text = 'prometheus_notifications_dropped_total{a="1"} 2\nprometheus_notifications_dropped_total{a="2"} 3\nother 1\n'
    assert prometheus_counters(Fake(own_metrics=[text]))() == {"prometheus_notifications_dropped_total": 5.0}  # type: ignore[arg-type]
    failed = "alertmanager_notification_requests_failed_total"
    assert alertmanager_counters(Fake(own_metrics=[failed + " 1\n"]))() == {failed: 1.0}  # type: ignore[arg-type]
    names = ("output_acked", "output_dropped", "output_duplicates", "output_failed", "pipeline_active",
             "pipeline_dropped", "pipeline_published")  # fmt: skip
    counters = filebeat_counters(Fake(counters=[dict.fromkeys(names, 2.0)]))()  # type: ignore[arg-type]
    assert counters["filebeat_events_dropped"] == 4.0
    assert counters.keys() == {f"filebeat_events_{name}" for name in
                               ("acked", "active", "dropped", "duplicates", "failed", "published")}  # fmt: skip


# --- endpoints


def answers(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[tuple[Any, ...]]:
    asked: list[tuple[Any, ...]] = []

    def send(self: Http, method: str, path: str, **options: Any) -> Answer:
        asked.append((self.base, method, path, options))
        if isinstance(answer, Exception):
            raise answer
        return Answer(method, path, answer[0], answer[1], answer[2], 0.01)

    monkeypatch.setattr(Http, "send", send)
    return asked


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b"", None),
        (b"plain", "plain"),
        (b"[" + b"1," * 600_000 + b"1]", "[" + "1," * 999 + "1"),
    ],
    ids=["json", "empty", "text", "huge"],
)
def test_a_probe_keeps_what_the_endpoint_answered(
    body: bytes, kept: Any, hand: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answers(monkeypatch, (503, body, "application/json"))
    target = EndpointTarget("one", "health", "http://h:1/health?deep=1", "POST", {"x": "y"}, b"q")
    (record,) = AnswerSource("c", target, hand.wall).read(0, "poll")
    assert record == HttpAnswer("c", 1000.0, "one", "health", 503, 0.01, "application/json", kept)
    assert asked == [("http://h:1", "POST", "/health?deep=1", {"body": b"q", "headers": {"x": "y"}})]


def test_no_answer_is_a_record_too(hand: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, DOWN)
    (record,) = AnswerSource("c", EndpointTarget("one", "health", "http://h:1/"), hand.wall).read(0, "poll")
    assert record == HttpAnswer("c", 1000.0, "one", "health", 0, 0.0, error="refused")


def test_an_exposition_is_text_and_an_error_is_none(hand: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source = ExpositionSource("c", ExpositionTarget("one", "http://h:1/metrics"), hand.wall)
    answers(monkeypatch, (200, b"a 1\n", "text/plain"))
    assert source.read(0, "poll") == [Exposition("c", 1000.0, "one", "a 1\n", "text/plain", 0.01)]
    answers(monkeypatch, (500, b"", ""))
    with pytest.raises(HttpFault, match="500"):
        source.read(0, "poll")


# --- documents


TARGET = DocumentTarget(Http("http://h:1"), "i-*", "path", {"/l/a/": "a", "/l/": "rest", "exact": "b"}, "s.t")


@pytest.mark.parametrize(
    ("source", "cell"),
    [({"path": "/l/a/1.log"}, "a"), ({"path": "/l/x"}, "rest"), ({"path": "exact"}, "b"), ({"path": "exact2"}, None),
     ({}, None), ({"path": ["/l/a/"]}, None)],
)  # fmt: skip
def test_a_document_belongs_to_the_cell_of_its_longest_folder(source: Any, cell: str | None) -> None:
    assert cell_of(source, TARGET) == cell


@pytest.mark.parametrize(
    ("source", "found"),
    [({"s": {"t": 1}}, 1), ({"s.t": 2}, 2), ({"s": 3}, None), ({"s": {"u": 1}}, None), ({}, None), ("x", None)],
)
def test_a_dotted_path_is_found_however_it_is_written(source: Any, found: Any) -> None:
    assert value_at(source, "s.t") == found


def hits(*numbers: int, index: str = "i-1", sort: bool = True) -> list[Hit]:
    return [Hit(index, str(n), {"path": "exact", "s": {"t": "app"}}, (n, index) if sort else ()) for n in numbers]


def documents(hand: Any, **fake: list[Any]) -> tuple[DocumentSource, Fake]:
    source, client = DocumentSource(TARGET, (Need("documents", "app"),), hand.wall), Fake(refresh=[None], **fake)
    source._client = client  # type: ignore[assignment]
    return source, client


def test_documents_are_read_on_from_the_last_number_of_each_index(hand: Any) -> None:
    source, client = documents(hand, count=[2, 2, 3, 3], search_after=[hits(1, 2), hits(3)])
    assert [d.id for d in source.read(0, "poll")] == ["1", "2"]  # type: ignore[union-attr]
    assert source.read(0, "poll") == ()
    assert [d.id for d in source.read(0, "poll")] == ["3"]  # type: ignore[union-attr]
    asked = [call for call in client.asked if call[0] == "search_after"]
    known = asked[1][2]["bool"]["filter"][1]["bool"]["should"]
    assert known[0]["bool"]["filter"] == [{"term": {"_index": "i-1"}}, {"range": {"_seq_no": {"gt": 2}}}]
    assert known[1] == {"bool": {"must_not": [{"terms": {"_index": ["i-1"]}}]}}
    assert not any(call[0] == "refresh" for call in client.asked)


def test_where_numbers_do_not_find_all_everything_is_read_again(hand: Any) -> None:
    source, client = documents(hand, count=[3], search_after=[hits(1, 2)], scan=[hits(1, 2, 3, sort=False)])
    assert [d.id for d in source.read(0, "settle")] == ["1", "2", "3"]  # type: ignore[union-attr]
    assert client.asked[0] == ("refresh", "i-*")
    assert source.counts == {("b", "app"): 3}


def test_a_read_that_fails_half_way_loses_no_document(hand: Any) -> None:
    source, _ = documents(hand, count=[3], search_after=[hits(1, 2), hits(1, 2)], scan=[DOWN, hits(3, sort=False)])
    with pytest.raises(HttpFault):
        source.read(0, "poll")
    assert [d.id for d in source.read(0, "poll")] == ["1", "2", "3"]  # type: ignore[union-attr]


def test_a_mapping_is_read_at_the_end_as_fields_with_their_types(hand: Any) -> None:
    mapping = {
        "properties": {"a": {"properties": {"b": {"type": "long"}}}, "free": {"type": "object", "enabled": False}}
    }
    source = MappingSource("c", TARGET, hand.wall)
    source._client = Fake(mappings=[{"i-2": {}, "i-1": mapping}])  # type: ignore[assignment]
    assert source.read(0, "poll") == source.read(0, "settle") == ()
    first, second = source.read(0, "finish")
    assert (first.index, first.fields) == ("i-1", {"a.b": "long", "free": "object"})  # type: ignore[union-attr]
    assert (second.index, second.fields) == ("i-2", {})  # type: ignore[union-attr]


def test_a_text_that_is_compared_is_kept_to_its_end(hand: Any) -> None:
    text = b"# a text\n" * 500
    for whole, length in ((False, 2000), (True, len(text))):
        source = AnswerSource("c", EndpointTarget("i", "plain", "http://h:1/m", whole=whole), hand.wall)
        source._http = Fake(send=[Answer("GET", "/m", 200, text, "text/plain", 0.01)])  # type: ignore[assignment]
        (record,) = source.read(0, "poll")
        assert len(record.body) == length  # type: ignore[union-attr]
