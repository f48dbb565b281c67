"""What of a production value may be shown: never a password, a token, or the secret part of an address."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["HIDDEN", "public"]

HIDDEN = "(secret)"
_SECRET_KEY = re.compile(
    r"(?:^|[._])(?:password|secret|token|token_id|api_key|routing_key|service_key|user_key|access_key|secret_key|"
    r"credentials|client_secret|bearer_token|auth|authorization|key|kubeconfig)$",
    re.IGNORECASE,
)
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?:[^/@\s]*@)?(?P<host>[^/?#\s]+)[/?#]\S+")


def public(value: Any, key: str = "") -> Any:
    """``value`` with secrets hidden; ``key`` is the key that it stands under. Of an outward URL the host is left."""
    if isinstance(value, dict):
        return {name: public(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [public(inner, key) for inner in value]
    if not isinstance(value, str):
        return value
    return HIDDEN if _SECRET_KEY.search(key) and value != "bound" else _URL.sub(_host_only, value)


def _host_only(found: re.Match[str]) -> str:
    host = found["host"]
    return found[0] if host.startswith(("127.", "localhost", "[::1]")) else f"{found['scheme']}{host}/…"
