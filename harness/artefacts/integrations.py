"""How each kind of Alertmanager integration is pointed elsewhere, and what its notifier must be answered.

Kinds whose address is compiled into Alertmanager cannot be pointed anywhere: they become webhooks, so
that routing, grouping and timing are still seen, and their payload is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ANSWERS", "INTEGRATIONS", "IntegrationKind"]

PLACEHOLDER = "bound"


@dataclass(frozen=True, slots=True)
class IntegrationKind:
    """What to change in one integration: ``drop`` keys go, ``put`` keys come, ``client`` ones in its http_config.

    ``address`` is the key that takes the address of the sink; empty: the address is compiled in.
    """

    address: str
    drop: tuple[str, ...] = ()
    put: Mapping[str, Any] = field(default_factory=dict)
    client: Mapping[str, Any] = field(default_factory=dict)


_SIGNED = {"region": "us-east-1", "access_key": PLACEHOLDER, "secret_key": PLACEHOLDER}

INTEGRATIONS: Mapping[str, IntegrationKind] = {
    "webhook": IntegrationKind("url", ("url_file",)),
    "slack": IntegrationKind("api_url", ("api_url_file", "app_token", "app_token_file", "app_url")),
    "pagerduty": IntegrationKind("url", ("routing_key_file",), {"routing_key": PLACEHOLDER}),
    "opsgenie": IntegrationKind("api_url", ("api_key_file",), {"api_key": PLACEHOLDER}),
    "victorops": IntegrationKind("api_url", ("api_key_file",), {"api_key": PLACEHOLDER}),
    "telegram": IntegrationKind("api_url", ("bot_token_file",), {"bot_token": PLACEHOLDER}),
    "discord": IntegrationKind("webhook_url", ("webhook_url_file",)),
    "msteams": IntegrationKind("webhook_url", ("webhook_url_file",)),
    "msteamsv2": IntegrationKind("webhook_url", ("webhook_url_file",)),
    "mattermost": IntegrationKind("webhook_url", ("webhook_url_file",)),
    "webex": IntegrationKind("api_url", client={"authorization": {"credentials": PLACEHOLDER}}),
    "wechat": IntegrationKind("api_url", ("api_secret_file",), {"api_secret": PLACEHOLDER}),
    "sns": IntegrationKind("api_url", put={"sigv4": _SIGNED}),
    "jira": IntegrationKind("api_url"),
    "rocketchat": IntegrationKind(
        "api_url", ("token_file", "token_id_file"), {"token": PLACEHOLDER, "token_id": PLACEHOLDER}
    ),
    "incidentio": IntegrationKind("url", ("url_file", "alert_source_token_file"), {"alert_source_token": PLACEHOLDER}),
    "email": IntegrationKind(
        "smarthost",
        (
            "auth_username",
            "auth_password",
            "auth_password_file",
            "auth_secret",
            "auth_secret_file",
            "auth_identity",
            "tls_config",
            "force_implicit_tls",
        ),
        {"require_tls": False},
    ),
    "pushover": IntegrationKind(""),
}

_TELEGRAM = '{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"}}}'
_SNS = (
    '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId>'
    "</PublishResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PublishResponse>"
)

# Bodies of a 200 answer without which the notifier of that kind reports a failed delivery.
ANSWERS: Mapping[str, str] = {
    "telegram": _TELEGRAM,
    "wechat": '{"access_token":"bound","errcode":0,"errmsg":"ok"}',
    "rocketchat": '{"success":true}',
    "sns": _SNS,
    "jira": '{"total":0,"issues":[],"key":"BOUND-1"}',
}
