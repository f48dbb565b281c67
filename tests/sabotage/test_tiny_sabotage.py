"""Each defect on purpose changes exactly the verdicts that it should: a clause that nothing can violate proves nothing.

Every defect is a small change of the tiny subject or of its production files. Clauses that are not named hold. Defects
whose clauses are apart are planted together: one gate then shows what a gate for each would show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.tiny.gates import Home, Story

FAILING = "failing::alerts::TinyFailing::"
LOAD = "failing::load::"
HOPS = ("pends", "fires", "pages", "pages_once", "renders", "resolves")


def after(promise: str) -> frozenset[str]:
    """Promises whose premise is ``promise``: what never fired cannot page."""
    return frozenset(f"{FAILING}{each}" for each in HOPS[HOPS.index(promise) + 1 :])


def counted(*names: str) -> dict[str, str]:
    """Conservation of counters that Prometheus never saw."""
    of = {"failures_total": "failed_work", "requests_total": "work", "request_seconds_count": "request"}
    return {f"failing::metrics::sum(tiny_{name})::one_per_{of[name]}": "first missing hop: metric" for name in names}


@dataclass(frozen=True)
class Sabotage:
    """A defect, the clauses that it violates with words that must be told, and those that it leaves undecided."""

    defect: Callable[[Story], object]
    violated: dict[str, str]
    inconclusive: frozenset[str] = field(default_factory=frozenset)


def change(file: str, *changes: tuple[str, str]) -> Callable[[Story], object]:
    return lambda story: story.replace(file, *changes)


RULES, SERVICE = "production/rules.yml", "service/main.go"
ARCHIVE = "receivers:\n  - {name: archive, webhook_configs: [{url: 'http://archive.example.test/'}]}\n"
ROUTES = "production/alertmanager.yml"
DYING = """\
      - alert: TinyDying
        expr: sum(rate(tiny_failures_total[40s])) > 0.05
        labels: {severity: critical, service: tiny}
        annotations: {summary: Tiny is dying}
"""
METRICS = "campaign::metrics::tiny_"
ANSWERS = "campaign::metrics::exposition::answers"
PLANTED = (
    ("requests:\n", "canaries: [key]\nrequests:\n"),
    ("    path: /work\n", '    path: /work\n    headers: {Authorization: "Bearer {{canary.key}}"}\n'),
)
DROP = "    metric_relabel_configs: [{source_labels: [__name__], regex: .*_bucket, action: drop}]\n"
SABOTAGES = {
    "a threshold that is never reached": Sabotage(
        change(RULES, ("> 0.1", "> 1000")),
        {f"{FAILING}pends": "first missing hop: expression\nsum(rate(tiny_failures_total[40s])) ranged from 0 to 0."},
        after("pends"),
    ),
    "a scrape of a port where nobody listens": Sabotage(
        change(
            "profile.yaml",
            ("ports: [app]", "ports: [app, other]"),
            ("{job: tiny, port: app}", "{job: tiny, port: other}"),
        ),
        {
            f"{FAILING}pends": "first missing hop: scrape\nevery scrape of tiny tiny:8080 failed",
            **counted("failures_total", "requests_total", "request_seconds_count"),
            **{
                f"{METRICS}{name}::scraped": f"Prometheus does not hold tiny_{name}"
                for name in ("failures_total", "requests_total", "request_seconds")
            },
        },
        after("pends") | {f"{LOAD}promql_sum(rate(tiny_failures_total[40s]))_below::holds", ANSWERS},
    ),
    "a scrape that fails now and then": Sabotage(
        change(
            SERVICE,
            ("\tapplied  int\n", "\tapplied  int\n\tscrapes  int\n"),
            (
                "metrics(w http.ResponseWriter, _ *http.Request) {\n\ts.mu.Lock()\n\tdefer s.mu.Unlock()\n",
                "metrics(w http.ResponseWriter, r *http.Request) {\n\ts.mu.Lock()\n\tdefer s.mu.Unlock()\n"
                '\tif s.applied > 0 && s.ratio == 0 && r.Header.Get(SCRAPE) != "" {\n\t\ts.scrapes++\n'
                "\t\tif s.scrapes == 4 {\n\t\t\tw.WriteHeader(500)\n\t\t\treturn\n\t\t}\n\t}\n".replace(
                    "SCRAPE", '"X-Prometheus-Scrape-Timeout-Seconds"'
                ),
            ),
        ),
        {ANSWERS: "scrapes of tiny tiny:8080 in failing failed\nfirst missing hop: scrape"},
    ),
    "a waiting time beyond the phase": Sabotage(
        lambda story: (
            story.replace(RULES, ("for: 20s", "for: 5m")),
            story.replace("failing.yaml", ("until: TinyFailing paged,", "until: TinyFailing paged, at_most: 2m,")),
        ),
        {f"{FAILING}fires": "first missing hop: rule state\nit was pending at"},
        after("fires"),
    ),
    "a route to somebody else": Sabotage(
        change(
            "production/alertmanager.yml", ("  receiver: on-call\n", "  receiver: archive\n"), ("receivers:\n", ARCHIVE)
        ),
        {f"{FAILING}pages": "archive was told by webhook, not on-call\nfirst missing hop: route"},
        after("pages"),
    ),
    "a template that is not rendered": Sabotage(
        change(RULES, ("{{ $value | humanize }}", '{{ "{{ $value }}" }}')),
        {f"{FAILING}renders": "it holds '{{'\nfirst missing hop: template"},
    ),
    "recovery that only the archive hears of": Sabotage(
        lambda story: (
            story.replace(
                ROUTES,
                ("send_resolved: true", "send_resolved: false"),
                ("receivers:\n", ARCHIVE),
                (
                    "  repeat_interval: 1h\n",
                    "  repeat_interval: 1h\n  routes: [{receiver: archive, continue: true}, {receiver: on-call}]\n",
                ),
            ),
            story.replace(
                "contract.yaml", ("    reaches: on-call\n", "    reaches: on-call\n    also_told: archive\n")
            ),
        ),
        {f"{FAILING}resolves": "no integration of on-call sends resolved notices\nfirst missing hop: receiver"},
    ),
    "a severity that follows the value, to somebody else": Sabotage(
        lambda story: (
            story.replace(
                RULES, ("severity: critical", "severity: '{{ if gt $value 0.4 }}critical{{ else }}ticket{{ end }}'")
            ),
            story.replace(
                ROUTES,
                ("receivers:\n", ARCHIVE),
                (
                    "  repeat_interval: 1h\n",
                    "  repeat_interval: 1h\n  routes: [{receiver: archive, matchers: [severity = ticket]}]\n",
                ),
            ),
            story.replace(
                "failing.yaml",
                ("fault: {failures: 100%}, load: {rate: 0.5/s", "fault: {failures: 100%}, load: {rate: 2/s"),
                ("[40s])) < 1/s", "[40s])) < 9/s"),
                (
                    "  - {name: recovery,",
                    "  - {name: fewer, lasts: 2m, fault: {failures: 50%}, load: {rate: 0.5/s, mix: {work: 1}}}\n"
                    "  - {name: recovery,",
                ),
            ),
        ),
        {
            f"{FAILING}resolves": "it resolved while the fault lasted\nfirst missing hop: expression",
            f"{FAILING}pages_once": "archive was told by webhook as well\nfirst missing hop: route",
        },
    ),
    "a graver alert that comes first": Sabotage(
        lambda story: (
            story.write(RULES, story.path(RULES).read_text() + DYING),
            story.replace(
                "contract.yaml", ("alerts:\n", "alerts:\n  TinyDying: {means: It fails., reaches: on-call}\n")
            ),
            story.replace(
                "failing.yaml",
                ("may_fire: [TinyFailing]", "may_fire: [TinyFailing, TinyDying]"),
                ("{pages: on-call}", "{pages: on-call, before: TinyDying}"),
            ),
        ),
        {f"{FAILING}before_TinyDying": "TinyDying paged first"},
    ),
    "a label value that is not declared": Sabotage(
        change(SERVICE, ("[]int{200, 500}", "[]int{200, 418, 500}")),
        {"campaign::metrics::tiny_requests_total::label_values": "code='418' is not one of 200, 500"},
    ),
    "a placeholder in the label of what failed": Sabotage(
        lambda story: (
            story.replace("contract.yaml", ('{code: ["200", "500"]}, from_start: all', "{code: {at_most: 3}}")),
            story.replace(
                SERVICE,
                (
                    'tiny_requests_total{code=\\"%d\\"} %d\\n", code,',
                    'tiny_requests_total{code=\\"%s\\"} %d\\n", map[int]string{200: "200", 500: "undefined"}[code],',
                ),
            ),
        ),
        {f"{METRICS}requests_total::filled": 'tiny_requests_total{code="undefined"} says nothing in its label code'},
    ),
    "a series that is born with its first event": Sabotage(
        change(
            SERVICE,
            ("[]int{200, 500} {\n", "[]int{200, 500} {\n\t\tif s.answered[code] == 0 {\n\t\t\tcontinue\n\t\t}\n"),
        ),
        {
            f"{METRICS}requests_total::from_start": '{code="200"} does not exist from the start (failing/tiny-0)',
        },
    ),
    "a counter that begins anew when the fault heals": Sabotage(
        change(SERVICE, ("\t\ts.ratio = 0\n", "\t\ts.ratio, s.failures = 0, 0\n")),
        {f"{METRICS}failures_total::monotonic": "tiny_failures_total fell to 0 after", **counted("failures_total")},
    ),
    "a family without help": Sabotage(
        change(SERVICE, ("# HELP tiny_failures_total Requests that failed.\\n", "")),
        {f"{METRICS}failures_total::documented": "it has no help text"},
    ),
    "buckets that are not cumulative": Sabotage(
        change(SERVICE, ("\t\t\ts.buckets[i]++\n", "\t\t\ts.buckets[i]++\n\t\t\tbreak\n")),
        {f"{METRICS}request_seconds::well_formed": "its bucket 0.01 holds 0, the one before holds"},
    ),
    "a sum in another unit than its buckets": Sabotage(
        change(SERVICE, ("s.sum += took\n", "s.sum += took * 1e6\n")),
        {f"{METRICS}request_seconds::well_formed": "but its buckets allow 0 to"},
    ),
    "a relabelling that drops what nobody alerts on": Sabotage(
        change("production/prometheus.yml", ("    static_configs:\n", f"{DROP}    static_configs:\n")),
        {f"{METRICS}request_seconds::scraped": "Prometheus does not hold tiny_request_seconds_bucket"},
    ),
    "a counter that forgets some requests": Sabotage(
        change(SERVICE, ("\ts.answered[code]++\n", "\tif s.seq%10 != 4 {\n\t\ts.answered[code]++\n\t}\n")),
        counted("requests_total"),
    ),
    "a field that is missing in a log line": Sabotage(
        change(SERVICE, ('"request_id": request, "code": code, ', '"request_id": request, ')),
        {
            "failing::logs::requests[error]::carries_request_id_code": "lacks code",
            "campaign::logs::requests::envelope": "requests.log:1: code is absent",
        },
    ),
    "a field that nobody declared": Sabotage(
        change(SERVICE, ('"msg": "request",\n', '"msg": "request", "user": "ann",\n')),
        {"campaign::logs::requests::no_others": "requests.log:1: nobody declared user"},
    ),
    "a field of two types": Sabotage(
        lambda story: (
            story.replace("contract.yaml", ("msg: string", "msg: any")),
            story.replace(
                SERVICE,
                ('\tlevel := "info"\n', '\tlevel := "info"\n\tvar msg any = "request"\n'),
                ('\t\tlevel = "error"\n', '\t\tlevel, msg = "error", code\n'),
                ('"msg": "request"', '"msg": msg'),
            ),
        ),
        {"campaign::logs::all::one_type": "msg is text in"},
    ),
    "a line for a request that nobody sent": Sabotage(
        change(
            SERVICE, ('\thttp.HandleFunc("/work"', '\ts.write("probe", http.StatusOK, 0)\n\thttp.HandleFunc("/work"')
        ),
        {"campaign::logs::requests::joins": "request_id 'probe' was sent by nobody"},
    ),
    "a pipeline that keeps the time of reading": Sabotage(
        change(
            "production/filebeat.yml",
            ("      - timestamp:\n", "      - timestamp:\n          when: {equals: {code: 0}}\n"),
        ),
        {"failing::logs::requests::keeps_time": "the event's own time"},
    ),
    "a secret in the log": Sabotage(
        lambda story: (
            story.replace("profile.yaml", *PLANTED),
            story.replace(
                SERVICE, ("s.write(r.Header.Get(", 's.user = r.Header.Get("Authorization")\n\ts.write(r.Header.Get(')
            ),
            story.replace(SERVICE, ("\tapplied  int\n", "\tapplied  int\n\tuser     string\n")),
            story.replace(SERVICE, ('"msg": "request",\n', '"msg": "request", "user": s.user,\n')),
            story.replace("contract.yaml", ("msg: string", "msg: string\n        user: string")),
        ),
        {
            "campaign::canary::lines::holds_none": "the canary key (cnry",
            "campaign::canary::documents::holds_none": "surfaced in document",
        },
    ),
    "a label for everybody who asks": Sabotage(
        lambda story: (
            story.replace("profile.yaml", ("    path: /work\n", '    path: "/work?user={{random}}"\n')),
            story.replace("failing.yaml", ("expect:\n", "expect:\n  - series: {during: recovery}\n")),
            story.replace(
                "contract.yaml",
                ('{code: ["200", "500"]}, from_start: all', "{code: {at_most: 999}, user: {at_most: 9999}}"),
            ),
            story.replace(
                SERVICE,
                ("\tapplied  int\n", "\tapplied  int\n\tusers    []string\n"),
                (
                    "s.write(r.Header.Get(",
                    's.users = append(s.users, r.URL.Query().Get("user"))\n\ts.write(r.Header.Get(',
                ),
                ("for _, code := range []int{200, 500} {", "for _, user := range s.users {"),
                ('{code=\\"%d\\"} %d\\n", code, s.answered[code])', '{code=\\"200\\",user=\\"%s\\"} 1\\n", user)'),
            ),
        ),
        {
            "failing::metrics::series::grow_by_0_in_recovery": 'such as tiny_requests_total{code="200",user="x',
        },
    ),
    "a pipeline that drops what matters": Sabotage(
        change(
            "production/filebeat.yml",
            ("      - timestamp:\n", "      - drop_event: {when: {equals: {code: 500}}}\n      - timestamp:\n"),
        ),
        {
            "failing::logs::requests[error]::one_per_failed_work": "first missing hop: Filebeat",
        },
        frozenset({"failing::logs::requests[error]::carries_request_id_code"}),
    ),
    "a service that takes its time": Sabotage(
        change(
            SERVICE, ("\tstarted := time.Now()\n", "\tstarted := time.Now()\n\ttime.Sleep(600 * time.Millisecond)\n")
        ),
        {
            f"{LOAD}response_p95_of_work_below::holds": "response p95 0.6",
        },
        # none of its requests ends before the baseline does
        frozenset(
            {
                f"{LOAD}baseline::all_answered",
                f"{LOAD}failed_below_during_baseline::holds",
                f"{LOAD}goodput_above_during_baseline::holds",
            }
        ),
    ),
    "errors in the log before anything fails": Sabotage(
        change(SERVICE, ('level := "info"', 'level := "error"')),
        {
            f"{LOAD}log_requests_with_level=error_count_below_during_baseline::holds": "lines of requests",
            "failing::logs::requests[error]::one_per_failed_work": "first missing hop: log",
        },
    ),
    "a health endpoint that stays green": Sabotage(
        change(SERVICE, ('state = "failing"', 'state = "healthy"')),
        {"failing::health::service::becomes_failing_in_failing": "seen: healthy\nfirst missing hop: health"},
    ),
}


TOGETHER = (
    (
        "a label value that is not declared",
        "a family without help",
        "buckets that are not cumulative",
        "a field that nobody declared",
        "a template that is not rendered",
        "a health endpoint that stays green",
        "a pipeline that keeps the time of reading",
        "a severity that follows the value, to somebody else",
    ),
    (
        "a relabelling that drops what nobody alerts on",
        "a sum in another unit than its buckets",
        "recovery that only the archive hears of",
        "a counter that begins anew when the fault heals",
        "a line for a request that nobody sent",
        "a field of two types",
        "a graver alert that comes first",
    ),
    (
        "a placeholder in the label of what failed",
        "a route to somebody else",
        "a secret in the log",
    ),
    (
        "a waiting time beyond the phase",
        "a field that is missing in a log line",
        "a counter that forgets some requests",
    ),
    (
        "a pipeline that drops what matters",
        "a series that is born with its first event",
        "a scrape that fails now and then",
    ),
    (
        "a threshold that is never reached",
        "errors in the log before anything fails",
    ),
)
ALONE = tuple((name,) for name in SABOTAGES if not any(name in names for names in TOGETHER))


def test_every_defect_is_planted_once_and_none_hides_another() -> None:
    assert sorted(name for names in (*TOGETHER, *ALONE) for name in names) == sorted(SABOTAGES)
    for names in TOGETHER:
        changed = [clause for name in names for clause in (*SABOTAGES[name].violated, *SABOTAGES[name].inconclusive)]
        assert len(changed) == len(set(changed))


@pytest.mark.parametrize("names", [*TOGETHER, *ALONE], ids=lambda names: names[0])
def test_exactly_these_verdicts_change(tmp_path: Path, names: tuple[str, ...]) -> None:
    story, home = Story(tmp_path / "tiny"), Home(tmp_path / "home", measured=False)
    planted = [SABOTAGES[name] for name in names]
    for sabotage in planted:
        sabotage.defect(story)
    ended = home.gate(story.folder)
    assert ended.code == 1, ended.out + ended.err
    changed = {clause: verdict for clause, verdict in ended.verdicts.items() if verdict != "held"}
    violated = {clause: words for sabotage in planted for clause, words in sabotage.violated.items()}
    inconclusive = {clause for sabotage in planted for clause in sabotage.inconclusive}
    meant = dict.fromkeys(violated, "violated") | dict.fromkeys(inconclusive, "inconclusive")
    assert changed == meant, {clause: ended.words(clause) for clause in changed.keys() - meant.keys()}
    for clause, words in violated.items():
        assert words in ended.words(clause)
    for clause in inconclusive:
        assert not clause.startswith(FAILING) or "because of " in ended.words(clause)
    home.assert_clean(sorted(ended.ports))
