"""The receivers of one cell: a sink for every integration, what arrives there, and what is refused on purpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from harness.artefacts.alertmanager_config import AlertmanagerConfig
from harness.artefacts.integrations import ANSWERS
from harness.evidence.records import Notification
from harness.run.notices import from_mail, from_post
from harness.run.sinks.loop import SinkLoop
from harness.run.sinks.mail import Mail, MailAnswer, MailSink
from harness.run.sinks.web import Answer
from harness.run.sinks.webhooks import Received, WebhookSink

__all__ = ["Receivers"]

Key = tuple[str, str]
_DOWN = Answer(503, b"refused on purpose\n")
_MAIL_DOWN = MailAnswer("451 4.3.2 refused on purpose")
"""Both are answers after which Alertmanager tries again, as after those of a server that is down."""


class Receivers:
    """``addresses`` maps (receiver, integration such as ``slack-0``) to its sink. ``record`` is told what arrived.

    A delivery that was refused has told nobody: it is counted by its kind, and is no notification.
    """

    def __init__(
        self, loop: SinkLoop, cell: str, config: AlertmanagerConfig, record: Callable[[Notification], None]
    ) -> None:
        self._cell, self._record = cell, record
        self._names: dict[Key, str] = {}
        self._kinds: dict[Key, str] = {}
        self._refused: Counter[str] = Counter()
        self._web, self._mail = WebhookSink(loop, self._posted), MailSink(loop, self._mailed)
        self.addresses: Mapping[Key, str] = dict(self._open(config))

    def _open(self, config: AlertmanagerConfig) -> list[tuple[Key, str]]:
        found: list[tuple[Key, str]] = []
        for receiver in config.receivers:
            for name, item in receiver.named().items():
                key = (receiver.name, f"{item.kind}-{item.index}")
                self._names[key], self._kinds[key] = name, item.kind
                found.append((key, self._mail.address(*key) if item.kind == "email" else self._web.url(*key)))
                self._answer(key)
        return found

    def refuse(self, kind: str, on: bool) -> None:
        """Refuse every delivery by integrations of ``kind`` from now on, or accept them again."""
        for key in [key for key, own in self._kinds.items() if own == kind]:
            self._answer(key, refused=on)

    def refused(self, kind: str) -> int:
        """Deliveries of ``kind`` that were refused so far."""
        return self._refused[kind]

    def _answer(self, key: Key, *, refused: bool = False) -> None:
        kind = self._kinds[key]
        if kind == "email":
            self._mail.answer(_MAIL_DOWN if refused else MailAnswer(), *key)
            return
        usual = Answer(body=ANSWERS[kind].encode(), content_type="application/json") if kind in ANSWERS else Answer()
        self._web.answer(_DOWN if refused else usual, *key)

    def _posted(self, it: Received) -> None:
        self._told((it.receiver, it.integration), it.status == Answer().status, from_post(self._cell, it))

    def _mailed(self, it: Mail) -> None:
        accepted = it.reply is not None and it.reply.startswith("2")
        self._told((it.receiver, it.integration), accepted, from_mail(self._cell, it))

    def _told(self, key: Key, accepted: bool, notice: Notification | None) -> None:
        if notice is None:
            return
        if accepted:
            self._record(replace(notice, integration=self._names.get(key, notice.integration)))
        else:
            self._refused[self._kinds.get(key, notice.integration)] += 1
