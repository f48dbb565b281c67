"""alertmanager.yml bound to one cell: times by the clock, every integration to the sink that stands for it."""

from __future__ import annotations

import re
from typing import Any

from harness.artefacts.alertmanager_config import (
    RESOLVE_TIMEOUT_S,
    AlertmanagerConfig,
    Integration,
    Receiver,
    read_alertmanager,
)
from harness.artefacts.bind_common import default_duration, files, scale_duration
from harness.artefacts.clock import Clock
from harness.artefacts.edits import BoundArtefact, Editor
from harness.artefacts.integrations import INTEGRATIONS, IntegrationKind
from harness.artefacts.scan import refuse_unbound
from harness.artefacts.topology import Topology
from harness.artefacts.transport import strip_client
from harness.core.source import Document, DocumentPath, nearest

__all__ = ["ALERTMANAGER_FLAGS", "bind_alertmanager"]

# Without an empty address Alertmanager waits about ten seconds for peers that never come.
ALERTMANAGER_FLAGS = ("--cluster.listen-address=",)

_ROUTE_DEFAULTS_S = {"group_wait": 30.0, "group_interval": 300.0, "repeat_interval": 14400.0}
_GLOBAL_SECRETS = re.compile(
    r"_(?:url|file|key|token|token_id|secret|password|username|identity|smarthost|tls_config)$"
)
_GLOBAL_OTHERS = ("http_config", "smtp_require_tls", "smtp_force_implicit_tls")
_NEEDLESS = "credentials and transport security: the sink needs none"
_CONTENT = frozenset(
    {
        *("title_link", "client_url", "icon_url", "image_url", "thumb_url", "avatar_url", "author_link", "author_icon"),
        *("footer_icon", "links", "images", "actions", "fields", "details", "text", "html", "title", "message"),
        *("description", "summary", "content", "pretext", "fallback", "footer", "note", "source", "headers", "subject"),
        *("custom_fields", "attributes", "attachments", "props", "message_text", "url_title", "matchers", "templates"),
        *("match", "match_re", "source_match", "source_match_re", "source_matchers"),
        *("target_match", "target_match_re", "target_matchers", "time_intervals", "mute_time_intervals"),
        *("state_message", "entity_display_name", "monitoring_tool", "payload", "times"),
    }
)


def bind_alertmanager(document: Document, topology: Topology, clock: Clock) -> BoundArtefact:
    """The configuration as it runs here; raises ``ConfigError`` with every integration that nothing binds."""
    config = read_alertmanager(document)
    editor = Editor(document)
    _times(editor, clock, config)
    files(editor, topology, ("templates",), "template")
    for receiver in config.receivers:
        _receiver(editor, topology, receiver)
    for key in list(editor.get(("global",)) or {}):
        if _GLOBAL_SECRETS.search(key) or key in _GLOBAL_OTHERS:
            editor.remove(("global", key), f"{_NEEDLESS}; each integration has its own address")
    editor.remove(("tracing",), "addresses: traces of Alertmanager itself are not sent")
    refuse_unbound(editor, topology, _CONTENT)
    return editor.finish("name in the topology the sink of every integration")


def _times(editor: Editor, clock: Clock, config: AlertmanagerConfig) -> None:
    if clock.speed == 1:
        return
    if not isinstance(editor.get(("global",)), dict):
        editor.set(("global",), {}, "clock: defaults that the file does not write")
    default_duration(editor, clock, ("global", "resolve_timeout"), RESOLVE_TIMEOUT_S)
    for name, default_s in _ROUTE_DEFAULTS_S.items():
        default_duration(editor, clock, ("route", name), default_s)
    for route in list(config.route.walk())[1:]:
        for name in _ROUTE_DEFAULTS_S:
            scale_duration(editor, clock, (*route.path, name))
    for route in config.route.walk():
        if route.mute_time_intervals or route.active_time_intervals:
            editor.warnings.append(
                f"{route.location}: time intervals follow the wall calendar: "
                "what this route does depends on when the test runs"
            )


def _receiver(editor: Editor, topology: Topology, receiver: Receiver) -> None:
    for integration in reversed(receiver.integrations):
        name = f"{integration.kind}-{integration.index}"
        sink = topology.sinks.get((receiver.name, name))
        kind = INTEGRATIONS.get(integration.kind)
        if kind is None:
            hint = nearest(integration.kind, INTEGRATIONS)
            editor.problem(
                integration.path, f"the integration kind {integration.kind!r} is unknown here {hint}".rstrip()
            )
        elif sink is None:
            editor.problem(integration.path, f"nothing stands for {name} of the receiver {receiver.name!r}")
        elif not kind.address or _is_legacy_pagerduty(editor, integration):
            _as_webhook(editor, receiver, integration, sink)
        else:
            _point(editor, integration, kind, sink)


def _point(editor: Editor, integration: Integration, kind: IntegrationKind, sink: str) -> None:
    path = integration.path
    why = f"addresses: the sink of {integration.kind}-{integration.index} of {integration.receiver}"
    for key in kind.drop:
        editor.remove((*path, key), _NEEDLESS)
    for key, value in kind.put.items():
        editor.set((*path, key), value, _NEEDLESS)
    if editor.get((*path, "chat_id_file")) is not None:
        editor.remove((*path, "chat_id_file"), _NEEDLESS)
        editor.set((*path, "chat_id"), 1, _NEEDLESS)
    _client(editor, (*path, "http_config"), kind)
    editor.set((*path, kind.address), sink, why)


def _client(editor: Editor, path: DocumentPath, kind: IntegrationKind) -> None:
    if editor.get(path) is not None:
        strip_client(editor, path, keep=frozenset(kind.client))
    elif kind.client:
        editor.set(path, {}, _NEEDLESS)
    for key, value in kind.client.items():
        editor.set((*path, key), value, _NEEDLESS)


def _is_legacy_pagerduty(editor: Editor, integration: Integration) -> bool:
    written = editor.get(integration.path)
    return integration.kind == "pagerduty" and bool({"service_key", "service_key_file"} & written.keys())


def _as_webhook(editor: Editor, receiver: Receiver, integration: Integration, sink: str) -> None:
    """The address of this kind is compiled into Alertmanager: a webhook takes its place."""
    why = f"addresses: {integration.kind} cannot be pointed elsewhere; a webhook tells of its pages"
    editor.remove(integration.path, why)
    above: DocumentPath = (*receiver.path, "webhook_configs")
    if editor.get(above) is None:
        editor.set(above, [], why, source=integration.path)
    entry: dict[str, Any] = {"url": sink, "send_resolved": integration.send_resolved}
    editor.insert((*above, len(editor.get(above))), entry, why, source=integration.path)
    editor.warnings.append(f"{integration.location}: {why}: its payload is not proved")
