"""``harness lint``: whether everything loads, compiles and binds, and what is surely wrong in rules and routes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from harness.clauses.alert_places import alert_gaps
from harness.clauses.changing_labels import changing_labels
from harness.clauses.production import Production, read_production
from harness.clauses.unscaled import unscaled_notes
from harness.clauses.vocabulary import vocabulary_of
from harness.contract import Campaign
from harness.front.bare_files import read_bare, split_bare
from harness.front.binding import binds
from harness.front.choosing import Loaded, load_chosen
from harness.lint.checks import findings
from harness.lint.model import Files, Finding

__all__ = ["lint"]

Say = Callable[[str], None]
_FINE, _ERROR, _FINDINGS = 0, 2, 3


def lint(paths: Sequence[Path], say: Say, *, verbose: bool = False) -> int:
    """Tell what there is to say of the campaigns, or of the files alone, that ``paths`` name.

    Answers 2 where something cannot be bound, 3 where there are findings, else 0. Raises ``ConfigError`` for what
    cannot be loaded.
    """
    bare, campaigns = split_bare(paths)
    found: list[Finding] = []
    all_bind = True
    if bare:
        files, texts = read_bare(bare)
        found += findings(files, texts)
        say(f"{len(bare)} file{'s' if len(bare) != 1 else ''}: {_counted(found)}")
        _tell(found, say)
    for item in load_chosen(campaigns) if campaigns or not bare else ():
        here = _campaign(item, say, verbose=verbose)
        found += here
        all_bind = binds(item.paths) and all_bind
    return _ERROR if not all_bind else _FINDINGS if found else _FINE


def _campaign(item: Loaded, say: Say, *, verbose: bool) -> Sequence[Finding]:
    production = read_production(item.campaign)
    found = findings(_files(item.campaign, production), _texts(production))
    for clause in item.clauses if verbose else ():
        say(clause.id)
    count = len(item.campaign.scenarios)
    stories = f"{count} scenario{'s' if count != 1 else ''}"
    say(f"{item.campaign.name}: {stories}, {len(item.clauses)} clauses, {_counted(found)}")
    gaps = alert_gaps(item.campaign, item.clauses)
    notes = (*unscaled_notes(item.campaign, production), *changing_labels(production))
    for each in (*gaps, *notes):
        say(f"  {each}")
    _tell(found, say)
    return found


def _counted(found: Sequence[Finding]) -> str:
    return f"{len(found) or 'no'} finding{'s' if len(found) != 1 else ''}"


def _tell(found: Iterable[Finding], say: Say) -> None:
    for each in found:
        say(str(each))


def _files(campaign: Campaign, production: Production) -> Files:
    vocabulary = vocabulary_of(campaign, production)
    return Files(
        rules=production.rules,
        prometheus=production.prometheus,
        alertmanager=production.alertmanager,
        families=vocabulary.families,
        units=vocabulary.units,
        undeclared=vocabulary.problems,
    )


def _texts(production: Production) -> dict[str, str]:
    documents = [*production.rule_documents.values(), production.alertmanager_document, production.prometheus_document]
    return {document.file: document.text for document in documents if document is not None}
