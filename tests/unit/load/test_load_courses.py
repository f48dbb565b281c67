"""The course of a load for plain Locust: plain ones, and that of a story, as users and as phases."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.contract import load_campaign
from harness.run.load.courses import PLAIN, Course, offered, plain_course, story_course

SHAPES = [
    ("steady", (0, 50, 99), (10, 10, 10)),
    ("ramp", (0, 20, 40, 99), (0, 5, 10, 10)),
    ("step", (5, 15, 25, 35, 99), (2.5, 5, 7.5, 10, 10)),
    ("sine", (0, 20, 40, 60), (0, 10, 0, 10)),
    ("spike", (0, 15, 17, 23, 25, 99), (2, 2, 10, 10, 2, 2)),
]


@pytest.mark.parametrize(("name", "at", "users"), SHAPES)
def test_a_plain_course_is_one_user_for_each_request_a_second(name: str, at: tuple[int, ...], users: object) -> None:
    course = plain_course(name, 10.0, 40.0, 100.0, {"a": 1})
    assert [pytest.approx(course.users(t, 0.001), abs=0.01) for t in at] == list(users)  # type: ignore[call-overload]
    assert course.lasts_s == 100.0
    assert {shape for shape, _, _ in SHAPES} == set(PLAIN)


def story(tmp_path: Path, *phases: str) -> Course:
    folder = tmp_path / "tiny"
    shutil.copytree("fixtures/tiny", folder)
    (folder / "trace.csv").write_text("1,work\n2,work\n2.5,work\n")
    (folder / "failing.yaml").write_text(
        "harness: scenario/1\nstory: s\nphases:\n" + "".join(f"  - {line}\n" for line in phases)
    )
    return story_course(load_campaign([folder]).scenarios[0], 10.0, 60.0)


def test_a_story_that_is_called_like_a_plain_course_hides_none(tmp_path: Path) -> None:
    """``harness init`` calls its story ``steady``, and so is the course that Locust takes by itself."""
    folder = tmp_path / "tiny"
    shutil.copytree("fixtures/tiny", folder)
    shutil.copyfile(folder / "failing.yaml", folder / "steady.yaml")
    idle = "harness: scenario/1\nstory: Nothing.\nphases: [{name: idle, lasts: 1m}]\n"
    (folder / "idle.yaml").write_text(idle)
    assert list(offered(load_campaign([folder]).scenarios)) == ["failing", "story-steady"]


def test_the_course_of_a_story_is_its_phases_one_after_the_other(tmp_path: Path) -> None:
    course = story(
        tmp_path,
        "{name: a, lasts: 20s, load: {rate: 2/s, mix: {work: 1}}}",
        "{name: silent, lasts: 10s}",
        "{name: users, until: TinyFailing paged, load: {users: 3, think: 1s, mix: {work: 1}}}",
        "{name: replayed, until: all resolved, at_most: 30s, load: {trace: trace.csv}}",
    )
    assert [(stage.begins_s, stage.lasts_s) for stage in course.stages] == [(0, 20), (20, 10), (30, 60), (90, 30)]
    assert course.lasts_s == 12.0
    # rates are per production second, ten of which pass in one
    assert [course.users(at) for at in (0, 1.0, 2.5, 4.0, 9.0)] == [20, 20, 0, 3, 3]
    assert course.users(-1.0) == course.users(12.5) == 0
    assert course.shares == {"work": 1.0}
    assert [stage.load and stage.load.duration_s for stage in course.stages] == [20, None, 60, 30]
