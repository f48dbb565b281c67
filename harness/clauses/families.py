"""Families of an exposition, as prometheus_client reads them, with every part of a text that comes again read once.

A campaign reads the text of one subject hundreds of times, and from one time to the next little but values changes.
Each block of lines (what belongs to one family) is therefore read by the library once per *shape*, which is the block
without its values, and afterwards only the values are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

__all__ = ["read_families"]

_METADATA: Final = re.compile(r"\n(?=#[ \t]+(?:HELP|TYPE)[ \t])")
_NAMED: Final = re.compile(r'#[ \t]+(?:HELP|TYPE)[ \t]+("(?:[^"\\]|\\.)*"|\S+)')
_SAMPLE: Final = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(?:[^"{}]+|"[^"\\]*(?:\\.[^"\\]*)*")*\})?)[ \t]+([^\s#]+)(?:[ \t]+(-?[0-9]+))?'
)
_MOST_SHAPES: Final = 4096


def read_families(text: str) -> Iterator[Metric]:
    """What ``text_string_to_metric_families`` yields for ``text``; raises what it raises. Labels may be shared."""
    for block in _blocks(text):
        try:
            yield from _read(block)
        except ValueError:  # the library has the better words
            yield from text_string_to_metric_families(block)


def _blocks(text: str) -> Iterator[str]:
    """The text in pieces that the library reads independently of each other: cut where another family's lines begin."""
    held: list[str] = []
    name, has_samples = "", False
    for piece in _METADATA.split(text):
        found = _NAMED.match(piece)
        named = found[1] if found else ""
        if has_samples and named != name:
            yield "\n".join(held)
            held, has_samples = [], False
        held.append(piece)
        name, has_samples = named, has_samples or "\n" in piece or not found
    yield "\n".join(held)


def _read(block: str) -> Sequence[Metric]:
    shape: list[str] = []
    measured: list[tuple[float, float | None]] = []
    for line in block.split("\n"):
        if found := _SAMPLE.fullmatch(line):
            series, value, timestamp = found.groups()
            shape.append(f"{series} 0" if timestamp is None else f"{series} 0 0")
            measured.append((_number(value), None if timestamp is None else int(timestamp) / 1000))
        elif line.startswith("#") or not line:
            shape.append(line)
        else:
            raise ValueError(line)
    values = iter(measured)
    return [_filled(family, values) for family in _families_of("\n".join(shape))]


def _filled(shape: Metric, values: Iterator[tuple[float, float | None]]) -> Metric:
    family = Metric(shape.name, shape.documentation, shape.type, shape.unit)
    family.samples = [Sample(name, labels, *next(values)) for name, labels, *_ in shape.samples]
    return family


@lru_cache(maxsize=_MOST_SHAPES)
def _families_of(shape: str) -> Sequence[Metric]:
    return tuple(text_string_to_metric_families(shape))


@lru_cache(maxsize=65_536)
def _number(text: str) -> float:
    """A value, as the library reads it."""
    if "_" in text:
        raise ValueError(text)
    try:
        return int(text)
    except ValueError:
        return float(text)
