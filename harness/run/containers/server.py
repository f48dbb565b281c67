"""What Prometheus and Alertmanager have in common as containers: one configuration file, one data folder, flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from harness.run.containers.component import ComponentContainer
from harness.run.containers.ready import HttpAnswers

__all__ = ["ServerContainer"]


class ServerContainer(ComponentContainer):
    """A server of the Prometheus family, ready when ``/-/ready`` says so.

    Args:
        image: Name of the image.
        port: The port inside the container.
        config: Where the image expects its configuration file.
        data: Where it keeps its state.
    """

    def __init__(self, image: str, port: int, *, config: str, data: str, **kwargs: Any) -> None:
        super().__init__(image, port, HttpAnswers(port, "/-/ready"), **kwargs)
        self._config, self._data = config, data
        self._flags: list[str] = []

    def with_config(self, file: str | Path) -> Self:
        """Run with this file; mount what it refers to (rules, targets, templates) with ``with_same_path``."""
        return self.with_volume_mapping(Path(file).absolute(), self._config)

    def with_folder(self, folder: Path, config: Path, data: Path) -> Self:
        """Run with ``config`` and keep state in ``data``, both below ``folder``, which is mounted at its own path."""
        self._config, self._data = str(config), str(data)
        return self.with_same_path(folder, writable=True)

    def with_flags(self, *flags: str) -> Self:
        """Add flags of the server, such as ``--query.lookback-delta=5s``."""
        self._flags += flags
        return self
