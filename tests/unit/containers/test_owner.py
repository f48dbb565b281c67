"""Whose a container is, and whether that campaign still lives."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from harness.run.containers.owner import RUN, Owner

HERE = Owner("boot-2", "pid:[1]", 900, 5_000)
THERE = Owner("boot-2", "pid:[1]", 700, 4_000)


def test_labels_say_who_it_is_and_are_read_back() -> None:
    labels = THERE.labels("abc", "cell/prometheus")
    assert labels[RUN] == "abc"
    assert labels["observability-harness.component"] == "cell/prometheus"
    assert Owner.of(labels) == THERE


@pytest.mark.parametrize("labels", [{}, {RUN: "abc"}, {**THERE.labels("a", "b"), "observability-harness.pid": "many"}])
def test_labels_of_others_name_nobody(labels: dict[str, str]) -> None:
    assert Owner.of(labels) is None


@pytest.mark.parametrize(
    ("owner", "started", "dead"),
    [
        (THERE, 4_000, False),
        (THERE, None, True),
        (THERE, 4_001, True),  # another process has that pid now
        (replace(THERE, boot="boot-1"), 4_000, True),
        (replace(THERE, namespace="pid:[2]"), None, False),  # nobody here can see it
        (replace(THERE, namespace="pid:[2]", boot="boot-1"), None, True),
    ],
)
def test_only_who_has_certainly_ended_is_dead(owner: Owner, started: int | None, dead: bool) -> None:
    assert owner.is_dead(HERE, lambda _pid: started) is dead


def test_this_process_is_alive() -> None:
    here = Owner.this_process()
    assert here.pid == os.getpid()
    assert not here.is_dead(here)
