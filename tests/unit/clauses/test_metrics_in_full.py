"""What families promise beside their shape: names, rest, series from the start, agreement of texts, budgets."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.metric_agreement import judge_scraped
from harness.clauses.model import Clause
from harness.contract import load_campaign
from harness.contract.fields import LabelRule
from harness.core.errors import ConfigError
from harness.evidence.records import (
    Barrier,
    CellFinished,
    CellStarted,
    Exposition,
    Federated,
    HttpAnswer,
    PhaseMark,
    Request,
)
from harness.evidence.store import Evidence

T = 1_800_000_000.0
FILES = {
    "campaign.yaml": "harness: campaign/1\nprofile: profile.yaml\ncontract: contract.yaml\n",
    "profile.yaml": """\
harness: profile/1
subject: s
start: {command: ["true"]}
ports: [app]
ready: {port: app}
""",
    "prometheus.yml": "scrape_configs: [{job_name: s, static_configs: [{targets: ['s:80']}]}]\n",
    "story.yaml": "harness: scenario/1\nstory: It runs.\nphases:\n  - {name: all, lasts: 1m}\n",
    "contract.yaml": """\
harness: contract/1
service: s
artefacts: {prometheus: prometheus.yml}
metrics:
  also_at: json
  families:
    held: {type: gauge, rests_at: 0}
    jobs_total:
      type: counter
      labels: {kind: [a, b], who: {at_most: 9}}
      from_start: [{kind: [a, b]}]
      at_most: 3
endpoints:
  json: {port: app, path: /, answers: {200: {}}}
budgets: {exposition: 100ms wall, exposition_bytes: 400}
""",
}
TEXT = """\
# HELP held Held now.
# TYPE held gauge
held 0
# HELP jobs_total Jobs.
# TYPE jobs_total counter
jobs_total{kind="a",who="x"} 3
jobs_total{kind="b",who="x"} 0
"""
JSON = {
    "families": [
        {"name": "held", "samples": [{"name": "held", "labels": {}, "value": 0}]},
        {"samples": [{"name": "jobs_total", "labels": {"kind": "a", "who": "x"}, "value": "3"}]},
        {"samples": [{"name": "jobs_total", "labels": {"kind": "b", "who": "x"}, "value": 0.0}]},
    ]
}


def compiled(folder: Path, *changes: tuple[str, str]) -> dict[str, Clause]:
    for name, text in FILES.items():
        for before, after in changes:
            text = text.replace(before, after)
        (folder / name).write_text(text)
    return {clause.id.partition("::")[2]: clause for clause in compile_campaign(load_campaign([folder]))}


@pytest.fixture
def table(tmp_path: Path) -> dict[str, Clause]:
    """Clauses by the last three parts of their ids."""
    return compiled(tmp_path)


def exposed(t: float, text: str = TEXT, duration_s: float = 0.02) -> Exposition:
    return Exposition("story", T + t, "s-0", text, duration_s=duration_s)


def judge(clause: Clause, *records: Any, completed: bool = True) -> Any:
    frame = [
        CellStarted("story", T, 1.0, 1.0, 1.0, ("s-0",)),
        PhaseMark("story", T, "all", "start"),
        PhaseMark("story", T + 60, "all", "end"),
        CellFinished("story", T + 70, completed),
    ]
    return clause.judge(Evidence([*frame, *records], planned=("story",)))


def ended(text: str = TEXT, json: Any = JSON) -> list[Any]:
    """A story's end as the conductor reads it."""
    return [
        exposed(0.1),
        Barrier("story", T + 61, "rest", passed=True),
        exposed(62, text),
        HttpAnswer("story", T + 63, "s-0", "json", 200, 0.01, "application/json", json),
        Federated("story", T + 64, text),
        exposed(65, text),
    ]


@pytest.mark.parametrize("clause", ["held::rests", "jobs_total::from_start", "json::agrees", "jobs_total::scraped"])
def test_a_good_end_holds(table: dict[str, Clause], clause: str) -> None:
    found = table[f"metrics::{clause}"]
    assert judge(found, *ended()).verdict == "held"
    assert judge(found, *ended(), completed=False).verdict == "open"
    assert judge(found).verdict == "open"


def test_a_gauge_that_does_not_rest(table: dict[str, Clause]) -> None:
    found = judge(table["metrics::held::rests"], *ended(TEXT.replace("held 0", "held 2")))
    assert (found.verdict, found.message) == ("violated", "held stands at 2 after story (s-0)")
    unwatched = [record for record in ended(TEXT.replace("held 0", "held 2")) if not isinstance(record, Barrier)]
    assert judge(table["metrics::held::rests"], *unwatched).verdict == "inconclusive"


def test_a_text_from_before_the_end_says_nothing_about_rest(table: dict[str, Clause]) -> None:
    assert judge(table["metrics::held::rests"], exposed(30, TEXT.replace("held 0", "held 2"))).verdict == "open"


def test_a_json_that_disagrees(table: dict[str, Clause]) -> None:
    other = {"families": [*JSON["families"][:2], {"name": "jobs_total", "labels": {"kind": "b"}, "value": 1}]}
    found = judge(table["metrics::json::agrees"], *ended(json=other))
    assert found.verdict == "violated"
    assert "json does not hold it (story/s-0)" in found.message
    wrong = {"families": [*JSON["families"][1:], {"name": "held", "labels": {}, "value": "many"}]}
    assert "json says nan" in judge(table["metrics::json::agrees"], *ended(json=wrong)).message
    assert judge(table["metrics::json::agrees"], *ended(json=None)).verdict == "violated"


def test_what_moves_between_two_texts_is_compared_by_name_alone(table: dict[str, Clause]) -> None:
    records = [record for record in ended() if not isinstance(record, Exposition)]
    moving = [exposed(62), exposed(65, TEXT.replace('who="x"} 3', 'who="x"} 4'))]
    seen = [Federated("story", T + 64, TEXT.replace('who="x"} 3', 'who="x"} 7'))]
    others = [record for record in records if not isinstance(record, Federated)]
    assert judge(table["metrics::jobs_total::scraped"], *others, *moving, *seen).verdict == "held"
    gone = [Federated("story", T + 64, TEXT.replace('kind="a"', 'kind="c"'))]
    assert judge(table["metrics::jobs_total::scraped"], *others, *moving, *gone).verdict == "violated"


CLASSIC = """\
# TYPE took histogram
took_bucket{le="1"} 2
took_bucket{le="+Inf"} 3
took_sum 4
took_count 3
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('# native took\n{"took_count", job="s"} 3.0\n{"took_sum", job="s"} 4.0\n', ""),
        ('# native took\n{"took_count", job="s"} 2.0\n{"took_sum", job="s"} 4.0\n', "took_count 3"),
        ('took_count{job="s"} 3\ntook_sum{job="s"} 4\n', 'took_bucket{le="1.0"} 2'),
        (CLASSIC.replace(" 2", " 1") + '# native took\n{"took_count"} 3.0\n', 'took_bucket{le="1.0"} 2'),
    ],
)
def test_a_native_histogram_is_compared_by_count_and_sum(text: str, said: str) -> None:
    records = [record for record in ended(CLASSIC) if not isinstance(record, Federated)]
    clause: Any = SimpleNamespace(judge=judge_scraped("took"))
    found = judge(clause, *records, Federated("story", T + 64, text))
    if said:
        assert (found.verdict, found.message) == ("violated", f"Prometheus does not hold {said} of story")
    else:
        assert found.verdict == "held"
        assert "2 series are in Prometheus as exposed as a native histogram" in found.message


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        ("jobs_total", 'jobs_total{kind="a",who="x"} 3\n', 'jobs_total{kind="a",who="x"}'),
        ("held", "held 0\n", "held"),
    ],
)
def test_a_series_that_is_exposed_twice_is_named(name: str, line: str, told: str) -> None:
    clause: Any = SimpleNamespace(judge=judge_scraped(name))
    for value, verdict in (("5", "violated"), (line.split()[-1], "held")):
        twice = TEXT.replace(line, line + line.rpartition(" ")[0] + f" {value}\n")
        records = [record for record in ended(twice) if not isinstance(record, Federated)]
        found = judge(clause, *records, Federated("story", T + 64, TEXT))
        assert found.verdict == verdict
        if verdict == "violated":
            assert found.message == f"{told} stands 2 times in one text, with different values (s-0)"


def test_a_label_without_a_value_is_no_label_to_prometheus(table: dict[str, Clause]) -> None:
    empty, none = TEXT.replace('who="x"', 'who=""'), TEXT.replace(',who="x"', "")
    records = [record for record in ended(empty) if not isinstance(record, Federated)]
    clause = table["metrics::jobs_total::scraped"]
    assert judge(clause, *records, Federated("story", T + 64, none)).verdict == "held"
    other = none.replace('kind="a"', 'kind="c"')
    assert judge(clause, *records, Federated("story", T + 64, other)).verdict == "violated"


def test_a_gauge_that_moved_in_the_story_may_have_moved_between_two_equal_texts(table: dict[str, Clause]) -> None:
    """As open files do: the reading itself opens one."""
    json = {"families": [{"name": "held", "labels": {}, "value": 1}, *JSON["families"][1:]]}
    clause, seen = table["metrics::json::agrees"], [Federated("story", T + 64, TEXT.replace("held 0", "held 1"))]
    assert judge(clause, *ended(json=json)).verdict == "violated"
    moved = exposed(30, TEXT.replace("held 0", "held 5"))
    assert judge(clause, moved, *ended(json=json)).verdict == "held"
    others = [record for record in ended() if not isinstance(record, Federated)]
    assert judge(table["metrics::held::scraped"], *others, *seen).verdict == "violated"
    assert judge(table["metrics::held::scraped"], moved, *others, *seen).verdict == "held"


def test_label_sets_that_are_missing_at_the_start(table: dict[str, Clause]) -> None:
    other = TEXT + 'jobs_total{kind="a",who="y"} 0\n'
    found = judge(table["metrics::jobs_total::from_start"], exposed(0.1, other))
    assert found.verdict == "violated"
    assert '{kind="b",who="y"} does not exist from the start' in found.message
    none = TEXT.partition("jobs_total{")[0]
    assert judge(table["metrics::jobs_total::from_start"], exposed(0.1, none)).verdict == "violated"


@pytest.mark.parametrize(
    ("rule", "kind", "verdict"),
    [
        ('{pattern: "[a-z]"}', "none", "violated"),
        ('{pattern: "[a-z]", also: [none]}', "none", "held"),
        ('{pattern: "[a-z]", also: [none]}', "None", "violated"),
        ("{at_most: 9, also: [none]}", "none", "held"),
    ],
)
def test_a_value_beside_a_pattern_is_meant(tmp_path: Path, rule: str, kind: str, verdict: str) -> None:
    clauses = compiled(tmp_path, ("kind: [a, b], who", f"kind: {rule}, who"), ("from_start", "# from_start"))
    text = TEXT.replace('kind="b"', f'kind="{kind}"')
    found = judge(clauses["metrics::jobs_total::filled"], exposed(1, text))
    assert found.verdict == verdict
    assert verdict == "held" or f"beside its pattern: also: [{kind}]" in str(found.details)
    values = judge(clauses["metrics::jobs_total::label_values"], exposed(1, text))
    assert values.verdict == ("violated" if kind == "None" or "also" not in rule else "held")


def test_a_list_needs_no_other_values() -> None:
    with pytest.raises(ValueError, match="one_of is the whole list"):
        LabelRule(one_of=["a"], also=["b"])


def test_too_many_series(table: dict[str, Clause]) -> None:
    more = "".join(f'jobs_total{{kind="a",who="{n}"}} 0\n' for n in range(2))
    clause = table["metrics::jobs_total::series"]
    assert judge(clause, exposed(1)).verdict == "held"
    assert "4 series, at most 3" in judge(clause, exposed(1, TEXT + more)).message


@pytest.mark.parametrize("value", ["unknown", "Undefined", "", "null", "[object Object]"])
def test_a_label_that_says_nothing(table: dict[str, Clause], value: str) -> None:
    text = TEXT.replace('kind="b",who="x"', f'kind="b",who="{value}"')
    assert judge(table["metrics::jobs_total::filled"], exposed(1, text)).verdict == "violated"


def test_a_placeholder_that_is_declared_is_a_value(tmp_path: Path) -> None:
    clauses = compiled(tmp_path, ("kind: [a, b], who", "kind: [a, b, none], who"))
    text = TEXT.replace('kind="b"', 'kind="none"')
    assert judge(clauses["metrics::jobs_total::filled"], exposed(1, text)).verdict == "held"


def test_budgets_of_the_text(table: dict[str, Clause]) -> None:
    takes, holds = table["metrics::exposition::takes_at_most"], table["metrics::exposition::holds_at_most"]
    once = [exposed(1), exposed(2, duration_s=3.0), exposed(3)]
    assert judge(takes, *once).verdict == "held"
    assert judge(takes, *once, exposed(4, duration_s=0.3), exposed(5, duration_s=0.3)).verdict == "violated"
    assert judge(takes).verdict == judge(holds).verdict == "open"
    assert judge(takes, *once, completed=False).verdict == "open"
    assert judge(holds, *once).verdict == "held"
    assert judge(holds, exposed(1, TEXT * 3)).verdict == "violated"


@pytest.mark.parametrize(
    ("name", "rule", "text", "problem"),
    [
        ("jobs", "{type: counter}", "# TYPE jobs counter\njobs 1\n", "a counter's name ends in _total"),
        ("odd_total", "{type: gauge}", "# TYPE odd_total gauge\nodd_total 1\n", "only a counter's name ends in"),
        ("took_ms", "{type: gauge}", "# TYPE took_ms gauge\ntook_ms 1\n", "ms is no base unit: measure seconds"),
        ("took_ms", "{type: gauge, unit: ms}", "# TYPE took_ms gauge\ntook_ms 1\n", ""),
        ("took", "{type: gauge, unit: seconds}", "# TYPE took gauge\ntook 1\n", "does not end in its unit seconds"),
        ("hit_ratio", "{type: gauge}", "# TYPE hit_ratio gauge\nhit_ratio 50\n", "a ratio lies between 0 and 1"),
        ("hit_ratio", "{type: gauge}", "# TYPE hit_ratio gauge\nhit_ratio 0.5\n", ""),
        ("used_bytes", "{type: gauge}", "# TYPE used_bytes gauge\nused_bytes -1\n", "used_bytes is -1 bytes"),
        (
            "start_time_seconds",
            "{type: gauge}",
            "# TYPE start_time_seconds gauge\nstart_time_seconds 1.7e12\n",
            "no time",
        ),
        ("start_time_seconds", "{type: gauge}", "# TYPE start_time_seconds gauge\nstart_time_seconds 1.7e9\n", ""),
        ("tokens_per_second", "{type: gauge}", "# TYPE tokens_per_second gauge\ntokens_per_second 3\n", ""),
    ],
)
def test_names(tmp_path: Path, name: str, rule: str, text: str, problem: str) -> None:
    clauses = compiled(tmp_path, ("    held: {type: gauge, rests_at: 0}\n", f"    {name}: {rule}\n"))
    found = judge(clauses[f"metrics::{name}::named"], exposed(1, text))
    assert found.verdict == ("violated" if problem else "held")
    assert problem in found.message


@pytest.mark.parametrize(
    ("buckets", "tail", "problem"),
    [
        ('d_bucket{le="-1"} 1\nd_bucket{le="+Inf"} 2\n', "d_sum -5\nd_count 2\n", ""),
        ('d_bucket{le="1"} 1\nd_bucket{le="+Inf"} 2\n', "d_sum 0.5\nd_count 2\n", "its buckets allow 1 to inf"),
        ('d_bucket{le="1"} 0\nd_bucket{le="+Inf"} 0\n', "d_sum 1\nd_count 0\n", "its buckets allow 0 to 0"),
        ('d_bucket{le="1"} 1\n', "d_sum 1\nd_count 1\n", "it has no bucket +Inf"),
        ('d_bucket{le="+Inf"} 1\n', "d_sum 1\n", "it has no count"),
        ('d_bucket{le="x"} 1\nd_bucket{le="+Inf"} 1\n', "d_sum 1\nd_count 1\n", "a bound of its buckets is no number"),
    ],
)
def test_histograms(tmp_path: Path, buckets: str, tail: str, problem: str) -> None:
    clauses = compiled(tmp_path, ("    held: {type: gauge, rests_at: 0}\n", "    d: {type: histogram}\n"))
    found = judge(clauses["metrics::d::well_formed"], exposed(1, f"# TYPE d histogram\n{buckets}{tail}"))
    assert problem in found.message
    assert found.verdict == ("violated" if problem else "held")


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("[{kind: [a, b]}]", "[{kin: [a, b]}]", "from_start names the label 'kin'"),
        ("[{kind: [a, b]}]", "all", "needs a list of values for every label"),
        ("type: gauge, rests_at", "type: counter, rests_at", "only a gauge comes to rest"),
        ("also_at: json", "also_at: jsn", "an endpoint that is not declared"),
    ],
)
def test_promises_that_cannot_be(tmp_path: Path, before: str, after: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        compiled(tmp_path, (before, after))


def test_another_endpoint_may_tell_the_same_as_text(tmp_path: Path) -> None:
    both = compiled(
        tmp_path,
        ("also_at: json", "also_at: [json, plain]"),
        ("  json: {port", "  plain: {port: app, path: /m, answers: {200: {}}}\n  json: {port"),
    )
    clause = both["metrics::plain::agrees"]
    texts = [exposed(0.1), exposed(62), exposed(65)]

    def plain(body: Any) -> Any:
        return judge(clause, *texts, HttpAnswer("story", T + 63, "s-0", "plain", 200, 0.01, "text/plain", body))

    assert plain(TEXT).verdict == "held"
    assert 'jobs_total{kind="a",who="x"} is 3, but plain says 4' in plain(TEXT.replace("} 3", "} 4")).message
    assert "but plain does not hold it" in plain("no metrics {").message
    assert both["metrics::json::agrees"].needs != clause.needs


def test_help_may_be_left_out_where_the_contract_says_so(tmp_path: Path) -> None:
    assert "metrics::held::documented" in compiled(tmp_path)
    none = compiled(tmp_path, ("  families:", "  help: optional\n  families:"))
    assert not [name for name in none if name.endswith("::documented")]
    one = compiled(tmp_path, ("rests_at: 0}", "rests_at: 0, help: optional}"))
    assert "metrics::held::documented" not in one
    assert "metrics::jobs_total::documented" in one


def test_a_family_that_says_it_moves_may_not_stand_still_while_requests_are_answered(tmp_path: Path) -> None:
    clause = compiled(tmp_path, ("rests_at: 0}", "rests_at: 0, moves: true}"))["metrics::held::moves"]
    moved = TEXT.replace("held 0", "held 2")

    def request(status: int = 200, *, expected: bool = True) -> Request:
        return Request("story", "all", "work", 1, "r", "s-0", T, T, T, None, T + 1, status, expected)

    still = judge(clause, exposed(1), exposed(62), exposed(65), request())
    assert (still.verdict, "stands still in 2 texts" in still.message) == ("violated", True)
    assert judge(clause, exposed(1), exposed(62), request(500, expected=False)).verdict == "open"
    assert judge(clause, exposed(1), request()).verdict == "open"
    assert judge(clause, exposed(1), exposed(30, moved), exposed(62), request()).verdict == "held"
    assert judge(clause, exposed(1), exposed(62), request(), completed=False).verdict == "open"
