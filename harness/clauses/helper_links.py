"""Ways from the subject to its helpers, such as a fake upstream, that a story disturbs: they lead through a proxy."""

from __future__ import annotations

from collections.abc import Iterable

from harness.clauses.hops import LINKS, check_manner
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.contract.subject import HelperLink, Start
from harness.core.errors import ConfigError

__all__ = ["check_helper_links", "helper_links"]


def helper_links(campaign: Campaign, scenario: Scenario) -> tuple[HelperLink, ...]:
    """The ways that the story disturbs, each once."""
    faults = (campaign.profile.faults[name] for phase in scenario.phases for name in phase.fault)
    return tuple({fault.link.hop: fault.link for fault in faults if fault.link}.values())


def check_helper_links(campaign: Campaign, scenario: Scenario) -> None:
    """Raise ``ConfigError`` for a way that nothing takes, that is not ours to lead, or a disturbance there is not."""
    for index, phase in enumerate(scenario.phases):
        for name, value in phase.fault.items():
            link = campaign.profile.faults[name].link
            if link is not None:
                _check_taken(campaign, name, link)
                check_manner(link.hop, str(value), LINKS, scenario.place("phases", index, "fault", name))


def _check_taken(campaign: Campaign, fault: str, link: HelperLink) -> None:
    field = f"{{helper.{link.hop}}}"
    if any(field in text for text in _texts(campaign.profile.start)):
        return
    raise ConfigError(
        f"the subject does not take the way to {link.hop} from where it starts",
        location=campaign.profile_source.document.locate(("faults", fault, "link")),
        remedy=f"name {field} in the command or the environment of start: a way that is fixed cannot be led elsewhere",
    )


def _texts(start: Start) -> Iterable[str]:
    return (
        *start.command,
        *start.launcher,
        *start.environment.values(),
        *(start.image.arguments if start.image else ()),
    )
