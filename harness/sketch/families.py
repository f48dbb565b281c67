"""Which metric families a first contract promises, and what it can say of their labels without a single value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Final

from prometheus_client.metrics_core import Metric

__all__ = ["Family", "promising", "word_of"]

_TYPES: Final = {"counter": 3, "histogram": 4, "summary": 2, "gauge": 1, "unknown": 0, "untyped": 0}
_OWN_LABEL: Final = {"histogram": "le", "summary": "quantile"}
_RUNTIME: Final = re.compile(
    r"^(go|process|python|jvm|nodejs|dotnet|ruby|erlang_vm|promhttp|net_conntrack|scrape|target)_|_(created|info)$"
)
_TRAFFIC: Final = re.compile(r"request|http|rpc|handled|query")
_PATTERNS: Final = {"[1-5][0-9x][0-9x]": re.compile("[1-5][0-9x]{2}"), "[A-Z]+": re.compile("[A-Z]{3,7}")}
"""What all values of a label can be said to be, without naming one."""
_MORE: Final = 20
_FEWEST: Final = 10


@dataclass(frozen=True, slots=True)
class Family:
    """A family as a line of a contract; ``note`` says what was seen of it."""

    name: str
    rule: str
    note: str


def promising(families: Mapping[str, Metric], born: Set[str] = frozenset()) -> tuple[list[Family], list[str]]:
    """Families in the order in which they deserve a promise, and those whose series disagree about their labels.

    Those that were ``born`` with a request are not there from the start.
    """
    candidates = [
        (name, family)
        for name, family in families.items()
        if family.samples and family.type in _TYPES and not _RUNTIME.search(name)
    ] or [(name, family) for name, family in families.items() if family.samples and family.type in _TYPES]
    odd = [name for name, family in candidates if len(set(_label_sets(family))) > 1]
    fine = [(name, family) for name, family in candidates if name not in odd]
    fine.sort(key=lambda item: -_weight(*item))
    return [_line(name, family, name in born) for name, family in fine], odd


_WORD: Final = re.compile("[_:]")


def word_of(families: Mapping[str, Metric]) -> tuple[str, int]:
    """The first word of most names that are the service's own, and how many begin with it."""
    words = [_WORD.split(name)[0] for name in families if not _RUNTIME.search(name) and _WORD.search(name)]
    best = max(words, key=words.count, default="")
    return (best.lower(), words.count(best)) if re.fullmatch("[A-Za-z][A-Za-z0-9]*", best) else ("service", 0)


def _weight(name: str, family: Metric) -> int:
    labelled = any(next(_label_sets(family), frozenset()))
    return _TYPES[family.type] + 3 * bool(_TRAFFIC.search(name)) + labelled


def _label_sets(family: Metric) -> Iterator[frozenset[str]]:
    own = _OWN_LABEL.get(family.type, "")
    return (frozenset(sample.labels) - {own} for sample in family.samples)


def _line(name: str, family: Metric, is_born: bool) -> Family:
    kind = "untyped" if family.type == "unknown" else family.type
    labels = {label: _rule(family, label) for label in sorted(next(_label_sets(family)))}
    inside = ", ".join(f"{label}: {rule}" for label, rule in labels.items())
    series = len({frozenset(s.labels.items()) for s in family.samples if "le" not in s.labels})
    said = [f"type: {kind}", *([f"labels: {{{inside}}}"] if labels else []), *(["optional: true"] if is_born else [])]
    note = f"{series} series seen" + (", none before the first request" if is_born else "")
    return Family(name, f"{{{', '.join(said)}}}", note)


def _rule(family: Metric, label: str) -> str:
    values = {sample.labels[label] for sample in family.samples}
    for pattern, fits in _PATTERNS.items():
        if all(fits.fullmatch(value) for value in values):
            return f'{{pattern: "{pattern}"}}'
    return f"{{at_most: {max(_FEWEST, min(2 * len(values), len(values) + _MORE))}}}"
