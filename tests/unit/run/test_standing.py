"""A stack that only stands: which parts it has, and what ends it."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.clauses.compiled import compile_campaign
from harness.contract import load_campaign
from harness.core.events import CellHeld
from harness.request import CampaignRequest
from harness.run.selection import standing
from harness.run.stack.wait import CancelledError, ComponentDiedError
from harness.run.standing import stand, tidy

TINY = Path(__file__).parents[3] / "fixtures" / "tiny"


def test_it_has_every_part_that_production_has_and_judges_nothing() -> None:
    campaign = load_campaign([TINY])
    selection = standing(campaign, compile_campaign(campaign), "failing")
    assert selection.parts == {"prometheus", "alertmanager", "filebeat", "elasticsearch"}
    assert selection.clauses == ()
    assert [cell.needs for cell in selection.cells] == [frozenset()]


@dataclass
class Part:
    id: str
    alive: bool = True

    def describe_death(self) -> str:
        return f"{self.id} is no more"


@dataclass
class Told:
    events: list[Any] = field(default_factory=list)

    def say(self, event: Any) -> None:
        self.events.append(event)


def stack(*parts: Part) -> tuple[Any, Any]:
    context = SimpleNamespace(recorder=Told(), parts=SimpleNamespace(all=list(parts)), cancel=threading.Event())
    return context, SimpleNamespace(name="standing", urls=lambda: {"prometheus": "http://p"})


def test_it_stands_until_it_is_cancelled() -> None:
    context, cell = stack(Part("campaign/build", alive=False), Part("standing/prometheus"))
    context.cancel.set()
    with pytest.raises(CancelledError):
        stand(context, cell)
    (held,) = context.recorder.events
    assert isinstance(held, CellHeld)
    assert held.urls == {"prometheus": "http://p"}


def test_a_part_that_ends_ends_it() -> None:
    context, cell = stack(Part("campaign/build", alive=False), Part("standing/prometheus", alive=False))
    with pytest.raises(ComponentDiedError, match="standing/prometheus is no more"):
        stand(context, cell)


@pytest.mark.parametrize(("up", "lives", "left"), [(True, True, True), (True, False, False), (False, False, True)])
def test_the_folder_of_a_killed_front_goes_with_the_stack(tmp_path: Path, up: bool, lives: bool, left: bool) -> None:
    bundle = tmp_path / "harness-up" / "bundle"
    bundle.mkdir(parents=True)
    tidy(CampaignRequest((), str(bundle), up=up), os.getppid() if lives else -1)
    assert bundle.exists() is left
