"""Where mail ends: a real SMTP server that keeps what it is given, decoded, and forwards nothing."""

from __future__ import annotations

import asyncio
import email
import email.policy
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage, MIMEPart
from functools import partial

from harness.run.sinks.loop import Listener, SinkLoop

__all__ = ["Mail", "MailAnswer", "MailSink", "decode_mail"]


@dataclass(frozen=True, slots=True)
class MailAnswer:
    """What a mail is answered with once its text has come: a reply line, after ``delay_s`` or never (``hang``)."""

    reply: str = "250 OK"
    delay_s: float = 0.0
    hang: bool = False


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that arrived, with its envelope and decoded content.

    ``t`` is its arrival in seconds since the epoch; ``receiver`` and ``integration`` are those of the port that it
    came to; ``headers`` are decoded and in order; ``text`` and ``html`` are empty where the mail has no such part;
    ``reply`` is what it is answered with (None: it is left hanging).
    """

    t: float
    receiver: str
    integration: str
    mail_from: str
    rcpt_to: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    reply: str | None

    def header(self, name: str) -> str:
        """First header of that name in any case; empty if there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


class MailSink:
    """SMTP on loopback, a port per integration. ``record`` is called in the sinks' thread with every mail.

    No encryption is offered, and any login is accepted.
    """

    def __init__(self, loop: SinkLoop, record: Callable[[Mail], None]) -> None:
        self._loop, self._record = loop, record
        self._answers: dict[tuple[str, str], MailAnswer] = {}
        self._listeners: dict[tuple[str, str], Listener] = {}

    def address(self, receiver: str, integration: str) -> str:
        """``host:port`` of the smarthost that stands for this integration; opened when first asked for."""
        key = (receiver, integration)
        if key not in self._listeners:
            from harness.run.sinks.smtp import (
                SmtpServer,
            )  # a server that few campaigns need

            self._listeners[key] = self._loop.listen_protocol(lambda: SmtpServer(self._loop, partial(self._take, key)))
        return self._listeners[key].address

    def answer(self, answer: MailAnswer, receiver: str = "", integration: str = "") -> None:
        """Answer so from the next mail on; the most exact setting wins, an empty name stands for all."""
        self._answers[receiver, integration] = answer

    async def _take(self, key: tuple[str, str], sender: str, recipients: tuple[str, ...], content: bytes) -> str:
        """Record a mail and return the reply line to it."""
        keys = (key, (key[0], ""), ("", key[1]), ("", ""))
        answer = next((self._answers[k] for k in keys if k in self._answers), MailAnswer())
        headers, text, html = decode_mail(content)
        reply = None if answer.hang else answer.reply
        self._record(Mail(time.time(), *key, sender, recipients, headers, text, html, reply))
        if answer.hang:
            await asyncio.Event().wait()  # until the client gives up
        await asyncio.sleep(answer.delay_s)
        return answer.reply


def decode_mail(content: bytes) -> tuple[tuple[tuple[str, str], ...], str, str]:
    """Headers, plain text and HTML of a mail; never fails: what cannot be decoded is replaced."""
    message = email.message_from_bytes(content, _class=EmailMessage, policy=email.policy.default)
    headers = tuple((name, str(value)) for name, value in message.items())
    return headers, _part(message, "plain"), _part(message, "html")


def _part(message: EmailMessage, kind: str) -> str:
    part: MIMEPart | None = message.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # an unknown character set
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
