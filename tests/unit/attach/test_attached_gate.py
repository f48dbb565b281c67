"""A whole run that attaches, in this process, against one web server that stands for the system."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from harness.clauses.replay import replay
from harness.core.event_lines import decode_event
from harness.core.events import (
    CampaignEnded,
    CampaignFailed,
    CampaignStarted,
    ClauseJudged,
    Event,
    Note,
)
from harness.evidence.bundle import read_manifest
from harness.request import CampaignRequest
from harness.run.attach import watching
from harness.run.campaign import run_campaign
from tests.unit.attach.conftest import DATA, LINE, System, data, serve, vector

TOKEN, PASSWORD, KEY = "tok-8d1f6c0a", "pass-4e2b9977", "key-77aa31f0"
EXISTS = "campaign::metrics::tiny_requests_total::exists"
TYPE = "campaign::metrics::tiny_requests_total::type"
ARMED = "campaign::alerts::TinyFailing::armed"
LOADED = "campaign::alerts::TinyFailing::as_written"
ROUTING = "campaign::alerts::routing::as_written"
DELIVERY = "campaign::alerts::delivery::agrees"
ENVELOPE = "campaign::logs::requests::envelope"
ANSWERS = "campaign::endpoints::health::answers"


@dataclass
class Told:
    code: int
    events: list[Event]
    bundle: Path

    @property
    def verdicts(self) -> dict[str, str]:
        return {event.clause: event.verdict for event in self.events if isinstance(event, ClauseJudged)}

    def words(self, clause: str) -> str:
        event = next(e for e in self.events if isinstance(e, ClauseJudged) and e.clause == clause)
        return "\n".join([event.message, *event.details])

    @property
    def notes(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, Note))

    @property
    def failure(self) -> str:
        return next(event.error for event in self.events if isinstance(event, CampaignFailed))


Gate = Callable[..., Told]


@pytest.fixture
def gate(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Judge what an attach file names."""
    monkeypatch.setattr(watching, "_EVERY_S", 0.01)

    def gate(document: dict[str, Any], **more: Any) -> Told:
        file, bundle = tmp_path / "attach.yaml", tmp_path / f"bundle{time.time_ns()}"
        file.write_text(yaml.safe_dump({"harness": "attach/1", **document}))
        request = CampaignRequest(
            paths=(str(tiny / "campaign.yaml"),), bundle=str(bundle), backend="attach", attach=str(file), **more
        )
        code = run_campaign(request, more.pop("cancel", threading.Event()))
        lines = (bundle / "events.ndjson").read_bytes().splitlines()
        return Told(code, [decode_event(line) for line in lines], bundle)

    return gate


def everything(system: System, **access: Any) -> dict[str, Any]:
    return {
        "subject": {"instances": {"tiny-0": {"app": system.url}}, **access},
        "prometheus": {"url": system.url, **access},
        "alertmanager": {"url": system.url, **access},
        "elasticsearch": {"url": system.url, **access},
    }


def test_a_healthy_system_keeps_every_promise_that_can_be_judged(gate: Gate, system: System) -> None:
    told = gate(everything(system))
    assert told.code == 0, told.verdicts
    assert Counter(told.verdicts.values()) == {"held": 28, "not applicable": 35}
    start = told.events[0]
    assert isinstance(start, CampaignStarted)
    assert (start.backend, start.speed, start.because) == ("attach", 1.0, "asked for")
    assert "no load" in told.words("failing::alerts::TinyFailing::fires")


def test_nothing_is_changed(gate: Gate, system: System) -> None:
    gate(everything(system))
    changing = [asked for asked in system.asked if asked[0] not in {"GET", "HEAD", "POST"}]
    posted = {path.partition("?")[0] for method, path, _ in system.asked if method == "POST"}
    assert changing == []
    assert posted == {"/api/v1/query", "/tiny*/_count", "/tiny*/_search"}


def test_a_bundle_of_it_is_judged_again_with_the_same_words(gate: Gate, system: System) -> None:
    del system.answers["/metrics"]
    told = gate(everything(system), required=("load",))
    again = [event for event in replay(told.bundle) if isinstance(event, ClauseJudged | CampaignEnded)]
    assert again == [event for event in told.events if isinstance(event, ClauseJudged | CampaignEnded)]
    assert told.code == 4


def test_nothing_that_opens_a_server_is_ever_told(
    gate: Gate, system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_TOKEN", TOKEN)
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    monkeypatch.setenv("TINY_KEY", KEY)
    system.echoes = True
    system.answers |= {"/api/v2/status": 403, "/api/v1/rules": 500, "/tiny*/_search": 401, "/healthz": 401}
    document = everything(system, bearer_from="TINY_TOKEN", headers_from={"X-Api-Key": {"env": "TINY_KEY"}})
    document["elasticsearch"] = {
        "url": system.url,
        "basic": {"username": "reader", "password_from": {"file": "password"}},
        "tenant": "team-a",
    }
    told = gate(document)
    sent = {tuple(headers.get(name, "") for name in ("authorization", "x-api-key")) for _, _, headers in system.asked}
    basic = "Basic cmVhZGVyOnBhc3MtNGUyYjk5Nzc="
    assert sent == {(f"Bearer {TOKEN}", KEY), (basic, "")}
    assert {headers.get("x-scope-orgid") for _, _, headers in system.asked} == {None, "team-a"}
    written = {path: path.read_bytes() for path in told.bundle.rglob("*") if path.is_file()}
    assert "(a secret)" in told.words(LOADED), "the server repeated it, and what it said was kept"
    for secret in (TOKEN, PASSWORD, KEY, basic.partition(" ")[2]):
        assert [path for path, content in written.items() if secret.encode() in content] == []
    assert "does not permit it to these credentials" in told.words(ROUTING)
    assert "wants credentials, or others than these" in told.words(ENVELOPE)
    assert "tiny-0 wants credentials, or others than these: GET /healthz answered 401" in told.words(ANSWERS)
    assert told.code == 4


def test_a_system_that_breaks_its_promises(gate: Gate, system: System) -> None:
    system.answers["/metrics"] = system.answers["/metrics"].replace("code=", "status=")
    system.answers["/healthz"] = {"status": "melting"}
    rule = system.answers["/api/v1/rules"]["data"]["groups"][0]["rules"][0]
    rule |= {"query": "sum(rate(tiny_failures_total[40s])) > 0.5", "duration": 60}
    config = system.answers["/api/v2/status"]["config"]
    config["original"] = config["original"].replace("group_wait: 5s", "group_wait: 50s")
    hits = system.answers["/tiny*/_search"]["hits"]["hits"]
    hits[0]["_source"] = {key: value for key, value in hits[0]["_source"].items() if key != "level"}
    system.answers["/api/v1/alertmanagers"] = data({"activeAlertmanagers": []})
    told = gate(everything(system))
    assert told.code == 1
    assert {clause for clause, verdict in told.verdicts.items() if verdict == "violated"} == {
        "campaign::metrics::tiny_requests_total::labels",
        LOADED,
        ROUTING,
        DELIVERY,
        ENVELOPE,
        ANSWERS,
        "campaign::health::service::codes",
    }
    assert "for is 1m, written is 20s" in told.words(LOADED)
    assert "> 0.5" in told.words(LOADED)
    assert "route.group_wait is 50s, written is 5s" in told.words(ROUTING)
    assert "Prometheus knows of no Alertmanager" in told.words(DELIVERY)
    again = {event.clause: event.reproduce for event in told.events if isinstance(event, ClauseJudged)}
    assert again[LOADED] == f"harness gate --attach attach.yaml --clause {LOADED}"
    assert again["failing::alerts::TinyFailing::fires"] == again[ARMED] == ""


def test_of_nobody_who_answers_nothing_is_judged(gate: Gate) -> None:
    nowhere = System(url="http://127.0.0.1:9")
    told = gate(everything(nowhere))
    assert told.code == 4
    assert set(told.verdicts.values()) == {"inconclusive", "not applicable"}
    assert "Prometheus does not answer at http://127.0.0.1:9/api/v1/rules" in told.words(ARMED)


def test_what_is_not_named_does_not_apply_unless_its_plane_is_required(gate: Gate, system: System) -> None:
    document = {"prometheus": {"url": system.url}}
    told = gate(document)
    assert told.code == 0
    assert told.verdicts[ENVELOPE] == "not applicable"
    assert "no Elasticsearch is named" in told.words(ENVELOPE)
    told = gate(document, required=("logs",))
    assert told.code == 4
    assert "no Elasticsearch is named, but its plane is required" in told.words(ENVELOPE)
    assert told.verdicts["campaign::logs::requests::joins"] == "not applicable"


def test_a_required_plane_that_attach_cannot_judge_is_a_failure(gate: Gate, system: System) -> None:
    assert gate(everything(system), required=("load",)).code == 4
    assert "did you mean 'logs'" in gate(everything(system), required=("log",)).failure


def test_metrics_are_judged_by_what_prometheus_kept(gate: Gate, system: System) -> None:
    told = gate({"prometheus": {"url": system.url, "select": {"job": "tiny"}}})
    assert told.code == 0, told.verdicts
    assert told.verdicts[TYPE] == told.verdicts[EXISTS] == "held"
    system.answers["/api/v1/metadata"] = 404
    told = gate({"prometheus": {"url": system.url}})
    assert told.verdicts[TYPE] == "not applicable"
    assert "keeps no types" in told.words(TYPE)
    assert told.verdicts["campaign::metrics::tiny_request_seconds::well_formed"] == "held"


def test_a_window_in_the_past(gate: Gate, system: System) -> None:
    told = gate(everything(system), since="1h", until="30m")
    assert told.code == 0, told.verdicts
    assert told.verdicts[EXISTS] == told.verdicts[ENVELOPE] == "held"
    assert told.verdicts[ANSWERS] == told.verdicts[ARMED] == told.verdicts[TYPE] == "not applicable"
    assert "what is judged is the window" in told.notes
    assert "can only be asked of the present" in told.words(ANSWERS)


def test_a_label_that_came_in_the_window_is_found(gate: Gate, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.unit.attach.conftest import TEXT

    begun = time.time() - 2700
    system.series = lambda t: vector(TEXT if t < begun else TEXT.replace('"500"', '"418"'), t)  # type: ignore[method-assign]
    told = gate(everything(system), since="1h", until="30m")
    assert told.code == 1
    assert "code='418' is not one of" in told.words("campaign::metrics::tiny_requests_total::label_values")


def test_what_is_not_kept_so_long_is_named(gate: Gate, system: System) -> None:
    kept = time.time() - 3000
    from tests.unit.attach.conftest import TEXT

    system.series = lambda t: vector(TEXT, t) if t > kept else []  # type: ignore[method-assign]
    system.answers["/tiny*/_count"] = {"count": 0}
    told = gate(everything(system), since="1h", until="30m")
    assert told.code == 4
    assert "it keeps 15d (storage retention): choose a later --from" in told.words(EXISTS)
    assert "the first found is of" in told.words(EXISTS)
    assert "the oldest that is kept is of None" in told.words(ENVELOPE)


def test_a_clock_that_goes_wrong_is_named(gate: Gate, system: System) -> None:
    system.ahead_s = 60.0
    told = gate(everything(system))
    assert "the clock of Prometheus is 60.0 s ahead of ours" in told.notes
    assert "the clock of Alertmanager" not in told.notes


def test_an_index_that_holds_more_than_is_read_is_named(gate: Gate, system: System) -> None:
    system.answers["/tiny*/_count"] = {"count": 5}
    document = everything(system)
    document["elasticsearch"]["at_most"] = 1
    told = gate(document)
    assert "5 documents lie in the window, of which the newest 1 are read" in told.notes
    assert told.code == 0


def test_streams_are_told_by_their_fields_and_raw_lines_are_preferred(gate: Gate, system: System) -> None:
    hits = system.answers["/tiny*/_search"]["hits"]["hits"]
    hits[0]["_source"] = {"kubernetes": {"labels": {"app": "tiny"}}, "message": orjson.dumps(LINE).decode()}
    document = everything(system)
    assert "never held a line" in gate(document).words(ENVELOPE)
    document["elasticsearch"]["streams"] = {"requests": {"kubernetes.labels.app": "tiny"}}
    assert gate(document).verdicts[ENVELOPE] == "held"


def test_an_answer_that_cannot_be_understood_is_no_verdict(gate: Gate, system: System) -> None:
    system.answers["/api/v1/rules"] = data({"groups": [{"name": "tiny"}]})
    system.answers["/api/v2/status"] = {"config": {}}
    told = gate(everything(system))
    assert told.code == 4
    assert "answered what cannot be understood" in told.words(LOADED)
    assert "it does not show its configuration" in told.words(ROUTING)


def test_an_alert_that_fires_must_have_reached_alertmanager(gate: Gate, system: System) -> None:
    rule = system.answers["/api/v1/rules"]["data"]["groups"][0]["rules"][0]
    rule |= {"state": "firing", "alerts": []}
    assert "does not hold TinyFailing" in gate(everything(system)).words(DELIVERY)
    alert = {
        "labels": {"alertname": "TinyFailing"},
        "fingerprint": "f",
        "startsAt": "2026-11-30T10:00:00Z",
        "status": {"state": "active", "inhibitedBy": [], "silencedBy": []},
        "receivers": [{"name": "on-call"}],
    }
    system.answers["/api/v2/alerts"] = [alert]
    assert gate(everything(system)).verdicts[DELIVERY] == "held"


def test_what_stands_in_for_prometheus_need_not_say_whom_it_tells(gate: Gate, system: System) -> None:
    del system.answers["/api/v1/alertmanagers"]
    told = gate(everything(system))
    assert "the server does not say whom it tells" in told.words(DELIVERY)
    assert told.verdicts[LOADED] == "held"


def test_an_alert_that_must_always_be_on(gate: Gate, system: System, tiny: Path) -> None:
    contract = tiny / "contract.yaml"
    contract.write_text(contract.read_text().replace("    fires_in: failing\n", "    always: true\n"))
    told = gate(everything(system))
    assert "it is inactive in Prometheus" in told.words("campaign::alerts::TinyFailing::is_on")


def test_one_clause_asks_only_for_what_it_needs(gate: Gate, system: System) -> None:
    told = gate(everything(system), clauses=(ROUTING,))
    assert told.verdicts == {ROUTING: "held"}
    assert not any(path.startswith(("/metrics", "/tiny", "/api/v1/rules")) for _, path, _ in system.asked)
    assert "did you mean" in gate(everything(system), clauses=(f"{ROUTING}s",)).failure


def test_a_manifest_says_where_it_was_and_what_could_be_seen(gate: Gate, system: System) -> None:
    manifest = read_manifest(gate({"prometheus": {"url": system.url}}).bundle)
    assert manifest["backend"] == "attach"
    assert manifest["servers"] == {"Prometheus": system.url}
    assert manifest["attach"]["lacking"]["alerts"] == "no Alertmanager is named"


def test_own_certificates_open_a_server(gate: Gate, tiny: Path) -> None:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DATA / "certificate.pem", DATA / "key.pem")
    context.load_verify_locations(DATA / "certificate.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    system = System()
    system.heal()
    end = serve(system, context)
    own = {"ca_file": str(DATA / "certificate.pem"), "certificate_file": str(DATA / "certificate.pem")}
    try:
        told = gate({"prometheus": {"url": system.url, **own, "key_file": str(DATA / "key.pem")}})
        assert told.code == 0, told.words(LOADED)
        told = gate({"prometheus": {"url": system.url}})
        assert "CERTIFICATE_VERIFY_FAILED" in told.words(LOADED)
    finally:
        end()
