"""What promtool got, read back from its JUnit report: the one output that names the test of every failure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import orjson

from harness.core.errors import MachineError
from harness.core.units import parse_duration

__all__ = ["Findings", "FiredAlert", "Sample", "read_findings"]

_EXPRESSION: Final = re.compile(
    r'\s*expr: (?P<expr>"(?:\\.|[^"\\])*"), time: (?P<time>\S+),\n\s*exp: .*\n\s*got: (?P<got>.*)', re.DOTALL
)
_ALERT: Final = re.compile(r"alertname: (?P<alert>.+), time: (?P<time>\S+), \n.*\n\s*got:(?P<got>.*)", re.DOTALL)
_FIRED: Final = re.compile(r"Labels:(?P<labels>\{.*\})\s*\n\s*Annotations:(?P<notes>\{.*\})")
_LABEL: Final = re.compile(r'(?P<name>"(?:\\.|[^"\\])*"|[\w:]+)=(?P<value>"(?:\\.|[^"\\])*")')
_SAMPLE: Final = re.compile(r'(?P<labels>\{(?:"(?:\\.|[^"\\])*"|[^"}])*\}) (?P<value>[^\s,]+)')


@dataclass(frozen=True, slots=True)
class Sample:
    """One element of an instant vector."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class FiredAlert:
    """One firing alert with its rendered annotations."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(slots=True)
class Findings:
    """Answers of one experiment, filled while its report is read; what is not there was empty."""

    answers: dict[tuple[str, float], tuple[Sample, ...]] = field(default_factory=dict)
    fired: dict[str, tuple[FiredAlert, ...]] = field(default_factory=dict)
    error: str = ""
    """Why promtool gave the experiment up, such as a rule that could not be evaluated."""

    def at(self, expression: str, at_s: float) -> tuple[Sample, ...]:
        """What ``expression`` was at ``at_s``."""
        return self.answers.get((expression, round(at_s, 3)), ())


def read_findings(report: Path) -> dict[str, Findings]:
    """Findings by the name of the experiment, from the JUnit report that promtool wrote a moment ago."""
    try:
        root = ElementTree.parse(report).getroot()  # noqa: S314 - written by our own child process
    except (OSError, ElementTree.ParseError) as error:
        raise MachineError(f"promtool's report cannot be read: {error}") from None
    found: dict[str, Findings] = {}
    for case in root.iter("testcase"):
        findings = found.setdefault(case.get("name", ""), Findings())
        for failure in case.iter("failure"):
            _add(findings, failure.text or "")
    return found


def _add(findings: Findings, text: str) -> None:
    if asked := _EXPRESSION.fullmatch(text):
        key = (str(orjson.loads(asked["expr"])), parse_duration(asked["time"]))
        findings.answers[key] = tuple(_samples(asked["got"]))
    elif alert := _ALERT.search(text):
        findings.fired[alert["alert"]] = tuple(
            FiredAlert(_labels(each["labels"]), _labels(each["notes"])) for each in _FIRED.finditer(alert["got"])
        )
    else:
        findings.error = findings.error or " ".join(text.split())


def _samples(text: str) -> list[Sample]:
    return [Sample(_labels(each["labels"]), float(each["value"])) for each in _SAMPLE.finditer(text)]


def _labels(text: str) -> dict[str, str]:
    return {_plain(each["name"]): _plain(each["value"]) for each in _LABEL.finditer(text)}


def _plain(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        return str(orjson.loads(text))
    except orjson.JSONDecodeError:  # Go quotes a few bytes in its own way, such as \x00
        return text[1:-1]
