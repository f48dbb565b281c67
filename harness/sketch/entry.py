"""How the metrics of a service are entered: variables that hold the secrets, which files name and nothing tells."""

from __future__ import annotations

import os
from base64 import b64encode
from dataclasses import dataclass

from harness.core.errors import ConfigError
from harness.sketch.draft import bare

__all__ = ["Entry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A user with a password, or a bearer; all empty where the metrics are open to everybody."""

    username: str = ""
    password_from: str = ""
    bearer_from: str = ""

    def __post_init__(self) -> None:
        """Raises ``ConfigError`` for half an entry, and for two."""
        if bool(self.username) != bool(self.password_from):
            raise ConfigError("--username and --password-from go together", remedy="name both, or neither")
        if self.username and self.bearer_from:
            raise ConfigError("--username and --bearer-from are two ways in", remedy="choose one of them")

    def headers(self) -> dict[str, str]:
        """What opens the metrics; raises ``ConfigError`` where a variable is not set."""
        if self.bearer_from:
            return {"Authorization": f"Bearer {_held(self.bearer_from)}"}
        if self.username:
            pair = f"{self.username}:{_held(self.password_from)}"
            return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        return {}

    @property
    def written(self) -> str:
        """How a profile says it, after what else stands in the braces; empty where there is nothing to say."""
        if self.bearer_from:
            return f", credentials: {{bearer_from: {bare(self.bearer_from)}}}"
        if self.username:
            return f", credentials: {{username: {bare(self.username)}, password_from: {bare(self.password_from)}}}"
        return ""


def _held(variable: str) -> str:
    value = os.environ.get(variable, "")
    if not value:
        raise ConfigError(f"the variable {variable} is not set", remedy=f"export {variable}=…, here and for the gate")
    return value
