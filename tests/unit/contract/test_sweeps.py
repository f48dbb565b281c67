"""A phase with ``each`` stands for one phase for each value, and errors name the place where it was written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.contract import load_campaign
from harness.core.errors import ConfigError

TINY = Path(__file__).parents[3] / "fixtures" / "tiny"
STORY = """\
harness: scenario/1
story: It fails more and more.
phases:
  - {name: before, lasts: 10s}
  - name: failing
    lasts: 5s
    each: {failures: [10%, 50%, 1]}
  - {name: after, lasts: 10s, load: {rate: 1/s, mix: {wrk: 1}}}
"""


def loaded(folder: Path, text: str) -> list[tuple[str, dict[str, object], int]]:
    shutil.copytree(TINY, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("service"))
    (folder / "failing.yaml").write_text(text)
    (story,) = load_campaign([folder]).scenarios
    return [(p.name, dict(p.fault), story.place("phases", i, "name").line) for i, p in enumerate(story.phases)]


def test_one_phase_for_each_value(tmp_path: Path) -> None:
    assert loaded(tmp_path, STORY.replace("wrk", "work")) == [
        ("before", {}, 4),
        ("failing 10%", {"failures": "10%"}, 5),
        ("failing 50%", {"failures": "50%"}, 5),
        ("failing 1", {"failures": 1}, 5),
        ("after", {}, 8),
    ]


@pytest.mark.parametrize(
    ("before", "after", "place", "problem"),
    [
        ("wrk", "wrk", "failing.yaml:8:", "there is no request kind 'wrk'"),
        ("{failures: [10", "{failure: [10", "failing.yaml:", "there is no fault 'failure'"),
        ("{failures: [10%, 50%, 1]}", "{failures: 3}", "failing.yaml:7:", "each.failures"),
        ("lasts: 5s", "last: 5s", "failing.yaml:6:", "unknown key 'last'"),
        ("[10%, 50%, 1]", "[10%, 10%]", "failing.yaml:5:", "two phases are named 'failing 10%'"),
    ],
)
def test_errors_name_the_place(tmp_path: Path, before: str, after: str, place: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, STORY.replace(before, after))
    assert place in str(caught.value)
    assert problem in str(caught.value)
