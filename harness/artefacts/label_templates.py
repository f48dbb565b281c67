"""Labels of rules that are templates: which values they may take, and where each of them leads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Final

from harness.artefacts.alertmanager_config import AlertmanagerConfig
from harness.artefacts.promql import Matcher

__all__ = ["templated", "ways_of"]

_ACTION: Final = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
_BRANCH: Final = re.compile(r"(if|with|else)\b")
_SILENT: Final = re.compile(r"(if|with|else|end)\b|/\*|\$\w*\s*:?=")
_MOST: Final = 64
"""Combinations of values that are looked at."""


def templated(labels: Mapping[str, str]) -> dict[str, str]:
    """Those of ``labels`` whose value is only known when the alert fires."""
    return {name: value for name, value in labels.items() if "{{" in value}


def ways_of(config: AlertmanagerConfig, labels: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The receivers of an alert by the values of its templates, as in ``severity=critical``, where they lead apart.

    ``labels`` are those of the rule. Values are the branches of a template, and those that routes ask for of one that
    prints. Nothing where all lead to the same receivers, or no label is a template.
    """
    open_ones = templated(labels)
    asked = {name: [each for each in _matchers(config) if each.name == name] for name in open_ones}
    values = {name: _values(template, asked[name]) for name, template in open_ones.items() if asked[name]}
    ways: dict[str, tuple[str, ...]] = {}
    for chosen in islice(product(*values.values()), _MOST):
        known = dict(zip(values, chosen, strict=True))
        shown = ", ".join(f"{name}={value or 'anything else'}" for name, value in known.items())
        ways[shown] = config.receivers_for({**labels, **known})
    return ways if len(set(ways.values())) > 1 else {}


def _matchers(config: AlertmanagerConfig) -> Iterator[Matcher]:
    return (matcher for route in config.route.walk() for matcher in route.matchers)


def _values(template: str, asked: list[Matcher]) -> list[str]:
    """Values that ``template`` may come to; the empty one stands for any that no route asks for."""
    if branches := _branches(template):
        return branches
    written = [piece for each in asked for piece in each.value.strip("^$()").split("|")]
    return [*dict.fromkeys(value for value in written if any(each.accepts(value) for each in asked)), ""]


def _branches(template: str) -> list[str]:
    """The texts of the branches of a template that prints nothing else; empty where it does."""
    actions = [each.strip() for each in _ACTION.findall(template)]
    texts = _ACTION.split(template)[::2]
    if not all(_SILENT.match(each) for each in actions):
        return []
    inside = [text.strip() for action, text in zip(actions, texts[1:], strict=True) if _BRANCH.match(action)]
    around = [text.strip() for action, text in zip(["end", *actions], texts, strict=True) if not _BRANCH.match(action)]
    if any(around):
        return []
    return list(dict.fromkeys([*inside, *([] if "else" in actions else [""])]))
