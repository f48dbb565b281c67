"""The mail sink over real SMTP."""

from __future__ import annotations

import queue
import smtplib
import time
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from harness.run.sinks.loop import SinkLoop
from harness.run.sinks.mail import Mail, MailAnswer, MailSink

Arrived = queue.SimpleQueue[Mail]


@pytest.fixture
def arrived() -> Arrived:
    return queue.SimpleQueue()


@pytest.fixture
def sink(arrived: Arrived) -> Iterator[MailSink]:
    with SinkLoop() as loop:
        yield MailSink(loop, arrived.put)


def send(address: str, *, login: bool = False, timeout_s: float = 2.0) -> None:
    message = EmailMessage()
    message["Subject"] = "[FIRING:1] HighErrorRate"
    message["From"], message["To"] = "am@example.org", "oncall@example.org"
    message.set_content("text\n")
    message.add_alternative("<p>html</p>\n", subtype="html")
    host, port = address.split(":")
    with smtplib.SMTP(host, int(port), local_hostname="test", timeout=timeout_s) as client:
        if login:
            client.login("user", "secret")
        client.send_message(message)


def test_a_mail_is_recorded_with_envelope_headers_and_both_parts(sink: MailSink, arrived: Arrived) -> None:
    before = time.time()
    send(sink.address("critical-alerts", "email-0"))
    mail = arrived.get(timeout=1)
    assert (mail.receiver, mail.integration, mail.reply) == ("critical-alerts", "email-0", "250 OK")
    assert (mail.mail_from, mail.rcpt_to) == ("am@example.org", ("oncall@example.org",))
    assert mail.header("subject") == "[FIRING:1] HighErrorRate"
    assert (mail.text.strip(), mail.html.strip()) == ("text", "<p>html</p>")
    assert before <= mail.t <= time.time()


def test_each_integration_has_a_port_of_its_own(sink: MailSink, arrived: Arrived) -> None:
    first, second = sink.address("a", "email-0"), sink.address("b", "email-0")
    assert first != second
    assert first == sink.address("a", "email-0")
    send(second)
    assert arrived.get(timeout=1).receiver == "b"


def test_any_login_is_accepted(sink: MailSink, arrived: Arrived) -> None:
    send(sink.address("a", "email-0"), login=True)
    assert arrived.get(timeout=1).receiver == "a"


def test_a_refusal_reaches_the_client_and_the_record(sink: MailSink, arrived: Arrived) -> None:
    sink.answer(MailAnswer("451 4.3.0 try again"), receiver="a")
    with pytest.raises(smtplib.SMTPDataError) as caught:
        send(sink.address("a", "email-0"))
    assert caught.value.smtp_code == 451
    assert arrived.get(timeout=1).reply == "451 4.3.0 try again"
    send(sink.address("b", "email-0"))
    assert arrived.get(timeout=1).reply == "250 OK"


def test_a_delayed_reply_takes_that_long(sink: MailSink, arrived: Arrived) -> None:
    sink.answer(MailAnswer(delay_s=0.2))
    began = time.monotonic()
    send(sink.address("a", "email-0"))
    assert time.monotonic() - began >= 0.2


def test_a_hanging_server_ends_in_the_clients_time_out_and_still_closes(sink: MailSink, arrived: Arrived) -> None:
    sink.answer(MailAnswer(hang=True))
    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        send(sink.address("a", "email-0"), timeout_s=0.2)
    assert arrived.get(timeout=1).reply is None


def test_what_the_recorder_raises_comes_out_at_the_end() -> None:
    def fail(_mail: Mail) -> None:
        raise RuntimeError("the recorder is full")

    loop = SinkLoop().__enter__()
    address = MailSink(loop, fail).address("a", "email-0")
    with pytest.raises(smtplib.SMTPDataError):
        send(address)
    with pytest.raises(RuntimeError, match="the recorder is full"):
        loop.close()
