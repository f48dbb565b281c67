"""Labels of alerts that follow the value of the expression: with every change of such a label another alert begins.

Prometheus tells alerts apart by their labels, as they are once rendered: the new one is pending anew, and the old one
is resolved at whoever it was routed to.
"""

from __future__ import annotations

import re
from typing import Final

from harness.artefacts.label_templates import templated
from harness.clauses.production import Production
from harness.core.units import format_duration

__all__ = ["changing_labels"]

_VALUE: Final = re.compile(r"\{\{[^}]*(?:\$value|\.Value)\b")


def changing_labels(production: Production) -> tuple[str, ...]:
    """A line for every label of an alert rule that follows the value."""
    pairs = [(group, rule) for file in production.rules for group in file.groups for rule in group.rules]
    return tuple(
        f"{rule.location}: the label {name} of {rule.name} follows the value: when it changes, this alert is resolved, "
        f"and another one begins{f' its {format_duration(rule.for_s)} of pending' if rule.for_s else ''}"
        for group, rule in pairs
        if rule.is_alert
        for name, text in templated({**group.labels, **rule.labels}).items()
        if _VALUE.search(text)
    )
