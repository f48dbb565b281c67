"""Which classes of series an alert reads: one for every way in which its selectors tell labels apart."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import promql_parser as pp

from harness.artefacts.promql import Matcher, Selector, children
from harness.artefacts.rules import Rule
from harness.virtual.families import COUNTING, Catalogue, Family, Job, leaves
from harness.virtual.guards import constants
from harness.virtual.inputs import Input, Labels
from harness.virtual.patterns import asked_for
from harness.virtual.reasons import NotGeneratedError

__all__ = ["inputs_of"]

_OF_TARGETS: Final = frozenset({"job", "instance", "le", "__name__"})
_EXAMPLES: Final = "say in examples of the contract what it should do"
_REMEDY: Final = f"mend the matchers if none ever does, else {_EXAMPLES}"
_ABOUT: Final = (0.5, 1.0, 2.0, 4.0)
"""Buckets about a number with which a quantile may be compared."""
_MOST: Final = 3
"""Label values over which traffic is spread."""


def inputs_of(rule: Rule, recordings: Mapping[str, Rule], catalogue: Catalogue) -> tuple[Input, ...]:
    """Inputs for every class of series that ``rule`` reads, directly or through recordings.

    Raises ``NotGeneratedError`` for a selector that names no metric, reads other alerts or can match nothing.
    """
    selectors = [named for selector in leaves(rule, recordings) for named in _named(selector)]
    chained = [rule, *recordings.values()]
    quantile = next((q for each in chained for q in _quantiles(each.query.tree)), 0.95)
    groups: dict[str, list[Selector]] = {}
    families: dict[str, Family] = {}
    for selector in selectors:
        family, _part = catalogue.family(selector)
        families[family.name] = family
        groups.setdefault(family.name, []).append(selector)
    numbers = constants(rule)
    families = {name: _as_read(family, groups[name], numbers) for name, family in families.items()}
    grouped = {label for each in chained for label in _grouped(each.query.tree)}
    apart = tuple(sorted({label for each in chained for label in _counted_by(each.query.tree)} - _OF_TARGETS))
    others = {
        name: (*_joined(families[name], groups, catalogue), *_shared(name, grouped, groups, families))
        for name in groups
    }
    return tuple(
        replace(each, apart=apart)
        for name, found in groups.items()
        for each in _classes(families[name], found, others[name], catalogue, quantile)
    )


def _named(selector: Selector) -> Iterator[Selector]:
    """The selector with the names of some metrics that its expression for them accepts."""
    if selector.metric in {"ALERTS", "ALERTS_FOR_STATE"}:
        raise NotGeneratedError(f"it reads {selector.metric}; {_EXAMPLES}")
    if selector.metric:
        yield selector
        return
    of_name = [each for each in selector.matchers if each.name == "__name__"]
    names = [text for text in asked_for(of_name) if text and all(each.accepts(text) for each in of_name)]
    if not names:
        raise NotGeneratedError(f"it reads series without naming their metric; {_EXAMPLES}")
    rest = tuple(each for each in selector.matchers if each.name != "__name__")
    for name in dict.fromkeys(names[:_MOST]):
        yield replace(selector, metric=name, matchers=rest)


def _as_read(family: Family, selectors: Sequence[Selector], numbers: Sequence[float]) -> Family:
    """What nothing declares: a counter where its growth is asked for, with buckets that are named or compared with."""
    if family.is_declared:
        return family
    if family.kind == "counter" and not any(each.function in COUNTING for each in selectors):
        return replace(family, kind="gauge")  # a value that is compared as it is, whatever it is called
    if family.kind != "histogram":
        return family
    named = {float(each.value) for one in selectors for each in one.matchers if _names_bound(each)}
    about = {number * part for number in numbers if number > family.buckets[-1] / 2 for part in _ABOUT}
    return replace(family, buckets=tuple(sorted({*family.buckets, *named, *about})))


def _names_bound(matcher: Matcher) -> bool:
    is_number = re.fullmatch(r"\d+(\.\d+)?(e[+-]?\d+)?", matcher.value) is not None
    return matcher.name == "le" and matcher.operator == "=" and is_number and float(matcher.value) > 0


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
        values = dict(_labels(other, job, selector.matchers) or ()) | dict(
            zip(("job", "instance"), job.place, strict=True)
        )
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


def _counted_by(node: Any, counted: frozenset[str] | None = None) -> Iterator[str]:
    """Labels that tell apart what a ``count`` counts: those by which it is grouped below, and not itself.

    ``counted`` are those of the ``count`` above; ``None`` where there is none.
    """
    if isinstance(node, pp.AggregateExpr):
        by = node.modifier is not None and str(node.modifier.type).endswith("By")
        labels = frozenset(node.modifier.labels if by and node.modifier else ())
        if counted is not None:
            yield from labels - counted
        elif str(node.op) == "count":
            counted = labels
    for child in children(node):
        yield from _counted_by(child, counted)


def _classes(
    family: Family, selectors: Sequence[Selector], joined: tuple[Matcher, ...], catalogue: Catalogue, quantile: float
) -> Iterator[Input]:
    wanted = [selector.matchers for selector in selectors]
    seen: set[tuple[tuple[str, str], Labels]] = set()
    for index, matchers in enumerate(_ways(wanted)):
        job = _job(family, wanted, (*joined, *matchers), catalogue)
        labels = _labels(family, job, (*joined, *matchers))
        if labels is None and index < len(wanted):
            shown = ", ".join(f'{each.name}{each.operator}"{each.value}"' for each in matchers)
            what = "that is declared passes" if family.knows_labels else "was found that passes"
            raise NotGeneratedError(f"no series {what} {family.name}{{{shown}}}; {_REMEDY}")
        if labels is not None and (job.place, labels) not in seen:
            seen.add((job.place, labels))
            yield Input(family, job, labels, _variants(family, wanted, labels), quantile)


def _job(family: Family, wanted: Sequence[tuple[Matcher, ...]], own: tuple[Matcher, ...], catalogue: Catalogue) -> Job:
    """One job that suits all selectors, so that what they read can meet; else one for these matchers alone."""
    job = catalogue.job(family, (*own, *(matcher for matchers in wanted for matcher in matchers)))
    target = job.target_labels(0)
    suits = all(each.accepts(target[each.name]) for matchers in wanted for each in matchers if each.name in target)
    return job if suits else catalogue.job(family, own)


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
        candidates = [*family.labels.get(name, ()), *asked_for(matchers), *(() if name in family.labels else ("a", ""))]
        candidates = [value for value in candidates if family.may_take(name, value)]
    return [value for value in dict.fromkeys(candidates) if all(each.accepts(value) for each in matchers)]


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
