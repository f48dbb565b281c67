"""Credentials and transport security of HTTP clients, as Prometheus and Alertmanager write them."""

from __future__ import annotations

from harness.artefacts.edits import Editor
from harness.core.source import DocumentPath

__all__ = ["CLIENT_KEYS", "strip_client"]

WHY = "credentials and transport security: the local node needs none"
CLIENT_KEYS = (
    "basic_auth",
    "authorization",
    "oauth2",
    "bearer_token",
    "bearer_token_file",
    "tls_config",
    "proxy_url",
    "no_proxy",
    "proxy_from_environment",
    "proxy_connect_header",
    "http_headers",
    "sigv4",
    "azuread",
    "google_iam",
)


def strip_client(editor: Editor, path: DocumentPath, *, keep: frozenset[str] = frozenset()) -> None:
    """Remove everything secret or secured from the HTTP client settings at ``path``, but ``keep``."""
    for key in CLIENT_KEYS:
        if key not in keep:
            editor.remove((*path, key), WHY)
