"""Which classes of series an alert reads: one for every way in which its selectors tell labels apart."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import promql_parser as pp

from harness.artefacts.promql import Matcher, Selector, children
from harness.artefacts.rules import Rule
from harness.virtual.families import Catalogue, Family, Job, leaves
from harness.virtual.inputs import Input, Labels
from harness.virtual.reasons import NotGeneratedError

__all__ = ["inputs_of"]

_OF_TARGETS: Final = frozenset({"job", "instance", "le", "__name__"})
_MOST: Final = 3
"""Label values over which traffic is spread."""


def inputs_of(rule: Rule, recordings: Mapping[str, Rule], catalogue: Catalogue) -> tuple[Input, ...]:
    """Inputs for every class of series that ``rule`` reads, directly or through recordings.

    Raises ``NotGeneratedError`` for a selector that names no metric, reads other alerts or can match nothing.
    """
    selectors = leaves(rule, recordings)
    for selector in selectors:
        if selector.metric in {"", "ALERTS", "ALERTS_FOR_STATE"}:
            raise NotGeneratedError(f"it reads {selector.metric or 'series without naming their metric'}")
    chained = [rule, *recordings.values()]
    quantile = next((q for each in chained for q in _quantiles(each.query.tree)), 0.95)
    groups: dict[str, list[Selector]] = {}
    families: dict[str, Family] = {}
    for selector in selectors:
        family, _part = catalogue.family(selector)
        families[family.name] = family
        groups.setdefault(family.name, []).append(selector)
    grouped = {label for each in chained for label in _grouped(each.query.tree)}
    others = {
        name: (*_joined(families[name], groups, catalogue), *_shared(name, grouped, groups, families))
        for name in groups
    }
    return tuple(
        each
        for name, found in groups.items()
        for each in _classes(families[name], found, others[name], catalogue, quantile)
    )


def _joined(family: Family, groups: Mapping[str, Sequence[Selector]], catalogue: Catalogue) -> tuple[Matcher, ...]:
    """What the other families of the expression carry: a family of which nothing is declared carries it as well.

    Otherwise the two sides of a division or an ``and`` would never meet.
    """
    if family.is_declared:
        return ()
    own = {matcher.name for selector in groups[family.name] for matcher in selector.matchers}
    found: dict[str, Matcher] = {}
    for selector in (each for name, each_of in groups.items() if name != family.name for each in each_of):
        other, _part = catalogue.family(selector)
        job = catalogue.job(other, selector.matchers)
        values = dict(_labels(other, job, selector.matchers) or ()) | {"job": job.name}
        for name in dict.fromkeys(matcher.name for matcher in selector.matchers):
            if name in values and name not in own:
                found.setdefault(name, Matcher(name, "=", values[name]))
    return tuple(found.values())


def _shared(
    name: str, grouped: Collection[str], groups: Mapping[str, Sequence[Selector]], families: Mapping[str, Family]
) -> Iterator[Matcher]:
    """Values of labels by which series are grouped or matched that all families of the expression can take."""
    own = {matcher.name for selector in groups[name] for matcher in selector.matchers}
    for label in sorted(set(grouped) - own - _OF_TARGETS):
        knowing = [each for each in families.values() if label in each.labels]
        values = [value for each in knowing for value in each.labels[label]]
        common = [value for value in values if all(each.may_take(label, value) for each in families.values())]
        if common and (not families[name].knows_labels or label in families[name].labels):
            yield Matcher(label, "=", common[0])


def _grouped(node: Any) -> Iterator[str]:
    """Labels named by ``by``, ``on`` and ``group_left``."""
    modifier = getattr(node, "modifier", None)
    if isinstance(node, pp.AggregateExpr) and modifier is not None and str(modifier.type).endswith("By"):
        yield from modifier.labels
    elif isinstance(node, pp.BinaryExpr) and modifier is not None and str(modifier.matching).startswith("on"):
        yield from modifier.matching.labels
    for child in children(node):
        yield from _grouped(child)


def _classes(
    family: Family, selectors: Sequence[Selector], joined: tuple[Matcher, ...], catalogue: Catalogue, quantile: float
) -> Iterator[Input]:
    wanted = [selector.matchers for selector in selectors]
    job = catalogue.job(family, [*joined, *(matcher for matchers in wanted for matcher in matchers)])
    seen: set[Labels] = set()
    for index, matchers in enumerate(_ways(wanted)):
        labels = _labels(family, job, (*joined, *matchers))
        if labels is None and index < len(wanted):
            shown = ", ".join(f'{each.name}{each.operator}"{each.value}"' for each in matchers)
            raise NotGeneratedError(f"no series that is declared passes {family.name}{{{shown}}}")
        if labels is not None and labels not in seen:
            seen.add(labels)
            yield Input(family, job, labels, _variants(family, wanted, labels), quantile)


def _ways(wanted: Sequence[tuple[Matcher, ...]]) -> Iterator[tuple[Matcher, ...]]:
    """Each selector's own matchers, then what a broader selector also reads but a narrower one does not."""
    yield from wanted
    for narrow in wanted:
        for broad in wanted:
            extra = [each for each in narrow if each not in broad]
            if broad != narrow and len(extra) == 1 and all(each in narrow for each in broad):
                yield (*broad, _negated(extra[0]))


def _negated(matcher: Matcher) -> Matcher:
    flipped = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}
    return Matcher(matcher.name, flipped[matcher.operator], matcher.value)


def _labels(family: Family, job: Job, matchers: Iterable[Matcher]) -> Labels | None:
    """One label set that passes ``matchers``; ``None`` where the target's own labels cannot."""
    by_name: dict[str, list[Matcher]] = {}
    for matcher in matchers:
        by_name.setdefault(matcher.name, []).append(matcher)
    found: dict[str, str] = {}
    for name in [*family.labels, *(each for each in by_name if each not in family.labels)]:
        if name in _OF_TARGETS:
            continue
        values = _passing(family, job, name, by_name.get(name, []))
        if not values:
            return None
        if values[0] and name not in job.labels:
            found[name] = values[0]
    return tuple(sorted(found.items()))


def _passing(family: Family, job: Job, name: str, matchers: Sequence[Matcher]) -> list[str]:
    if name in job.labels:
        candidates = [job.labels[name]]
    else:
        written = [value for each in matchers for value in _literals(each)]
        candidates = [*family.labels.get(name, ()), *written, *(() if name in family.labels else ("a", ""))]
        candidates = [value for value in candidates if family.may_take(name, value)]
    return [value for value in dict.fromkeys(candidates) if all(each.accepts(value) for each in matchers)]


def _literals(matcher: Matcher) -> list[str]:
    if "~" not in matcher.operator:
        return [matcher.value]
    pieces = matcher.value.strip("()").split("|")
    return [re.sub(r"\.[*+]?|\[0-9\]|\\d", "0", piece).replace("\\", "") for piece in pieces]


def _variants(family: Family, wanted: Sequence[tuple[Matcher, ...]], labels: Labels) -> tuple[Labels, ...]:
    """Further label sets that every selector takes or leaves alike: one declared label takes its other values."""
    asked = {matcher.name for matchers in wanted for matcher in matchers}
    # a label that no selector names is spread alike for all classes: their shares stay as they are
    for name, values in sorted(family.labels.items(), key=lambda item: item[0] in asked):
        own = dict(labels).get(name, "")
        free = [value for value in values if value != own and _alike(wanted, name, own, value)]
        if free:
            return tuple(tuple(sorted({**dict(labels), name: value}.items())) for value in free[: _MOST - 1])
    return ()


def _alike(wanted: Sequence[tuple[Matcher, ...]], name: str, own: str, other: str) -> bool:
    tests = [matcher for matchers in wanted for matcher in matchers if matcher.name == name]
    return all(matcher.accepts(own) == matcher.accepts(other) for matcher in tests)


def _quantiles(node: Any) -> Iterator[float]:
    if isinstance(node, pp.Call) and node.func.name == "histogram_quantile":
        first = node.args[0]
        if isinstance(first, pp.NumberLiteral):
            yield float(first.val)
    for child in children(node):
        yield from _quantiles(child)
