"""Alertmanager as a container."""

from __future__ import annotations

from typing import Any, Final

from harness.run.containers.server import ServerContainer

__all__ = ["AlertmanagerContainer"]

_CONFIG: Final = "/etc/alertmanager/alertmanager.yml"


class AlertmanagerContainer(ServerContainer):
    """A single Alertmanager, ready when ``/-/ready`` says so.

    It forms no cluster: an instance that looks for peers waits about ten seconds before its first notification.

    Example:

        .. code-block:: python

            with AlertmanagerContainer().with_config("alertmanager.yml") as alertmanager:
                requests.post(f"{alertmanager.url}/api/v2/alerts", json=[{"labels": {"alertname": "Down"}}])

    Args:
        image: Name of the image.
        port: The port inside the container.
    """

    def __init__(self, image: str = "prom/alertmanager:v0.31.1", port: int = 9093, **kwargs: Any) -> None:
        super().__init__(image, port, config=_CONFIG, data="/alertmanager", **kwargs)

    def _arguments(self) -> list[str]:
        own = (
            f"--config.file={self._config}",
            f"--storage.path={self._data}",
            f"--web.listen-address={self.listens_on}",
            "--cluster.listen-address=",
        )
        return [*own, *self._flags]
