"""Findings on what people read: annotations that print a label which is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from harness.artefacts.rules import Rule, named_labels
from harness.lint.carried import Carrying
from harness.lint.model import Check, Files, Told

__all__ = ["CHECKS"]

_OWN: Final = frozenset({"alertname"})


def _empty_labels(files: Files) -> Iterator[Told]:
    carrying = Carrying(files.rules)
    for group, rule in files.alerts():
        carried = carrying.of(rule.query.tree)
        own = {**group.labels, **rule.labels}
        for where, text in {**rule.labels, **rule.annotations}.items():
            for label in dict.fromkeys(named_labels(text)):
                if not carried.may(label):
                    yield _told(rule, where, label, own)


def _told(rule: Rule, where: str, label: str, own: Mapping[str, str]) -> Told:
    if label in own or label in _OWN:
        why = "that is a label of the rule, and a template sees those of the series alone"
        value = own.get(label, rule.name)
        remedy = f"write {value!r} itself" if "{{" not in value else "write its text once more"
    else:
        why = "no series of the expression has it"
        remedy = f"keep {label} in the expression, or leave it out of the text"
    return Told(rule.location, f"{rule.name}: {where} prints $labels.{label}, and {why}: it stays empty", remedy)


CHECKS: Sequence[Check] = (
    Check(
        "empty-label",
        "an annotation or label that prints a label which is not there",
        "Prometheus renders the templates of a rule from the labels of the series that its expression returns: without "
        "those that an aggregation dropped, and without the labels of the rule itself. What is missing is printed as "
        "nothing, and whoever is paged does not learn which instance it is about.",
        _empty_labels,
    ),
)
