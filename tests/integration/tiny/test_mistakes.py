"""What people get wrong: told in one place with file, line, column and remedy, before anything is started."""

from __future__ import annotations

import re

import pytest

from tests.integration.tiny.gates import Ended, Home, Story

# what is changed in which file → where it is told, and in which words
MISTAKES: dict[str, tuple[str, tuple[str, str], str]] = {
    "a typo in the contract": (
        "contract.yaml",
        ("    requests_total: {type: counter, ", "    requests_total: {tpye: counter, "),
        r"(?s)contract\.yaml:13:22: .*tpye.*did you mean 'type'",
    ),
    "a wrong type in the contract": (
        "contract.yaml",
        ("type: histogram, buckets: [0.001, ", "type: histogram, buckets: [soon, "),
        r"contract\.yaml:15:\d+: .*number",
    ),
    "rules that are no YAML": (
        "production/rules.yml",
        ("      - alert: TinyFailing", "      - alert: [TinyFailing"),
        r"production/rules\.yml:\d+:\d+: ",
    ),
    "rules that are no PromQL": (
        "production/rules.yml",
        ("> 0.1", ">> 0.1"),
        r"production/rules\.yml:5:\d+: .*",
    ),
    "an unknown fault": (
        "failing.yaml",
        ("fault: {failures: 100%}", "fault: {failure: 100%}"),
        r"failing\.yaml:6:\d+: .*failure.*\n  remedy: .*failures",
    ),
    "an alert that no rule defines": (
        "failing.yaml",
        ("  - alert TinyFailing: {pages: on-call}", "  - alert TinyFalling: {pages: on-call}"),
        r"failing\.yaml:10:\d+: .*TinyFalling.*\n  remedy: .*TinyFailing",
    ),
    "a rule that was renamed": (
        "production/rules.yml",
        ("alert: TinyFailing", "alert: TinyFalling"),
        r"failing\.yaml:10:\d+: no rule file defines the alert TinyFailing\n  remedy: .*TinyFalling",
    ),
    "a file that is not there": (
        "contract.yaml",
        ("filebeat: production/filebeat.yml", "filebeat: production/filebeats.yml"),
        r"contract\.yaml:7:\d+: .*filebeats\.yml",
    ),
}


@pytest.mark.parametrize(("file", "change", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_its_place_before_anything_starts(
    home: Home, tiny: Story, file: str, change: tuple[str, str], told: str
) -> None:
    tiny.replace(file, change)
    ended = home.gate(tiny.folder)
    assert_told(ended, told)
    assert "remedy: " in ended.err
    assert list(home.state.iterdir()) == []  # whoever starts a process keeps a record of it there
    assert list(home.bundles.iterdir()) == []


def assert_told(ended: Ended, told: str) -> None:
    said = ended.out + ended.err
    assert ended.code == 2, said
    assert re.search(told, said), said
    assert "Traceback" not in said
