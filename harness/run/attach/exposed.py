"""What instances exposed, as far as Prometheus kept it: its series written as the texts that they were scraped from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from harness.contract.planes import Metrics
from harness.run.clients.prometheus import SeriesData

__all__ = ["Types", "selector_of", "texts_of"]

Types = Mapping[str, tuple[str, str]]
"""Family → its type and help text."""
_PARTS: Final = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}
_ALWAYS: Final = frozenset({"job", "instance"})


def selector_of(plane: Metrics, select: Mapping[str, str]) -> str:
    """All series of the families that the contract speaks of, where the labels ``select`` hold."""
    if plane.prefix:
        names = f"{_escaped(plane.prefix)}.+"
    else:
        names = f"(?:{'|'.join(map(_escaped, plane.families))})(?:_bucket|_sum|_count)?"
    narrowed = "".join(f',{name}="{_quoted(value)}"' for name, value in select.items())
    return f'{{__name__=~"{_quoted(names)}"{narrowed}}}'


def _escaped(name: str) -> str:
    return "".join(f"\\{char}" if char in ".+*?()[]{}|^$\\" else char for char in name)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def texts_of(series: Iterable[SeriesData], types: Types, added: Collection[str]) -> dict[str, str]:
    """One text for each instance; ``added`` are labels that the monitoring put on, and no instance exposed.

    A family of ``types`` without a series is in every text, as an instance that has not counted yet exposes it.
    Recorded series (with a colon in their name) are nobody's.
    """
    found: dict[str, dict[str, list[SeriesData]]] = defaultdict(lambda: defaultdict(list))
    for each in series:
        name = each.labels.get("__name__", "")
        if ":" not in name:
            found[each.labels.get("instance", "")][name].append(each)
    dropped = _ALWAYS | set(added) | {"__name__"}
    return {instance: "".join(_text(samples, types, dropped)) for instance, samples in found.items()}


def _text(samples: Mapping[str, Sequence[SeriesData]], types: Types, dropped: Collection[str]) -> Iterator[str]:
    rest = dict(samples)
    for family, (kind, told) in types.items():
        name = f"{family}_total" if kind == "counter" and f"{family}_total" in rest else family
        if told:
            yield f"# HELP {name} {told.replace(chr(92), chr(92) * 2).replace(chr(10), chr(92) + 'n')}\n"
        yield f"# TYPE {name} {kind}\n"
        for part in _PARTS.get(kind, ("",)):
            yield from _lines(f"{name}{part}", rest.pop(f"{name}{part}", ()), dropped)
    for name, found in rest.items():
        yield from _lines(name, found, dropped)


def _lines(name: str, found: Iterable[SeriesData], dropped: Collection[str]) -> Iterator[str]:
    for each in found:
        labels = ",".join(f'{k}="{_quoted(v)}"' for k, v in sorted(each.labels.items()) if k not in dropped)
        value = each.points[-1][1]
        yield f"{name}{{{labels}}} {value!r}\n" if labels else f"{name} {value!r}\n"
