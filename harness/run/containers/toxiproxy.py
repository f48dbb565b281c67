"""Toxiproxy as a container."""

from __future__ import annotations

from typing import Any

from harness.run.containers.component import ComponentContainer
from harness.run.containers.ready import HttpAnswers

__all__ = ["ToxiproxyContainer"]


class ToxiproxyContainer(ComponentContainer):
    """Toxiproxy without a proxy, ready when its control port answers: proxies are made over that port.

    Example:

        .. code-block:: python

            with ToxiproxyContainer() as toxiproxy:
                requests.post(f"{toxiproxy.url}/proxies", json={"name": "db", "listen": "0.0.0.0:5432", ...})

    Args:
        image: Name of the image.
        port: The control port inside the container.
    """

    def __init__(self, image: str = "shopify/toxiproxy:2.1.4", port: int = 8474, **kwargs: Any) -> None:
        super().__init__(image, port, HttpAnswers(port, "/version"), **kwargs)

    def _arguments(self) -> list[str]:
        host, _, port = self.listens_on.rpartition(":")
        return [f"-host={host}", f"-port={port}"]
