"""Rule files cut down to what some alerts stand on: an experiment evaluates every rule of the files that it is given.

The rules that stay are as written; the others are taken out whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.artefacts.edits import Editor
from harness.artefacts.rules import Rule, RuleFile
from harness.core.source import Document

__all__ = ["extract", "stands_on"]

_NOT_NEEDED = "no alert of the experiment stands on it"


def stands_on(alerts: Iterable[Rule], recordings: Mapping[str, Sequence[Rule]]) -> tuple[Rule, ...] | None:
    """``alerts`` and all recordings that they read in the end; ``None`` where that may be any rule."""
    found: dict[int, Rule] = {}
    waiting = list(alerts)
    while waiting:
        rule = waiting.pop()
        if id(rule) in found:
            continue
        found[id(rule)] = rule
        for each in rule.query.selectors:
            if not each.metric or each.metric.startswith("ALERTS"):
                return None
            waiting += recordings.get(each.metric, ())
    return tuple(found.values())


def extract(document: Document, file: RuleFile, kept: Iterable[Rule]) -> str:
    """The text of ``file`` with the rules of ``kept`` alone; groups that are left empty go as well."""
    wanted = {id(rule) for rule in kept}
    editor = Editor(document)
    for group in reversed(file.groups):
        stay = [rule for rule in group.rules if id(rule) in wanted]
        for rule in reversed(group.rules) if stay else ():
            if id(rule) not in wanted:
                editor.remove(rule.path, _NOT_NEEDED)
        if not stay:
            editor.remove(group.path, _NOT_NEEDED)
    return editor.finish("").text
