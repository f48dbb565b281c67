"""Mail as Alertmanager writes it, and mail that is broken, becomes headers, text and HTML."""

from __future__ import annotations

from email.message import EmailMessage

from harness.run.sinks.mail import Mail, decode_mail


def test_both_parts_of_a_multipart_mail_are_decoded() -> None:
    message = EmailMessage()
    message["Subject"] = "[FIRING:1] Größe über Schwelle"
    message["To"] = "oncall@example.org"
    message.set_content("plain ü\n")
    message.add_alternative("<p>html ü</p>\n", subtype="html", cte="quoted-printable")
    headers, text, html = decode_mail(message.as_bytes())
    assert dict(headers)["Subject"] == "[FIRING:1] Größe über Schwelle"
    assert (text, html) == ("plain ü\n", "<p>html ü</p>\n")


def test_a_mail_with_html_alone_has_no_text() -> None:
    content = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>x</b>\r\n--b--\r\n"
    )
    _, text, html = decode_mail(content)
    assert (text, html.strip()) == ("", "<b>x</b>")


def test_an_unknown_character_set_is_replaced_not_refused() -> None:
    _, text, _ = decode_mail(b"Content-Type: text/plain; charset=nonsense\r\n\r\nfire\xff\r\n")
    assert text.startswith("fire")
    assert "�" in text


def test_no_content_at_all_is_an_empty_mail() -> None:
    assert decode_mail(b"") == ((), "", "")


def test_headers_are_found_in_any_case_and_absent_ones_are_empty() -> None:
    mail = Mail(0.0, "r", "email-0", "a@b", ("c@d",), (("Subject", "one"), ("subject", "two")), "", "", "250 OK")
    assert mail.header("SUBJECT") == "one"
    assert mail.header("X-Absent") == ""
