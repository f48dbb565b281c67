"""Any service as a container: the subject of a test whose image is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from harness.run.containers.component import ComponentContainer

__all__ = ["ServiceContainer"]


class ServiceContainer(ComponentContainer):
    """A service by its image; the caller waits for it, since only they know what its readiness is.

    Args:
        image: Name of the image.
        port: Its main port inside the container.
    """

    def __init__(self, image: str, port: int, **kwargs: Any) -> None:
        super().__init__(image, port, **kwargs)

    def with_arguments(self, arguments: Sequence[str]) -> Self:
        """Arguments after the entry point of the image; none leaves those of the image."""
        return self.with_command(list(arguments)) if arguments else self

    def with_published(self, ports: Mapping[int, int]) -> Self:
        """Publish ports of the container (inside → number on loopback) and no others."""
        self.ports.clear()
        for inside, outside in ports.items():
            self.ports[str(inside)] = ("127.0.0.1", outside)  # type: ignore[assignment]  # docker takes the pair
        return self

    def with_environment(self, variables: Mapping[str, str]) -> Self:
        """Add environment variables."""
        self.env.update(variables)
        return self
