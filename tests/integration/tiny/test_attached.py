"""``harness up`` leaves a stack standing, ``harness gate --attach`` judges it: a healthy one, a broken one, none."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.integration.tiny.gates import Gate, Home, Story

BREAKS = (('{code=\\"%d\\"}', '{status=\\"%d\\"}'), ('"level": level,', '"level": len(level),'))
"""The service renames a label and writes a number where a word was promised."""
STATE, STORY_S = "state.json", 60.0


@contextmanager
def standing(home: Home, story: Story) -> Iterator[Gate]:
    """A stack that stands once its attach file is there; scrapes and evaluations come every second, so that is soon."""
    story.replace("production/prometheus.yml", ("scrape_interval: 10s", "scrape_interval: 1s"))
    story.replace("production/prometheus.yml", ("evaluation_interval: 10s", "evaluation_interval: 1s"))
    state = story.folder / STATE
    with Gate(home, ("harness.cli", "up", str(story.folder), "--state", str(state)), home.bundles) as up:
        yield up
        up.interrupt()
        assert up.end().code == 0
    assert not state.exists()


def attach(home: Home, story: Story, state: Path) -> Gate:
    return home.start(story.folder, "--attach", state, bundles=home.bundles / story.folder.name)


def use(state: Path) -> None:
    """Some requests, so that there is something to see, until the last of their lines is found."""
    found = json.loads(state.read_text())
    (instance,) = found["subject"]["instances"].values()
    for number in range(4):
        request = urllib.request.Request(f"{instance['app']}/work", headers={"X-Request-Id": f"r{number}"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            answer.read()
    deadline = time.monotonic() + 20
    while documents(found["elasticsearch"]["url"]) < 4:
        assert time.monotonic() < deadline, "the lines were never found"
        time.sleep(0.05)


def documents(url: str) -> int:
    counted = f"{url}/tiny-*/_count?ignore_unavailable=true&allow_no_indices=true"
    try:
        with urllib.request.urlopen(counted, timeout=5) as answer:
            return int(json.loads(answer.read())["count"])
    except urllib.error.HTTPError:  # an index that was made just now has no shard yet
        return 0


def test_a_stack_that_stands_is_judged_and_one_that_does_not_is_not(home: Home, tmp_path: Path) -> None:
    healthy, broken = stories = Story(tmp_path / "healthy"), Story(tmp_path / "broken")
    broken.replace("service/main.go", *BREAKS)
    states = [story.folder / STATE for story in stories]
    with ExitStack() as stacks:
        ups = [stacks.enter_context(standing(home, story)) for story in stories]
        for up, state in zip(ups, states, strict=True):
            up.until(lambda _, state=state: state.is_file())
            use(state)
        with attach(home, healthy, states[0]) as first, attach(home, broken, states[1]) as second:
            kept, violated = first.end(STORY_S), second.end(STORY_S)
        gone = states[0].read_text()
    assert kept.code == 0, kept.out + kept.err
    assert "attach (an attach file is named), speed 1" in kept.out
    assert {"campaign::alerts::TinyFailing::as_written", "campaign::alerts::routing::as_written"} <= kept.of("held")
    assert violated.code == 1, violated.out + violated.err
    assert violated.of("violated") == {
        "campaign::metrics::tiny_requests_total::labels",
        "campaign::logs::requests::envelope",
    }
    left = healthy.folder / "left.json"
    left.write_text(gone)
    with attach(home, healthy, left) as third:
        nothing = third.end(STORY_S)
    assert nothing.code == 4, nothing.out + nothing.err
    assert not nothing.of("held") | nothing.of("violated")
