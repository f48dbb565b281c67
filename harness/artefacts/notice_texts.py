"""What an integration of Alertmanager says and where: its templates, the defaults of its kind included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from harness.artefacts.alertmanager_config import Integration
from harness.core.source import Document

__all__ = ["Text", "address_of", "is_told_apart", "texts_of"]

_DEFAULTS: Final[Mapping[str, tuple[str, ...]]] = {
    "email": ("subject", "html"),
    "slack": ("title", "text", "fallback"),
    "pagerduty": ("description", "instances"),
    "opsgenie": ("message", "description"),
    "victorops": ("state_message", "entity_display_name"),
    "pushover": ("title", "message"),
    "telegram": ("message",),
    "discord": ("title", "message"),
    "msteams": ("title", "text", "summary"),
    "msteamsv2": ("title", "text"),
    "mattermost": ("text",),
    "rocketchat": ("title", "text"),
    "webex": ("message",),
    "wechat": ("message",),
    "sns": ("subject", "message"),
    "jira": ("summary", "description"),
}
"""Fields that a kind fills by a template of Alertmanager's own, ``KIND.default.FIELD``, where the file writes none."""
_WORDS: Final = frozenset(
    {*("title", "text", "message", "description", "summary", "html", "subject", "state_message", "fallback"),
     *("pretext", "value", "note", "content", "body")}
)  # fmt: skip
_OWN_STATES: Final = frozenset({"webhook", "pagerduty", "opsgenie", "victorops", "incidentio", "jira"})
_ADDRESSES: Final = {
    "email": "to", "slack": "channel", "mattermost": "channel", "rocketchat": "channel", "webhook": "url",
    "telegram": "chat_id", "webex": "room_id", "sns": "topic_arn", "jira": "project", "wechat": "to_party",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """One templated field of an integration: ``name`` as in ``title`` or ``headers.Subject``."""

    name: str
    template: str
    is_written: bool = True

    @property
    def is_html(self) -> bool:
        """Whether it is escaped as HTML is."""
        return self.name == "html"

    @property
    def is_for_people(self) -> bool:
        """Whether it holds words: an empty one leaves a hole. Links, pictures and colours may be left out."""
        return self.name.lower().rpartition(".")[2] in _WORDS


def texts_of(document: Document, integration: Integration) -> tuple[Text, ...]:
    """The fields that hold a template, and those that Alertmanager fills by one of its own."""
    written = dict(_strings(_settings(document, integration)))
    last = {name.lower().rpartition(".")[2] for name in written}
    defaults = (name for name in _DEFAULTS.get(integration.kind, ()) if name not in last)
    return (
        *(Text(name, text) for name, text in written.items() if "{{" in text),
        *(Text(name, _default(integration.kind, name), False) for name in defaults),
    )


def _default(kind: str, name: str) -> str:
    about = ".Alerts.Firing" if name == "instances" else "."
    return f'{{{{ template "{kind}.default.{name}" {about} }}}}'


def address_of(document: Document, integration: Integration) -> str:
    """Where it tells, as far as that is no secret: of a webhook the host alone; empty where the kind has none."""
    value = _settings(document, integration).get(_ADDRESSES.get(integration.kind, ""), "")
    return (urlsplit(str(value)).netloc.rpartition("@")[2]) if integration.kind == "webhook" else str(value)


def is_told_apart(integration: Integration) -> bool:
    """Whether a message of this kind says by itself whether its alert is over."""
    return integration.kind in _OWN_STATES


def _settings(document: Document, integration: Integration) -> dict[str, Any]:
    found: Any = document.data
    for step in integration.path:
        found = found[step]
    return dict(found)


def _strings(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _strings(each, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _strings(each, f"{name}.{index}")
    elif isinstance(value, str):
        yield name, value
