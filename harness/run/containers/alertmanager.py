"""Alertmanager as a container."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Self

from harness.run.containers.component import ComponentContainer
from harness.run.containers.ready import HttpAnswers

__all__ = ["AlertmanagerContainer"]

_CONFIG: Final = "/etc/alertmanager/alertmanager.yml"


class AlertmanagerContainer(ComponentContainer):
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
        super().__init__(image, port, HttpAnswers(port, "/-/ready"), **kwargs)
        self._config, self._data = _CONFIG, "/alertmanager"
        self._flags: list[str] = []

    def with_config(self, file: str | Path) -> Self:
        """Run with this configuration file; mount its templates with ``with_same_path``."""
        return self.with_volume_mapping(Path(file).absolute(), self._config)

    def with_folder(self, folder: Path, config: Path, data: Path) -> Self:
        """Run with ``config`` and keep state in ``data``, both below ``folder``, which is mounted at its own path."""
        self._config, self._data = str(config), str(data)
        return self.with_same_path(folder, writable=True)

    def with_flags(self, *flags: str) -> Self:
        """Add flags of the server."""
        self._flags += flags
        return self

    def _arguments(self) -> list[str]:
        own = (
            f"--config.file={self._config}",
            f"--storage.path={self._data}",
            f"--web.listen-address={self.listens_on}",
            "--cluster.listen-address=",
        )
        return [*own, *self._flags]
