"""Prometheus as a container."""

from __future__ import annotations

from typing import Any, Final

from harness.run.containers.server import ServerContainer

__all__ = ["PrometheusContainer"]

_CONFIG: Final = "/etc/prometheus/prometheus.yml"


class PrometheusContainer(ServerContainer):
    """Prometheus server, ready when ``/-/ready`` says so.

    Example:

        .. code-block:: python

            with PrometheusContainer().with_config("prometheus.yml") as prometheus:
                requests.get(f"{prometheus.url}/api/v1/query", params={"query": "up"})

    Args:
        image: Name of the image.
        port: The port inside the container.
    """

    def __init__(self, image: str = "prom/prometheus:v3.16.0", port: int = 9090, **kwargs: Any) -> None:
        super().__init__(image, port, config=_CONFIG, data="/prometheus", **kwargs)

    def _arguments(self) -> list[str]:
        own = (
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self._data}",
            f"--web.listen-address={self.listens_on}",
        )
        return [*own, *self._flags]
