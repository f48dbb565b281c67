"""Where an instance is in its life."""

from __future__ import annotations

__all__ = ["Lifecycle"]


class Lifecycle:
    """``initializing``, then ``serving``, then ``stopping``; there is no way back."""

    __slots__ = ("name",)

    def __init__(self) -> None:
        self.name = "initializing"

    @property
    def initialized(self) -> bool:
        """Whether the application has begun to serve."""
        return self.name != "initializing"

    @property
    def serving(self) -> bool:
        """Whether new requests are welcome."""
        return self.name == "serving"

    @property
    def stopping(self) -> bool:
        """Whether a shutdown has begun."""
        return self.name == "stopping"
