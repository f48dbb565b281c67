"""Prometheus as a container."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Self

from harness.run.containers.component import ComponentContainer
from harness.run.containers.ready import HttpAnswers

__all__ = ["PrometheusContainer"]

_CONFIG: Final = "/etc/prometheus/prometheus.yml"


class PrometheusContainer(ComponentContainer):
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
        super().__init__(image, port, HttpAnswers(port, "/-/ready"), **kwargs)
        self._config, self._data = _CONFIG, "/prometheus"
        self._flags: list[str] = []

    def with_config(self, file: str | Path) -> Self:
        """Run with this configuration file; mount what it refers to (rule files, targets) with ``with_same_path``."""
        return self.with_volume_mapping(Path(file).absolute(), self._config)

    def with_folder(self, folder: Path, config: Path, data: Path) -> Self:
        """Run with ``config`` and keep samples in ``data``, both below ``folder``, which is mounted at its own path."""
        self._config, self._data = str(config), str(data)
        return self.with_same_path(folder, writable=True)

    def with_flags(self, *flags: str) -> Self:
        """Add flags of the server, such as ``--query.lookback-delta=5s``."""
        self._flags += flags
        return self

    def _arguments(self) -> list[str]:
        own = (
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self._data}",
            f"--web.listen-address={self.listens_on}",
        )
        return [*own, *self._flags]
