"""Faults that cut hops: refused deliveries, rules that cannot be evaluated, several faults as one; and the switch."""

from __future__ import annotations

from pathlib import Path
from signal import SIGHUP, Signals
from typing import Any

import pytest
import yaml

from harness.clauses.production import read_production
from harness.contract import load_campaign
from harness.evidence.records import CellStarted, Notification, Silence
from harness.evidence.store import Evidence
from harness.run.dead_man import DeadMansSwitch
from harness.run.faults.refusals import RefusalFault
from harness.run.faults.rules import RulesFault, failing
from harness.run.faults.together import Together
from harness.run.stack.wait import NotYet
from tests.integration.tiny.hops import watched

RULES = """\
groups:
  - name: one
    rules:
      - {alert: A, expr: up == 0, labels: {answer: yes, version: 1.10}}
      - {record: b, expr: sum(up)}
  - name: two
    rules:
      - {alert: C, expr: vector(1)}
"""


def test_a_refusal_is_seen_by_the_first_delivery_that_was_refused() -> None:
    switched: list[bool] = []
    count = 3
    fault = RefusalFault("cut email", "email", switched.append, lambda: count, within_s=1.0)
    fault.inject()
    with pytest.raises(NotYet, match="nothing was to be delivered by email"):
        fault.confirm()
    count = 4
    assert fault.confirm() == "a delivery by email was refused"
    fault.heal()
    assert fault.confirm_healed() == "email is accepted"
    assert switched == [True, False]


def test_only_the_expressions_of_the_failing_group_change(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(RULES)
    before, after = yaml.safe_load(RULES), yaml.safe_load(failing(file, "one"))
    assert after["groups"][1] == before["groups"][1]
    for old, new in zip(before["groups"][0]["rules"], after["groups"][0]["rules"], strict=True):
        assert {**old, "expr": new["expr"]} == new
        assert new["expr"] != old["expr"]
    written = failing(file, "one").replace("'", "").replace('"', "")
    assert "answer: yes" in written
    assert "version: 1.10" in written


class Prometheus:
    """A process that notes its signals, and the health that it would tell of the group."""

    def __init__(self, file: Path) -> None:
        self.file, self.signals, self.health = file, [], "ok"
        self.signals: list[Signals]

    def signal(self, number: Signals, **_: Any) -> None:
        self.signals.append(number)

    def groups(self) -> list[dict[str, Any]]:
        return [{"name": "one", "file": str(self.file), "rules": [{"name": "A", "health": self.health}]}]


def test_the_file_of_a_failing_group_is_put_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(RULES)
    prometheus = Prometheus(file)
    fault = RulesFault("cut rules", "one", prometheus, prometheus.groups, within_s=1.0)  # type: ignore[arg-type]
    fault.inject()
    assert file.read_text() != RULES
    with pytest.raises(NotYet, match="the rule A of one is ok"):
        fault.confirm()
    prometheus.health = "err"
    assert fault.confirm() == "every rule of one is err"
    fault.heal()
    with pytest.raises(NotYet, match="is err"):
        fault.confirm_healed()
    prometheus.health = "ok"
    fault.confirm_healed()
    assert file.read_text() == RULES
    assert prometheus.signals == [SIGHUP, SIGHUP]


class Part:
    """A fault that is seen only when it is told so."""

    within_s = 2.0

    def __init__(self, name: str) -> None:
        self.name, self.seen, self.done = name, False, ""

    def inject(self) -> str:
        self.done += "i"
        return f"{self.name} broken"

    def confirm(self) -> str:
        if not self.seen:
            raise NotYet(f"{self.name} is whole")
        return f"{self.name} is broken"

    def heal(self) -> str:
        self.done += "h"
        return f"{self.name} mended"

    def confirm_healed(self) -> str:
        return f"{self.name} is whole"


def test_faults_together_are_seen_only_when_each_is() -> None:
    one, two = Part("one"), Part("two")
    fault = Together("cut scrape", [one, two])
    assert (fault.within_s, fault.inject()) == (2.0, "one broken; two broken")
    one.seen = True
    with pytest.raises(NotYet, match="two is whole"):
        fault.confirm()
    two.seen = True
    assert fault.confirm() == "one is broken; two is broken"
    assert (fault.heal(), fault.confirm_healed()) == ("one mended; two mended", "one is whole; two is whole")
    assert one.done == two.done == "ih"


def test_the_switch_gives_one_alarm_for_each_silence(tmp_path: Path) -> None:
    campaign = load_campaign([watched(tmp_path / "tiny").folder])
    facts = read_production(campaign).alert("Watchdog", 2.0)
    assert facts is not None
    alarms: list[Silence] = []
    switch = DeadMansSwitch("c", 60.0, facts, "watchdog", alarms.append)
    evidence = Evidence()
    switch.poll(evidence, 100.0)  # no story yet
    evidence.add(CellStarted("c", 0.0, 60.0, 1.0, 1.0))

    def heard(t: float, receiver: str = "watchdog") -> None:
        evidence.add(Notification("c", t, receiver, "webhook", "firing", "", (), "[FIRING] Watchdog", ""))

    for now in (1.0, 2.9, 3.1, 3.2, 9.0):  # three missed repeats of 20 s at speed 60, and 2 s for a delivery
        switch.poll(evidence, now)
    heard(10.0)
    heard(12.0, "somebody else")
    for now in (10.1, 12.9, 13.1, 14.0):
        switch.poll(evidence, now)
    assert [(alarm.since_t, round(alarm.t, 3)) for alarm in alarms] == [(0.0, 3.0), (10.0, 13.0)]
