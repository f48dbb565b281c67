"""Which lines of a log a filebeat.yml leaves out on purpose: line filters, and processors that drop events.

Read off the file alone, processor by processor: where a condition asks for what an earlier processor may have changed,
or a script may drop what it likes, nobody can tell from a line what becomes of it, and that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from harness.artefacts.filebeat_conditions import Condition, condition_of, go_regexp
from harness.artefacts.filebeat_config import FilebeatConfig, FilebeatInput, Processor
from harness.artefacts.filebeat_events import View, after, at_entry, inner, json_of, listed, settings_of

__all__ = ["Dropping", "Fate", "dropping_of"]

Fields = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Fate:
    """Whether a line is left out (``None``: nobody can tell), and the place of the file that says so."""

    is_dropped: bool | None
    words: str = ""


@dataclass(frozen=True, slots=True)
class _Drop:
    """One place that leaves lines out: those of which it ``holds``, by their text and fields."""

    words: str
    holds: Callable[[str, Fields], bool | None]


@dataclass(frozen=True, slots=True)
class Dropping:
    """What a filebeat.yml leaves out of one log; false where it takes everything."""

    drops: tuple[_Drop, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.drops)

    def fate(self, text: str, fields: Fields) -> Fate:
        """What becomes of a line: its ``text``, and its ``fields`` where it is a JSON object."""
        unknown = ""
        for drop in self.drops:
            found = drop.holds(text, fields)
            if found:
                return Fate(True, drop.words)
            if found is None:
                unknown = unknown or drop.words
        return Fate(None, unknown) if unknown else Fate(False)


def dropping_of(config: FilebeatConfig, patterns: Iterable[str]) -> Dropping:
    """What the input that reads one of ``patterns`` leaves out, and the processors behind it."""
    wanted = set(patterns)
    for each in config.inputs:
        if each.enabled and wanted & set(each.paths):
            return Dropping(tuple(_drops(config, each)))
    return Dropping()


def _drops(config: FilebeatConfig, each: FilebeatInput) -> Iterator[_Drop]:
    json = json_of(each)
    key = str((json or {}).get("message_key", ""))
    for item in each.filters:
        yield _Drop(_told(item), partial(_filtered, item, key))
    yield from _chain((*each.processors, *config.processors), at_entry(config, each), ())


def _filtered(item: Processor, key: str, text: str, fields: Fields) -> bool | None:
    """Whether a line filter leaves the line out; with ``key`` it looks at that field of a JSON object."""
    if key:
        value = (fields or {}).get(key, "")
        text = value if isinstance(value, str) else ""
    patterns = [go_regexp(str(pattern)) for pattern in listed(item.settings)]
    found = [None if pattern is None else pattern.search(text) is not None for pattern in patterns]
    if True not in found and None in found:
        return None
    return (True in found) == (item.name == "exclude_lines")


def _chain(items: Sequence[Processor], view: View, under: tuple[Condition, ...]) -> Iterator[_Drop]:
    for item in items:
        yield from _drops_of(item, view, under)
        view = after(item, view, always=not under)


def _drops_of(item: Processor, view: View, under: tuple[Condition, ...]) -> Iterator[_Drop]:
    kind, settings = settings_of(item)
    if kind == "if":
        held = condition_of(item.settings.get("if"))
        yield from _chain(inner(item, "then"), view, (*under, held))
        yield from _chain(inner(item, "else"), view, (*under, _opposite(held)))
    elif kind == "drop_event":
        own = (condition_of(settings["when"]),) if "when" in settings else ()
        yield _Drop(_told(item), partial(_all_hold, (*under, *own), view))
    elif kind == "rate_limit" or (kind == "script" and _may_cancel(settings)):
        yield _Drop(_told(item), lambda _text, _fields: None)


def _all_hold(conditions: Sequence[Condition], view: View, text: str, fields: Fields) -> bool | None:
    found = [condition(partial(view.lookup, text, fields)) for condition in conditions]
    return False if False in found else None if None in found else True


def _opposite(condition: Condition) -> Condition:
    def holds(lookup: Callable[[str], Any]) -> bool | None:
        found = condition(lookup)
        return None if found is None else not found

    return holds


def _may_cancel(settings: Mapping[str, Any]) -> bool:
    """Whether a script drops events, or stands in a file of its own."""
    return bool({"file", "files"} & settings.keys()) or "Cancel" in str(settings.get("source", ""))


def _told(item: Processor) -> str:
    return f"{item.location}: {item.name.partition('.')[0]}"
