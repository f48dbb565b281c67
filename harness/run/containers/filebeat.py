"""Filebeat as a container."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Self

from harness.run.containers.component import ComponentContainer
from harness.run.containers.ready import HttpAnswers

__all__ = ["FilebeatContainer"]

_CONFIG: Final = "/usr/share/filebeat/filebeat.yml"


class FilebeatContainer(ComponentContainer):
    """Filebeat, ready when it answers on its monitoring port.

    That port exists only if the configuration says ``http.enabled: true`` and ``http.host: 0.0.0.0`` (on the network of
    the machine: ``127.0.0.1`` and the chosen port); call ``without_waiting`` if it does not.

    Example:

        .. code-block:: python

            filebeat = FilebeatContainer().with_config("filebeat.yml").with_same_path(Path("/var/log/shop"))
            with filebeat:
                requests.get(f"{filebeat.url}/stats")

    Args:
        image: Name of the image.
        port: The monitoring port inside the container.
    """

    def __init__(self, image: str = "elastic/filebeat:8.8.0", port: int = 5066, **kwargs: Any) -> None:
        super().__init__(image, port, HttpAnswers(port, "/stats"), **kwargs)
        self._config = _CONFIG
        self._folders: list[str] = []

    def with_config(self, file: str | Path) -> Self:
        """Run with this configuration file, whoever owns it."""
        return self.with_volume_mapping(Path(file).absolute(), self._config)

    def with_folder(self, folder: Path, config: Path) -> Self:
        """Run with ``config`` and keep registry and logs in ``folder``, which is mounted at its own path."""
        self._config = str(config)
        self._folders = [f"--path.home={folder}", f"--path.data={folder / 'data'}", f"--path.logs={folder / 'logs'}"]
        return self.with_same_path(folder, writable=True)

    def _arguments(self) -> list[str]:
        return ["-e", "-c", self._config, "--strict.perms=false", *self._folders]
