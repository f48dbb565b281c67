"""A subject that breaks one promise: that clause is violated, says where it was promised, and no other is."""

from __future__ import annotations

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
            assert "/metrics: answered 500" in ended.words(clause)
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
