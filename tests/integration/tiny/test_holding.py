"""``--hold``: a failing cell stays alive at its first violation, to be looked at, until Ctrl-C."""

from __future__ import annotations

import urllib.parse
import urllib.request

from tests.integration.tiny.gates import Home, Story


def test_a_failing_cell_is_held_with_urls_and_queries_until_ctrl_c(home: Home, tiny: Story) -> None:
    tiny.replace("production/rules.yml", ("> 0.1", "> 1000"))
    with home.start(tiny.folder, "--hold") as gate:
        gate.until_event("cell_held", cell="failing")
        held = next(event for event in gate.events() if event["event"] == "cell_held")
        gate.until(lambda gate: "held for you until Ctrl-C" in gate.said())
        said = gate.said()
        for text in (*held["urls"].values(), *held["queries"]):
            assert text in said
        assert {"prometheus", "alertmanager", "elasticsearch", "tiny-0 app"} <= set(held["urls"])
        query = urllib.parse.urlencode({"query": held["queries"][0]})
        with urllib.request.urlopen(f"{held['urls']['prometheus']}/api/v1/query?{query}", timeout=5) as answer:
            assert b'"status":"success"' in answer.read()
        assert gate.process.poll() is None
        gate.interrupt()
        ended = gate.end()
    assert ended.code == 1, ended.out + ended.err
    assert "failing::alerts::TinyFailing::pends" in ended.of("violated")
    home.assert_clean(sorted(ended.ports))
