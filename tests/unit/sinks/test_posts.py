"""What integrations post becomes a notice; what they only ask before does not."""

from __future__ import annotations

import pytest

from harness.run.notices import from_post
from harness.run.sinks.webhooks import Received

FORM = "Action=Publish&Message=It+fails.&Subject=%5BRESOLVED%5D+ShopFails+%28eu-1%29&Version=2010-03-31"


def received(integration: str, body: str, kind: str = "application/json") -> Received:
    return Received(1.0, "everybody", integration, "POST", "/", {"Content-Type": kind}, body.encode(), 200)


def test_a_form_is_read_as_people_read_it() -> None:
    notice = from_post("story", received("sns-0", FORM, "application/x-www-form-urlencoded; charset=utf-8"))
    assert notice is not None
    assert (notice.integration, notice.status) == ("sns", "resolved")
    assert notice.title == "[RESOLVED] ShopFails (eu-1)"
    assert "It fails." in notice.text


@pytest.mark.parametrize(
    ("integration", "body"),
    [("wechat-0", ""), ("jira-0", '{"jql": "project = P order by status", "fields": ["status"], "maxResults": 2}')],
)
def test_a_question_is_no_notice(integration: str, body: str) -> None:
    assert from_post("story", received(integration, body)) is None


def test_text_of_no_known_form_is_kept() -> None:
    notice = from_post("story", received("webhook-0", "FIRING: ShopFails", "text/plain"))
    assert notice is not None
    assert (notice.status, notice.title) == ("firing", "FIRING: ShopFails")
