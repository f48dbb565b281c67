"""What people can rely on in the notices of an alert: what they say, how they are grouped, when they come."""

from __future__ import annotations

from harness.contract.quantities import Duration
from harness.contract.strict import Strict

__all__ = ["Addresses", "Notices"]

Addresses = dict[str, str | list[str]]
"""Kind of integration → where it tells: an address of mail, a channel, the host of a webhook."""


class Notices(Strict):
    """Notices of one alert, or of all; what is not written is not promised. Times in production seconds."""

    tell: list[str] = []
    """Annotations, or labels, whose value every notice of a firing alert shows."""
    grouped_by: list[str] | None = None
    first_after: Duration | None = None
    more_after: Duration | None = None
    again_after: Duration | None = None
    recovery: bool | None = None
    """Whether every integration is told that the alert is over."""
    yields_within: list[str] = []
    """Labels that an alert which silences this one has in common with it."""

    def with_own(self, own: Notices) -> Notices:
        """The same with what ``own`` says otherwise."""
        return self.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})
