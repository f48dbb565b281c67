"""What is known of an event at each place of Filebeat's chain of processors, from the line that it was alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from harness.artefacts import dotted
from harness.artefacts.filebeat_conditions import UnknownFieldError, value_in
from harness.artefacts.filebeat_config import FilebeatConfig, FilebeatInput, Processor

__all__ = ["View", "after", "at_entry", "inner", "json_of", "listed", "settings_of"]


@dataclass(frozen=True, slots=True)
class View:
    """Where the fields of the line stand by now, what the file itself has given, and what may have been changed."""

    decoded: tuple[str, ...] = ()
    """Keys below which the fields of the line stand; the empty one is the root."""
    message: Literal["line", "either", "own"] = "line"
    """What ``message`` is: the text of the line, or its field of that name where it has one (``own``: else unknown)."""
    given: Mapping[str, Any] = field(default_factory=dict)
    clouded: frozenset[str] = frozenset()
    all_clouded: bool = False

    def clouding(self, names: Iterable[str]) -> View:
        """After something that may have changed these fields."""
        return replace(self, clouded=self.clouded | set(names))

    def lookup(self, text: str, fields: Mapping[str, Any] | None, path: str) -> Any:
        """The value at ``path`` of what a line has become; raises ``KeyError`` or ``UnknownFieldError``."""
        if self.all_clouded or any(_meet(path, name) for name in self.clouded | _FILEBEATS):
            raise UnknownFieldError(path)
        if path == "message" and (self.message == "line" or "message" not in (fields or {})):
            if self.message == "own":
                raise UnknownFieldError(path)
            return text
        for above in self.decoded:
            within = path.removeprefix(f"{above}.") if above else path
            try:
                if not above or within != path:
                    return value_in(fields or {}, within)
            except KeyError:
                continue
        return value_in(self.given, path)


_FILEBEATS: Final = frozenset(
    {"@timestamp", "@metadata", "agent", "ecs", "host", "input", "log.file", "log.offset", "stream"}
)
"""What Filebeat adds, and what differs between this run and production."""


def at_entry(config: FilebeatConfig, each: FilebeatInput) -> View:
    """What is known when an event of the input enters the chain."""
    given: dict[str, Any] = {}
    for settings in (config.settings, each.settings):
        fields = settings.get("fields") or {}
        given |= fields if settings.get("fields_under_root") else {"fields": {**given.get("fields", {}), **fields}}
        given["tags"] = [*given.get("tags", []), *listed(settings.get("tags"))]
    view = View(given={name: value for name, value in given.items() if value})
    json = json_of(each)
    if json is None:
        return view
    root = bool(json.get("keys_under_root")) or json.get("target") == ""
    return replace(view, decoded=("",) if root else (str(json.get("target") or "json"),), message="own")


def json_of(each: FilebeatInput) -> Mapping[str, Any] | None:
    """How the input itself decodes JSON; ``None`` where it does not."""
    for parser in listed(each.settings.get("parsers")):
        if isinstance(parser, dict) and "ndjson" in parser:
            return parser["ndjson"] or {}
    flat = {name: dotted.value_at(each.settings, path) for name, path in dotted.flat(dict(each.settings))}
    found = {name.removeprefix("json."): value for name, value in flat.items() if name.startswith("json.")}
    return found or None


def after(item: Processor, view: View, *, always: bool) -> View:
    """What is known once the processor has done its work; ``always``: it stands under no condition."""
    kind, settings = settings_of(item)
    if kind == "if":
        for each in (*inner(item, "then"), *inner(item, "else")):
            view = after(each, view, always=False)
        return view
    if kind in ("drop_event", "rate_limit"):
        return view
    if kind == "decode_json_fields" and settings.get("fields") == ["message"] and always and "when" not in settings:
        return _decoded(settings, view)
    touched = _touched(kind, settings)
    return replace(view, all_clouded=True) if touched is None else view.clouding(touched)


def _decoded(settings: Mapping[str, Any], view: View) -> View:
    target = settings.get("target")
    if target:
        return replace(view, decoded=(*view.decoded, str(target)))
    if target is None:  # what was decoded takes the place of the text
        return view.clouding(["message"])
    message = "either" if settings.get("overwrite_keys") and view.message == "line" else view.message
    return replace(view, decoded=("", *view.decoded), message=message)


def _touched(kind: str, settings: Mapping[str, Any]) -> list[str] | None:
    """Fields that a processor may change; ``None`` where it may be any of them."""
    if kind in ("rename", "copy_fields", "convert"):
        pairs = [each for each in listed(settings.get("fields")) if isinstance(each, Mapping)]
        return [str(each[end]) for each in pairs for end in ("from", "to") if end in each]
    if kind in ("drop_fields", "truncate_fields"):
        return [str(name) for name in listed(settings.get("fields"))]
    if kind == "add_fields":
        target = settings.get("target", "fields")
        return [str(target)] if target else [str(name) for name in settings.get("fields") or {}]
    if kind == "dissect":
        prefix = str(settings.get("target_prefix", "dissect"))
        return [prefix] if prefix else None
    usual = _TARGETS.get(kind)
    return None if usual is None else [str(settings.get("target_field") or settings.get("target") or usual), usual]


_TARGETS: Final = {
    "timestamp": "@timestamp",
    "add_tags": "tags",
    "add_labels": "labels",
    "add_host_metadata": "host",
    "add_observer_metadata": "observer",
    "add_cloud_metadata": "cloud",
    "add_docker_metadata": "container",
    "add_kubernetes_metadata": "kubernetes",
    "add_process_metadata": "process",
    "add_locale": "event.timezone",
    "add_id": "@metadata",
    "fingerprint": "fingerprint",
}
"""Processors that change one field, or what stands below it."""


def settings_of(item: Processor) -> tuple[str, Mapping[str, Any]]:
    """Kind and settings of a processor, also where they are written with dots: ``drop_event.when.equals: …``."""
    kind, _, rest = item.name.partition(".")
    found = {rest: item.settings} if rest else item.settings
    settings = dict(found) if isinstance(found, Mapping) else {}
    for key in [key for key in settings if str(key).startswith("when.")]:
        settings["when"] = {str(key).removeprefix("when."): settings[key]}
    return kind, settings


def inner(item: Processor, name: str) -> tuple[Processor, ...]:
    """Processors below ``then`` or ``else``."""
    data = item.settings if isinstance(item.settings, Mapping) else {}
    found = []
    for each in listed(data.get(name)):
        if isinstance(each, Mapping) and each:
            key = "if" if "if" in each else str(next(iter(each)))
            found.append(Processor(key, each if key == "if" else each[key], item.path, item.location))
    return tuple(found)


def _meet(path: str, name: str) -> bool:
    """Whether one of two fields is the other, or holds it."""
    return f"{path}.".startswith(f"{name}.") or f"{name}.".startswith(f"{path}.")


def listed(value: Any) -> list[Any]:
    """What a key that takes one or several holds."""
    return value if isinstance(value, list) else [] if value is None else [value]
