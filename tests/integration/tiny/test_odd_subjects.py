"""A subject that breaks one promise: that clause is violated, says where it was promised, and no other is."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.integration.tiny.gates import Home, Story

SERVICE = "service/main.go"


def test_a_subject_that_never_gets_ready_violates_its_readiness(home: Home, tiny: Story) -> None:
    tiny.replace("profile.yaml", ("path: /healthz}", "path: /nowhere, within: 2s wall}"))
    ended = home.gate(tiny.folder)
    clause = "failing::subject::tiny-0::stays_up"
    assert ended.code == 1, ended.out + ended.err
    assert ended.of("violated") == {clause}
    assert ended.of("held") == set()
    assert "not within 2 s; last seen: /nowhere answered 404" in ended.words(clause)
    assert "at profile.yaml:" in ended.out
    home.assert_clean(sorted(ended.ports))


def test_a_subject_whose_metrics_fail_violates_the_metrics_plane(home: Home, tiny: Story) -> None:
    tiny.replace(
        SERVICE,
        (
            'http.HandleFunc("/metrics", s.metrics)',
            'http.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) })',
        ),
    )
    ended = home.gate(tiny.folder)
    assert ended.code == 1, ended.out + ended.err
    assert ended.of("violated") == {
        "failing::alerts::TinyFailing::pends",
        "failing::metrics::sum(tiny_failures_total)::one_per_failed_work",
        "failing::metrics::sum(tiny_requests_total)::one_per_work",
        "failing::metrics::sum(tiny_request_seconds_count)::one_per_request",
    }
    assert "first missing hop: scrape" in ended.words("failing::alerts::TinyFailing::pends")
    for clause in ended.verdicts:
        if clause.startswith("campaign::metrics::"):
            assert ended.verdicts[clause] == "inconclusive"
            told = "no scrape was answered" if clause.endswith("::exposition::answers") else "/metrics: answered 500"
            assert told in ended.words(clause)
    home.assert_clean(sorted(ended.ports))


WRITES = "\t_, _ = s.out.Write(append(line, '\\n'))\n"


def test_a_line_that_is_no_json_is_named_with_its_number(home: Home, tiny: Story) -> None:
    prints = '\tif s.seq == 3 {\n\t\tfmt.Fprintln(s.out, "a line for people")\n\t}\n'
    tiny.replace(SERVICE, (WRITES, WRITES + prints))
    ended = home.gate(tiny.folder)
    assert ended.code == 1, ended.out + ended.err
    assert ended.of("violated") == {"failing::logs::requests::arrives", "campaign::logs::requests::envelope"}
    assert ended.of("violated") | ended.of("held") == set(ended.verdicts)
    envelope = ended.words("campaign::logs::requests::envelope")
    assert "requests.log:4 is not a JSON object\na line for people" in envelope
    assert "first missing hop: Filebeat" in ended.words("failing::logs::requests::arrives")
    home.assert_clean(sorted(ended.ports))


STREAM = "campaign::logs::failures::envelope"


@pytest.fixture
def odd(home: Home, tmp_path: Path) -> Story:
    """Behind https, a password and a redirect, on [::1] where there is one; its requests show a certificate.

    It logs to its outputs, and stands on an upstream that can fail.
    """
    home.env["ODD_TEST_PASSWORD"] = "from the caller alone"
    story = Story(tmp_path / "odd", Path(__file__).parent / "data" / "odd")
    if _has_ipv6():
        story.replace("profile.yaml", ('host: "127.0.0.1"', 'host: "::1"'))
    return story


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as trial:
            trial.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_a_service_that_does_everything_differently_is_known_by_its_profile(home: Home, odd: Story) -> None:
    """Its one line for people is told; everything that it promises holds, whatever it takes to ask for it."""
    ended = home.gate(odd.folder)
    assert ended.code == 1, ended.out + ended.err
    assert ended.of("violated") == {STREAM, "failing::logs::failures::arrives"}
    assert ended.of("violated") | ended.of("held") == set(ended.verdicts)
    assert "stderr.log:1 is not a JSON object\nodd: a line for people" in ended.words(STREAM)
    order = [event["component"] for event in ended.events if event["event"] == "component_ready"]
    assert order.index("upstream") < order.index("odd-0")
    assert ended.bundle is not None
    files = [path for path in ended.bundle.rglob("*") if path.is_file()]
    assert [path for path in files if b"from the caller alone" in path.read_bytes()] == []
    home.assert_clean(sorted(ended.ports))


def test_a_certificate_that_nobody_vouches_for_is_refused(home: Home, odd: Story) -> None:
    path = odd.path("profile.yaml")
    trusted = "metrics: {authority: certificates/authority.pem, "
    assert trusted in path.read_text()
    path.write_text(path.read_text().replace(trusted, "metrics: {"))
    ended = home.gate(odd.folder)
    assert ended.code == 1, ended.out + ended.err
    clause = "campaign::metrics::odd_failures_total::exists"
    assert ended.verdicts[clause] == "inconclusive"
    assert "certificate verify failed" in ended.words(clause)
    assert "first missing hop: scrape" in ended.words("failing::alerts::OddFailing::pends")
    home.assert_clean(sorted(ended.ports))


def test_a_secret_that_the_caller_does_not_hold_is_told_by_its_name(home: Home, odd: Story) -> None:
    del home.env["ODD_TEST_PASSWORD"]
    ended = home.gate(odd.folder)
    assert ended.code == 2
    assert "the variable ODD_TEST_PASSWORD, which holds a secret, is not set" in ended.out + ended.err
    home.assert_clean(sorted(ended.ports))
