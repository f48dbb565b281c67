"""A fault by signal goes to the instance that the story names."""

from dataclasses import replace

import pytest

from harness.clauses.subject import compile_subject
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.contract.subject import FaultHook
from harness.core.errors import ConfigError


@pytest.fixture
def killing(campaign: Campaign) -> Campaign:
    """The tiny campaign, whose fault is a signal."""
    faults = {"failures": FaultHook(signal="kill")}
    return replace(campaign, profile=campaign.profile.model_copy(update={"faults": faults}))


def story(campaign: Campaign, value: str) -> Scenario:
    scenario = campaign.scenarios[0]
    phases = [p.model_copy(update={"fault": {"failures": value}}) if p.fault else p for p in scenario.phases]
    return replace(scenario, spec=scenario.spec.model_copy(update={"phases": phases}))


def test_a_signal_to_an_instance_of_the_story_is_taken(killing: Campaign) -> None:
    """The control."""
    assert len(list(compile_subject(killing, story(killing, "tiny-0")))) == 1


def test_a_signal_to_an_instance_that_is_not_there_is_refused_with_its_place(killing: Campaign) -> None:
    """Before anything is started, with the nearest name."""
    with pytest.raises(ConfigError, match="no instance 'tiny-1'") as refused:
        list(compile_subject(killing, story(killing, "tiny-1")))
    assert refused.value.location is not None
    assert refused.value.location.line > 1
    assert "tiny-0" in (refused.value.remedy or "")
