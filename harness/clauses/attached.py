"""What can be judged of a system that runs already and is only read: most promises take load, faults or a fresh start.

A clause does not apply for one of two reasons. Either it takes control, which attach never has, or it takes a server
that nobody named (access). A plane that is required makes the second kind inconclusive.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from harness.clauses.as_written import compile_as_written
from harness.clauses.model import Clause, Judge, Need, inconclusive
from harness.clauses.production import read_production
from harness.contract import Campaign
from harness.core.errors import ConfigError
from harness.core.source import nearest
from harness.evidence.records import CAMPAIGN

__all__ = ["ATTACHED", "TYPES", "Reach", "attached_clauses", "planes_to_prove"]

ATTACHED: Final = "attached"
"""Name of the one cell of a run that attaches."""
TYPES: Final = "types"
"""What ``Reach.lacking`` calls the types and help texts of metrics; other names are those of needs."""
_STORY: Final = "its story is not played: attach sends no load and injects no fault"
_CONTROL: Final[Mapping[str, str]] = {
    "ledger": "it takes a load of known requests, and attach sends none",
    "faults": "it takes faults, and attach injects none",
    "barriers": "it takes a service at rest, which attach cannot bring about",
    "federated": "it takes a service at rest, which attach cannot bring about",
    "pages": "it takes receivers of our own, and attach changes no configuration",
    "subject": "it takes processes that the harness started",
    "snapshot": "what panels show depends on traffic, and attach makes none",
    "query": "what it asks depends on traffic, and attach makes none",
}
_PROMISES: Final[Mapping[tuple[str, str], str]] = {
    ("metrics", "agrees"): _CONTROL["barriers"],
    ("metrics", "answers"): "single scrapes are watched while a story is played",
    ("logs", "no_others"): "shippers add fields of their own to documents",
    ("logs", "dated"): "documents are found long after their line was written",
}
_TEXT: Final = frozenset({"takes_at_most", "holds_at_most"})
_TYPED: Final = frozenset({"type", "documented"})
_SAFE: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Reach:
    """What a run that attaches can see: ``lacking`` says of needs, by kind or whole, why nobody can meet them.

    ``direct``: metrics texts are those of the instances themselves, not what Prometheus made of them.
    """

    lacking: Mapping[str, str] = field(default_factory=dict)
    direct: bool = True
    required: tuple[str, ...] = ()
    file: str = ""
    """Name of the attach file."""

    def as_json(self) -> dict[str, Any]:
        """For the manifest of a bundle."""
        told = {"lacking": dict(self.lacking), "direct": self.direct, "required": list(self.required)}
        return {**told, "file": self.file}

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Reach:
        """As it was written into a manifest."""
        return cls(data["lacking"], data["direct"], tuple(data["required"]), data["file"])

    @property
    def command(self) -> str:
        """What judges the same system again."""
        return f"harness gate --attach {shlex.quote(self.file)}"


def attached_clauses(campaign: Campaign, clauses: Sequence[Clause], reach: Reach) -> tuple[Clause, ...]:
    """All clauses of the campaign and those on what runs, each with the reason where it does not apply.

    Raises ``ConfigError`` for a required plane without a clause.
    """
    own = compile_as_written(campaign, read_production(campaign), ATTACHED)
    found = tuple(_attached(campaign, clause, reach) for clause in (*clauses, *own))
    planes = {clause.plane for clause in found}
    for name in reach.required:
        if name not in planes:
            remedy = nearest(name, planes) or f"planes of this campaign: {', '.join(sorted(planes))}"
            raise ConfigError(f"there is no plane {name!r} to require", remedy=remedy)
    return found


def planes_to_prove(clauses: Collection[Clause], reach: Reach) -> frozenset[str]:
    """Planes in each of which a clause must hold: those that can be judged here, and those that are required."""
    return frozenset(clause.plane for clause in clauses if not clause.not_applicable) | frozenset(reach.required)


def _attached(campaign: Campaign, clause: Clause, reach: Reach) -> Clause:
    clause = replace(clause, cells=(ATTACHED,) if clause.cells else ())
    if clause.not_applicable:
        return clause
    control = next(_takes_control(campaign, clause), "")
    if control:
        return replace(clause, not_applicable=control)
    access = next(_takes_access(clause, reach), "")
    if access and clause.plane in reach.required:
        return replace(clause, judge=_required(access))
    return replace(clause, not_applicable=access)


def _required(reason: str) -> Judge:
    judgement = inconclusive(f"{reason}, but its plane is required")
    return lambda _: judgement


def _takes_control(campaign: Campaign, clause: Clause) -> Iterator[str]:
    if clause.scope != CAMPAIGN:
        yield _STORY
    if not clause.needs:
        yield "it is about files alone, whatever runs: a gate without attach judges it"
    yield from (_PROMISES[key] for key in [(clause.plane, clause.promise)] if key in _PROMISES)
    for need in clause.needs:
        if need.kind in _CONTROL:
            yield _CONTROL[need.kind]
        if need.kind == "answers" and campaign.contract.endpoints[need.detail].method not in _SAFE:
            yield f"attach only reads, and sends no {campaign.contract.endpoints[need.detail].method}"


def _takes_access(clause: Clause, reach: Reach) -> Iterator[str]:
    for need in clause.needs:
        yield from (reach.lacking[key] for key in _keys(need) if key in reach.lacking)
    if clause.plane == "metrics" and clause.promise in _TEXT and not reach.direct:
        yield "it is about the text of the instances themselves, which is not read"
    if clause.plane == "metrics" and clause.promise in _TYPED and TYPES in reach.lacking:
        yield reach.lacking[TYPES]


def _keys(need: Need) -> tuple[str, ...]:
    return (str(need), need.kind) if need.detail else (need.kind,)
