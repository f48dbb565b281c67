"""A rule file in the time of one cell: expressions, ``for``, ``keep_firing_for``, intervals and offsets."""

from __future__ import annotations

import re
from collections.abc import Iterable

from harness.artefacts.bind_common import scale_duration
from harness.artefacts.clock import Clock
from harness.artefacts.edits import BoundArtefact, Editor
from harness.artefacts.leaving_out import LeftOut
from harness.artefacts.prometheus_config import PrometheusConfig
from harness.artefacts.rules import Rule, read_rules
from harness.core.errors import ConfigError
from harness.core.source import Document

__all__ = ["bind_rules"]

_TEMPLATE_QUERY = re.compile(r"\{\{.*?\bquery\b.*?\}\}", re.DOTALL)


def bind_rules(
    document: Document, clock: Clock, config: PrometheusConfig | None = None, without: Iterable[LeftOut] = ()
) -> BoundArtefact:
    """The rule file in ``clock``'s time; ``config`` tells how often the inputs of each rule are scraped.

    ``clock`` should know recorded families of the wall clock (``with_recorded_families``). Rules of ``without`` are
    taken out. Raises ``ConfigError`` naming every other rule that cannot be scaled.
    """
    editor = Editor(document)
    lost = {each.rule.path: each for each in without if each.rule.location.file == document.file}
    for group in read_rules(document).groups:
        for name in ("interval", "query_offset"):
            scale_duration(editor, clock, (*group.path, name))
        for rule in group.rules:
            if rule.path not in lost:
                _bind_rule(editor, clock, rule, config)
    for path, each in sorted(lost.items(), reverse=True):  # the last one first: the others keep their places
        editor.remove(path, each.why)
        editor.warnings.append(str(each))
    return editor.finish("leave these rules out of the cell, or prove them at speed 1 or in virtual time")


def _bind_rule(editor: Editor, clock: Clock, rule: Rule, config: PrometheusConfig | None) -> None:
    path = (*rule.path, "expr")
    try:
        scaled = clock.expression(rule.query, config.scrapes_of(rule.query.selectors) if config else None)
        for name in ("for", "keep_firing_for"):
            scale_duration(editor, clock, (*rule.path, name))
    except ConfigError as error:
        editor.problem(path, f"{rule.name}: {error.problem}")
        return
    editor.scaled[path] = scaled
    editor.warnings += scaled.warnings
    if scaled.changes:
        reasons = dict.fromkeys(change.why for change in scaled.changes)
        editor.set(path, scaled.text, "; ".join(reasons))
    if clock.speed != 1:
        _warn_of_template_queries(editor, rule)


def _warn_of_template_queries(editor: Editor, rule: Rule) -> None:
    for name, text in rule.annotations.items():
        if _TEMPLATE_QUERY.search(text):
            place = editor.locate((*rule.path, "annotations", name))
            editor.warnings.append(f"{place}: {rule.name}: the query inside the {name} template is not scaled")
