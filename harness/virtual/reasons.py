"""Why a condition has no test: the generator cannot make it, or there is nothing to make."""

from __future__ import annotations

__all__ = ["NotApplicableError", "NotGeneratedError"]


class NotGeneratedError(Exception):
    """The generator cannot make inputs for this; nothing is known of the alert under the condition."""


class NotApplicableError(Exception):
    """The condition means nothing for this alert, such as a burst of a gauge."""
