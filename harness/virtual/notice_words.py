"""What people read of an alert: every text of every integration, rendered, against what the contract promises."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from harness.artefacts.alertmanager_config import Integration
from harness.artefacts.notice_texts import Text, is_told_apart, texts_of
from harness.clauses.blemishes import blemish
from harness.clauses.production import Production
from harness.contract import Campaign
from harness.virtual.answers import FiredAlert
from harness.virtual.rendering import PLACES, Group, Renderer, UnrenderedError
from harness.virtual.told import Told, all_told, cell_about
from harness.virtual.verdicts import Cell

__all__ = ["rendered_cells"]

_MARK: Final = "70310207"
"""A value that no notice holds by itself, and that upper and lower case leave as it is."""


def rendered_cells(
    campaign: Campaign, production: Production, amtool: Path, alerts: Mapping[str, Sequence[FiredAlert]]
) -> tuple[Cell, ...]:
    """What the notices of the same alerts say: the cell ``renders``. Raises ``MachineError`` without amtool."""
    patterns = production.alertmanager.templates if production.alertmanager else ()
    renderer = Renderer(amtool, tuple(path for each in patterns for path in production.files.get(each, ())))
    told = list(all_told(campaign, production, alerts))
    with ThreadPoolExecutor(2) as pool:
        read = pool.map(partial(_read, renderer), told)
        return tuple(cell_about(campaign, each, "renders", *found) for each, found in zip(told, read, strict=True))


@dataclass(frozen=True, slots=True)
class _Words:
    """One field as it reads for the alert, and as it reads when the alert is over."""

    text: Text
    firing: str
    over: str

    @property
    def is_read(self) -> bool:
        """Whether people read it: a colour, a link or the line of a lock screen is not enough."""
        return self.text.is_for_people and self.text.name != "fallback"

    @property
    def must_say(self) -> bool:
        """Whether the file means it to say something."""
        return self.text.is_written and self.text.is_for_people


def _read(renderer: Renderer, told: Told) -> tuple[str, str]:
    """How the notices read, and the first thing that is wrong with them."""
    shown = ""
    for name, each in told.integrations.items():
        try:
            words = _words(renderer, told, each)
            shown = shown or next((w.firing.strip().splitlines()[0] for w in words if w.firing.strip()), "")
            problem = next(_problems(renderer, told, each, words), "")
        except UnrenderedError as error:
            problem = f"a template fails: {error}"
        if problem:
            return shown, f"{name}: {problem}"
    return shown or "as data", ""


def _words(renderer: Renderer, told: Told, integration: Integration) -> list[_Words]:
    texts = texts_of(told.document, integration)
    firing = renderer.rendered(texts, told.group)
    over = renderer.rendered(texts, replace(told.group, is_over=True)) if integration.send_resolved else firing
    return [_Words(*each) for each in zip(texts, firing, over, strict=True)]


def _problems(renderer: Renderer, told: Told, integration: Integration, words: Sequence[_Words]) -> Iterator[str]:
    for each in words:
        yield from _blemishes(each)
    yield from _holes(renderer, told.group, words)
    read = [each for each in words if each.is_read]
    is_said = not integration.send_resolved or is_told_apart(integration)
    if read and not is_said and all(each.firing == each.over for each in read):
        yield "the notice of recovery reads like the page"
    yield from _untold(told, words)


def _blemishes(words: _Words) -> Iterator[str]:
    for said in (words.firing, words.over):
        if problem := blemish(said):
            yield f"its {words.text.name}: {problem}"
        if words.must_say and not said.strip():
            yield f"its {words.text.name} is empty"


def _holes(renderer: Renderer, group: Group, words: Sequence[_Words]) -> Iterator[str]:
    """Names that a text prints though the alert has no such label or annotation; one that asks first may."""
    meant = [each for each in words if each.must_say]
    texts = [each.text for each in meant]
    for place, name in _printed(renderer, group, texts):
        alone = renderer.rendered(texts, group.with_value(place, name, _MARK))
        for each, said in zip(meant, alone, strict=True):
            if _MARK in said and said.replace(_MARK, "") == each.firing:
                yield f"its {each.text.name} prints the {place} {name}, which is empty"


def _printed(renderer: Renderer, group: Group, texts: Sequence[Text]) -> list[tuple[str, str]]:
    """Places and names that the alert lacks, and whose values the texts would show if it had them."""
    names = renderer.names_in(texts) if texts else ()
    lacking = [(place, name) for place in PLACES for name in names if group.lacks(place, name)]
    marks = {pair: f"{_MARK}{index:04d}" for index, pair in enumerate(lacking)}
    for (place, name), mark in marks.items():
        group = group.with_value(place, name, mark)
    shown = "\n".join(renderer.rendered(texts, group)) if marks else ""
    return [pair for pair, mark in marks.items() if mark in shown]


def _untold(told: Told, words: Sequence[_Words]) -> Iterator[str]:
    """What the notice of a firing alert lacks of what the contract says that it tells."""
    shown = "\n".join(html.unescape(each.firing) if each.text.is_html else each.firing for each in words)
    for name in told.promised.tell:
        for alert in told.group.alerts:
            value = (alert.annotations.get(name) or alert.labels.get(name) or "").strip()
            if not value:
                yield f"the alert has no {name}"
            elif words and value not in shown:
                yield f"it does not tell the {name}: {value}"
            runbook = told.promise.runbook if name.startswith("runbook") else None
            if runbook and Path(runbook).stem not in value:
                yield f"its {name} is {value or 'empty'}; the contract says {runbook}"
