"""Logs plane, the index itself: what clients choose freely is stored there, and makes no field of its mapping."""

from __future__ import annotations

from collections.abc import Iterator

from harness.clauses.model import Clause, Judge, Judgement, Need, held, still_open, violated
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.contract.planes import Logs
from harness.evidence.records import IndexMapping
from harness.evidence.store import Evidence

__all__ = ["compile_index", "free_fields"]


def compile_index(campaign: Campaign, scenario: Scenario, plane: Logs) -> Iterator[Clause]:
    """The clause of a story that ships its logs, where the contract wants free fields stored and not indexed."""
    free = free_fields(plane)
    if plane.free_fields == "indexed" or not free:
        return
    yield Clause(
        scenario.name,
        "logs",
        "index",
        "free_fields",
        campaign.promise("logs", "free_fields"),
        f"nothing below {', '.join(free)} is a field of the index",
        (Need("mapping"), *(Need("documents", name) for name in plane.streams)),
        _judge(scenario.name, free),
        (scenario.name,),
    )


def free_fields(plane: Logs) -> tuple[str, ...]:
    """Fields that are declared as objects, without a word of what they hold."""
    rules = [plane.envelope, *(stream.fields for stream in plane.streams.values())]
    rules += [event.fields for stream in plane.streams.values() for event in stream.events.values()]
    return tuple(dict.fromkeys(path for each in rules for path, rule in each.items() if rule.type == "object"))


def _judge(cell: str, free: tuple[str, ...]) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        if not evidence.completed(cell):
            return still_open("the story is not over")
        seen = 0
        for mapping in evidence.of(IndexMapping, cell):
            seen += len(mapping.fields)
            found = [path for path in mapping.fields if path.startswith(tuple(f"{name}." for name in free))]
            if found:
                message = f"{mapping.index} has {len(found)} fields that whoever writes them chooses: {found[0]}"
                return violated(message, *found[1:6], hop="Elasticsearch", at=mapping.t)
        return held(f"none among {seen} fields") if seen else still_open("the mapping of no index was read")

    return judge
