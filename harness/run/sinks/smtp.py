"""The SMTP server behind each port of the mail sink."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from harness.run.sinks.loop import SinkLoop

__all__ = ["SmtpServer", "Take"]

Take = Callable[[str, tuple[str, ...], bytes], Awaitable[str]]
"""Is given the sender, the recipients and the content of a mail, and answers the reply line to it."""


class SmtpServer(SMTP):
    """One connection: hands every mail to ``take``, in the thread of ``loop``. It offers no encryption."""

    def __init__(self, loop: SinkLoop, take: Take) -> None:
        super().__init__(
            _Handler(loop, take),
            hostname="localhost",  # the default asks a name server
            enable_SMTPUTF8=True,
            auth_require_tls=False,
            authenticator=_accept,
            loop=asyncio.get_running_loop(),
        )
        self._sinks = loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have the connection closed with the loop."""
        self._sinks.track(transport)
        super().connection_made(transport)


def _accept(*_login: object) -> AuthResult:
    return AuthResult(success=True)


class _Handler:
    def __init__(self, loop: SinkLoop, take: Take) -> None:
        self._loop, self._take = loop, take

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        text = content.encode() if isinstance(content, str) else content or b""
        try:
            return await self._take(envelope.mail_from or "", tuple(envelope.rcpt_tos), text)
        except Exception as error:  # the server would answer 500 and hide it
            self._loop.fail(error)
            raise
