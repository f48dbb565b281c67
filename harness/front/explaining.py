"""``harness explain``: one clause in words, and what a bundle shows of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.clauses.model import Clause
from harness.core.errors import ConfigError
from harness.core.events import CampaignFailed, CampaignStarted, ClauseJudged, Event
from harness.core.source import nearest
from harness.front.choosing import load_chosen

__all__ = ["explain"]


def explain(name: str, bundle: Path | None = None) -> str:
    """What the clause ``name`` promises and needs; with a bundle also what was seen. Raises ``ConfigError``."""
    return "\n".join(_planned(name) if bundle is None else _seen(name, bundle))


def _planned(name: str) -> Iterator[str]:
    kinds = (load_chosen((), attached=True), load_chosen(()))
    clauses = {clause.id: clause for loaded in kinds for item in loaded for clause in item.clauses}
    if name not in clauses:
        raise ConfigError(f"there is no clause {name!r}", remedy=nearest(name, clauses))
    yield from _described(clauses[name])


def _described(clause: Clause) -> Iterator[str]:
    yield clause.id
    yield f"  promises: {clause.statement}"
    yield f"  written:  {clause.source}"
    yield f"  reads:    {', '.join(clause.cells) or 'files alone'}"
    for need in clause.needs:
        yield f"  needs:    {need}"


def _seen(name: str, bundle: Path) -> Iterator[str]:
    from harness.clauses.replay import replay
    from harness.front.replaying import opened

    with opened(bundle) as folder:
        yield name
        for event in replay(folder, (name,)):
            yield from _told(event)


def _told(event: Event) -> Iterator[str]:
    match event:
        case CampaignStarted():
            for clause in event.clauses:
                yield f"  promises: {clause.statement}"
                yield f"  written:  {clause.source}"
        case ClauseJudged():
            yield f"  {event.verdict}: {event.message}"
            yield from (f"    {detail}" for detail in event.details)
        case CampaignFailed():
            yield f"  no verdict: {event.error}"
        case _:
            pass
