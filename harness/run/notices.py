"""From what arrived at a sink to a notification: structured where the medium is, by its words where it is not."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import orjson

from harness.evidence.records import Notification
from harness.run.sinks.mail import Mail
from harness.run.sinks.webhooks import Received

__all__ = ["from_mail", "from_post"]

_STATUS = re.compile(r"\b(FIRING|RESOLVED)\b", re.IGNORECASE)


def from_post(cell: str, received: Received) -> Notification | None:
    """A webhook of Alertmanager, or a post to a chat such as Slack; anything else keeps its text.

    ``None`` for what an integration only asks before it tells: a token, or which issue is open already.
    """
    integration = received.integration.rpartition("-")[0] or received.integration
    try:
        body = orjson.loads(received.body)
    except orjson.JSONDecodeError:
        body = _form(received)
    if not received.body or (isinstance(body, dict) and "jql" in body):
        return None
    if isinstance(body, dict) and isinstance(body.get("alerts"), list):
        return _structured(cell, received, integration, body)
    texts = list(_texts(body)) if body is not None else [received.body.decode("utf-8", "replace")]
    title, text = _title(body) or (texts[0] if texts else ""), "\n".join(texts)
    return Notification(cell, received.t, received.receiver, integration, _status(title, text), "", (), title, text)


def _form(received: Received) -> dict[str, str] | None:
    """The fields of a form, as SNS gets them; ``None`` where the body is none."""
    kind = next((value for name, value in received.headers.items() if name.lower() == "content-type"), "")
    if not kind.startswith("application/x-www-form-urlencoded"):
        return None
    fields = dict(parse_qsl(received.body.decode("utf-8", "replace")))
    # what people read comes first, and under the name that chats give it
    return {"title": fields.pop("Subject", ""), "text": fields.pop("Message", ""), **fields}


def from_mail(cell: str, mail: Mail) -> Notification:
    """A mail: its subject is the title, its text (or, without one, its HTML) the text."""
    integration = mail.integration.rpartition("-")[0] or mail.integration
    title, text = mail.header("subject"), mail.text.strip() or _without_tags(mail.html)
    return Notification(cell, mail.t, mail.receiver, integration, _status(title, text), "", (), title, text)


def _structured(cell: str, received: Received, integration: str, body: dict[str, Any]) -> Notification:
    alerts = tuple(item for item in body["alerts"] if isinstance(item, dict))
    texts = [f"{key}: {value}" for item in alerts for key, value in (item.get("annotations") or {}).items()]
    labels = body.get("groupLabels") or {}
    title = f"[{str(body.get('status', '')).upper()}] {' '.join(map(str, labels.values()))}"
    status, key = str(body.get("status", "")), str(body.get("groupKey", ""))
    return Notification(cell, received.t, received.receiver, integration, status, key, alerts, title, "\n".join(texts))


def _status(title: str, text: str) -> str:
    found = _STATUS.search(title) or _STATUS.search(text)
    return found[1].lower() if found else ""


def _title(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    attachments = body.get("attachments")
    first = attachments[0] if isinstance(attachments, list) and attachments else {}
    for value in (body.get("title"), first.get("title") if isinstance(first, dict) else None, body.get("text")):
        if isinstance(value, str) and value.strip():
            return value
    return ""


_PLUMBING = frozenset(
    {"color", "mrkdwn_in", "channel", "username", "icon_url", "icon_emoji", "title_link", "link_names"}
)


def _texts(body: Any, key: str = "") -> list[str]:
    if isinstance(body, dict):
        return [text for name, value in body.items() if name not in _PLUMBING for text in _texts(value, name)]
    if isinstance(body, list):
        return [text for value in body for text in _texts(value, key)]
    return [body] if isinstance(body, str) and body.strip() else []


def _without_tags(html: str) -> str:
    text = re.sub(r"(?is)<(style|script).*?</\1>|<[^>]+>", " ", html)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)
