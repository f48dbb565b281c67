"""What kind of series an expression reads, and which labels they carry, as contract and configuration say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from harness.artefacts.promql import Matcher, Selector
from harness.artefacts.rules import Rule
from harness.clauses.production import Production
from harness.contract import Campaign
from harness.contract.fields import LabelRule
from harness.core.errors import ConfigError
from harness.core.source import read_text
from harness.virtual.patterns import asked_for

__all__ = ["COUNTING", "Catalogue", "Family", "Job", "leaves", "sample_labels"]

Kind = Literal["counter", "gauge", "histogram", "up"]
_KINDS: Final[Mapping[str, Kind]] = {"counter": "counter", "histogram": "histogram"}
_MOST: Final = 3
"""Targets over which a story is spread."""
_SUFFIXES: Final = ("_bucket", "_sum", "_count")
COUNTING: Final = frozenset({"rate", "irate", "increase", "resets"})
"""Functions that ask by how much something has grown."""
_DEFAULT_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SAMPLES: Final = ("a", "b", "c", "200", "500", "404", "1", "0", "x-1", "/", "true", "A")
_TYPE: Final = re.compile(r"^# TYPE (\S+) (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family; ``labels`` maps each declared label to values that it may take.

    ``is_declared`` is false where neither contract nor exposition file knows it and the kind was guessed
    from the way in which it is read.
    """

    name: str
    kind: Kind
    labels: Mapping[str, tuple[str, ...]]
    buckets: tuple[float, ...] = ()
    is_declared: bool = True
    knows_labels: bool = False
    """Whether ``labels`` and those of the target are all that it carries."""
    patterns: Mapping[str, str] = field(default_factory=dict)
    """What values of a declared label look like; a declared label without one takes no others."""

    def may_take(self, label: str, value: str) -> bool:
        """Whether a series may carry this label value, as far as it is declared."""
        if label not in self.labels or value in self.labels[label]:
            return True
        return label in self.patterns and re.fullmatch(self.patterns[label], value) is not None


@dataclass(frozen=True, slots=True)
class Job:
    """A scrape job: its interval, its targets, and the labels that the configuration gives them."""

    name: str
    interval_s: float
    targets: tuple[str, ...]
    labels: Mapping[str, str]
    most: int = _MOST
    """Targets over which a story may be spread: a selector may name a single instance."""

    @property
    def place(self) -> tuple[str, str]:
        """Job and instance of its first target."""
        labels = self.target_labels(0)
        return labels["job"], labels["instance"]

    def target_labels(self, index: int) -> dict[str, str]:
        """Labels of the target at ``index``; more targets than are written are made up."""
        written = self.targets[index] if index < len(self.targets) else f"{self.name}-{index + 1}:80"
        return {"job": self.name, "instance": written, **self.labels}


class Catalogue:
    """All families and jobs that the campaign's files tell of."""

    def __init__(self, campaign: Campaign, production: Production) -> None:
        self._families = dict(_contract_families(campaign))
        self._homes: dict[str, str] = {}
        for job, name, kind in _exposed(campaign):
            self._families.setdefault(name, Family(name, kind, {}, _DEFAULT_BUCKETS if kind == "histogram" else ()))
            self._homes[name] = job
        self._jobs = _jobs(production)
        self._subjects = tuple(each.job for each in campaign.profile.stands_for if each.job and each.port)

    def family(self, selector: Selector) -> tuple[Family, str]:
        """The family that ``selector`` reads, and which part of it (``_bucket``, ``_sum``, ``_count`` or nothing)."""
        name = selector.metric
        if name == "up":
            return Family("up", "up", {}, knows_labels=True), ""
        for suffix in _SUFFIXES:
            family = self._families.get(name.removesuffix(suffix))
            if name.endswith(suffix) and family is not None and family.kind == "histogram":
                return family, suffix
        return self._families.get(name) or _guessed(selector), _part(name) if name not in self._families else ""

    def written_family(self, selector: Selector, kind: str) -> Family:
        """The family that an example names; one that nothing declares is of the kind that the example writes."""
        if selector.metric == "up" or selector.metric in self._families:
            return self.family(selector)[0]
        buckets = _DEFAULT_BUCKETS if kind == "histogram" else ()
        return Family(selector.metric, _KINDS.get(kind, "gauge"), {}, buckets, is_declared=False)

    def job(self, family: Family, matchers: Iterable[Matcher]) -> Job:
        """The job that scrapes ``family`` and passes ``matchers``: its own, else the subject's, else the first.

        Its first targets are instances that pass them too, where there are any.
        """
        asked = tuple(matchers)
        job = self._job(family, [each for each in asked if each.name == "job"])
        return _with_instances(job, [each for each in asked if each.name == "instance"])

    def _job(self, family: Family, wanted: Sequence[Matcher]) -> Job:
        names = [self._homes.get(family.name, ""), *self._subjects, *self._jobs]
        for name in names:
            if name in self._jobs and all(each.accepts(name) for each in wanted):
                return self._jobs[name]
        name = next((each for each in (*asked_for(wanted), "job") if all(one.accepts(each) for one in wanted)), "job")
        return Job(name, min((job.interval_s for job in self._jobs.values()), default=60.0), (), {})


def _with_instances(job: Job, wanted: Sequence[Matcher]) -> Job:
    if not wanted:
        return job
    known = (job.target_labels(index)["instance"] for index in range(max(len(job.targets), _MOST)))
    found = [each for each in dict.fromkeys((*known, *asked_for(wanted))) if all(one.accepts(each) for one in wanted)]
    return replace(job, targets=tuple(found[:_MOST]), most=min(len(found), _MOST)) if found else job


def sample_labels(family: Family, job: Job, matchers: Iterable[Matcher]) -> tuple[tuple[str, str], ...]:
    """The labels that ``matchers`` fix, and a declared value for every other label of the family."""
    fixed = {each.name: each.value for each in matchers}
    usual = {name: values[0] for name, values in family.labels.items() if name not in job.labels and values}
    return tuple(sorted((usual | fixed).items()))


def leaves(rule: Rule, recordings: Mapping[str, Rule]) -> tuple[Selector, ...]:
    """The scraped series that ``rule`` reads in the end: recorded ones are followed to what they are made of."""
    return tuple(dict.fromkeys(_leaves(rule, recordings, ())))


def _leaves(rule: Rule, recordings: Mapping[str, Rule], seen: tuple[str, ...]) -> Iterable[Selector]:
    for selector in rule.query.selectors:
        if selector.metric in seen:
            raise ConfigError(f"the recording {selector.metric} is made of itself", location=rule.location)
        if selector.metric in recordings:
            yield from _leaves(recordings[selector.metric], recordings, (*seen, selector.metric))
        else:
            yield selector


def _contract_families(campaign: Campaign) -> Iterable[tuple[str, Family]]:
    plane = campaign.contract.metrics
    for short, family in plane.families.items() if plane else ():
        name = plane.prefix + short if plane else short
        labels = {label: _values(rule) for label, rule in family.labels.items()}
        patterns = {label: _pattern(rule) for label, rule in family.labels.items() if not rule.one_of}
        kind, buckets = _KINDS.get(family.type, "gauge"), tuple(family.buckets or ())
        yield name, Family(name, kind, labels, buckets, knows_labels=True, patterns=patterns)


def _pattern(rule: LabelRule) -> str:
    return "|".join((f"(?:{rule.pattern or '.+'})", *map(re.escape, rule.also)))


def _values(rule: LabelRule) -> tuple[str, ...]:
    if rule.one_of:
        return tuple(rule.one_of)
    pattern = rule.pattern or ".+"
    return tuple(each for each in _SAMPLES if re.fullmatch(pattern, each)) or ("a",)


def _exposed(campaign: Campaign) -> Iterable[tuple[str, str, Kind]]:
    for each in campaign.profile.stands_for:
        if each.job and each.exposition:
            text = read_text(campaign.profile_source.folder / each.exposition)
            yield from ((each.job, name, _KINDS.get(kind, "gauge")) for name, kind in _TYPE.findall(text))


def _guessed(selector: Selector) -> Family:
    part = _part(selector.metric)
    if part == "_bucket":
        return Family(selector.metric.removesuffix(part), "histogram", {}, _DEFAULT_BUCKETS, is_declared=False)
    counts = selector.function in COUNTING or selector.metric.endswith("_total")
    return Family(selector.metric, "counter" if counts else "gauge", {}, is_declared=False)


def _part(name: str) -> str:
    return "_bucket" if name.endswith("_bucket") else ""


def _jobs(production: Production) -> dict[str, Job]:
    jobs = production.prometheus.jobs if production.prometheus else ()
    return {job.name: Job(job.name, job.interval_s, job.discovery.static_targets, job.discovery.labels) for job in jobs}
