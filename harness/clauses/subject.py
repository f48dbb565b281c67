"""Subject plane: an instance that nobody asked to die stays up, or where it is not ours at least reachable."""

from __future__ import annotations

from collections.abc import Iterator

from harness.clauses.model import Clause, Judge, Judgement, Need, held, inconclusive, still_open, violated
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.core.errors import ConfigError
from harness.core.source import nearest
from harness.evidence.records import ComponentState, Request
from harness.evidence.store import Evidence

__all__ = ["compile_subject", "instance_names"]


def instance_names(campaign: Campaign, scenario: Scenario) -> tuple[str, ...]:
    """Names of the scenario's instances: the subject's name and a number from 0."""
    count = scenario.spec.instances or campaign.profile.instances
    return tuple(f"{campaign.profile.subject}-{index}" for index in range(count))


def compile_subject(campaign: Campaign, scenario: Scenario) -> Iterator[Clause]:
    """One clause for each instance of the scenario; raises ``ConfigError`` for a signal to one that it has not."""
    names = instance_names(campaign, scenario)
    _check_signals(campaign, scenario, names)
    if campaign.profile.start.running:
        _check_alone(scenario, names)
        if any(phase.load for phase in scenario.phases):
            yield _reachable(campaign, scenario, names[0])
        return  # who started it watches over its process
    for name in names:
        yield Clause(
            scenario.name,
            "subject",
            name,
            "stays_up",
            campaign.profile_source.document.locate(("start",), key=True),
            f"{name} runs from readiness to the end of the story",
            (Need("subject"),),
            _judge_stays_up(scenario.name, name),
            (scenario.name,),
        )


def _reachable(campaign: Campaign, scenario: Scenario, name: str) -> Clause:
    """What is seen of the death of an instance whose process is not ours: nobody takes the connections any more."""
    return Clause(
        scenario.name,
        "subject",
        name,
        "stays_reachable",
        campaign.profile_source.document.locate(("start",), key=True),
        f"{name}, which is running already, takes every connection outside faults",
        (Need("ledger"),),
        _judge_reachable(scenario, name),
        (scenario.name,),
    )


def _check_signals(campaign: Campaign, scenario: Scenario, names: tuple[str, ...]) -> None:
    for index, phase in enumerate(scenario.phases):
        for fault, value in phase.fault.items():
            hook = campaign.profile.faults[fault]
            if hook.befalls_process and campaign.profile.start.running:
                raise ConfigError(
                    f"{fault} is done to a process, and that of a subject that is running already is not ours",
                    location=scenario.place("phases", index, "fault", fault, key=True),
                    remedy="let the profile start the subject, or leave this story out",
                )
            if hook.limit and not (isinstance(value, int) and value > 0):
                raise ConfigError(
                    f"{value!r} is no number of descriptors",
                    location=scenario.place("phases", index, "fault", fault),
                    remedy=f"write how many each process may have, as in {fault}: 12",
                )
            if hook.signal and value not in names:
                raise ConfigError(
                    f"a signal goes to one instance, and there is no instance {value!r}",
                    location=scenario.place("phases", index, "fault", fault),
                    remedy=nearest(str(value), names) or f"known: {', '.join(names)}",
                )


def _check_alone(scenario: Scenario, names: tuple[str, ...]) -> None:
    if len(names) > 1:
        raise ConfigError(
            f"the story wants {len(names)} instances, and the one that is running already is all there is",
            location=scenario.place("instances"),
            remedy="let the profile start the subject, or leave instances out",
        )


_IN_FRONT = "a service that goes into the background by itself is to be started so that it stays in front"


def _judge_stays_up(cell: str, name: str) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        ready = False
        for state in evidence.of(ComponentState, cell):
            if state.component != name:
                continue
            ready |= state.action == "ready"
            if state.action == "late":
                return violated(f"{name} was not ready in time", *state.tail, hop="readiness", at=state.t)
            if state.action == "exited" and not state.expected:
                code = "by a signal" if state.exit_code is None else f"with exit code {state.exit_code}"
                hint = (_IN_FRONT,) if state.exit_code == 0 else ()
                return violated(f"{name} ended {code} though nobody asked it to", *state.tail, *hint, at=state.t)
        if ready and evidence.completed(cell):
            return held(f"{name} ran through the whole story")
        return still_open(f"{name} was never ready" if not ready else "the story is not over")

    return judge


def _judge_reachable(scenario: Scenario, name: str) -> Judge:
    disturbed = {phase.name for phase in scenario.phases if phase.fault}

    def judge(evidence: Evidence) -> Judgement:
        sent = [row for row in evidence.of(Request, scenario.name) if row.sent_t is not None]
        refused = [row for row in sent if row.error == "connect" and row.phase not in disturbed]
        if refused:
            first = refused[0]
            what = f"{name} refused the connection of {first.kind} {first.request_id} during {first.phase}"
            return violated(what, at=first.end_t)
        if not evidence.completed(scenario.name):
            return still_open("the story is not over")
        return held(f"it took those of {len(sent)} requests") if sent else inconclusive("no request was sent")

    return judge
