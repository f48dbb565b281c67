"""``harness explain``: one clause in words, and what a bundle shows of it; or what a code of ``lint`` means."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap

from harness.clauses.model import Clause
from harness.core.errors import ConfigError
from harness.core.events import CampaignFailed, CampaignStarted, ClauseJudged, Event
from harness.core.source import nearest
from harness.front.choosing import load_chosen
from harness.lint.checks import CHECKS
from harness.lint.model import Check

__all__ = ["explain"]


def explain(name: str, bundle: Path | None = None) -> str:
    """What the clause ``name`` promises and needs; with a bundle also what was seen. Raises ``ConfigError``.

    The code of a finding is explained as well.
    """
    check = next((each for each in CHECKS if each.code == name), None)
    if check is not None:
        return "\n".join(_checked(check))
    return "\n".join(_planned(name) if bundle is None else _seen(name, bundle))


def _checked(check: Check) -> Iterator[str]:
    yield f"{check.code}: {check.title}"
    yield from wrap(check.why, 110, initial_indent="  ", subsequent_indent="  ")
    yield f"  To keep it: a comment on its line, or right above: # harness: allow {check.code}: REASON"


def _planned(name: str) -> Iterator[str]:
    kinds = (load_chosen((), attached=True), load_chosen(()))
    clauses = {clause.id: clause for loaded in kinds for item in loaded for clause in item.clauses}
    if name not in clauses:
        raise ConfigError(
            f"there is no clause {name!r}", remedy=nearest(name, [*clauses, *(each.code for each in CHECKS)])
        )
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
