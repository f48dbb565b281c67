"""One Elasticsearch node as a container."""

from __future__ import annotations

from typing import Any, Self

from harness.run.containers.component import ComponentContainer
from harness.run.containers.ready import HttpAnswers

__all__ = ["ElasticsearchContainer"]

_YELLOW = "/_cluster/health?wait_for_status=yellow&timeout=1s"


class ElasticsearchContainer(ComponentContainer):
    """A single node without security, ready when its cluster is yellow.

    Example:

        .. code-block:: python

            with ElasticsearchContainer(heap="512m") as elasticsearch:
                requests.get(f"{elasticsearch.url}/_cat/indices")

    Args:
        image: Name of the image.
        port: The HTTP port inside the container.
        heap: Heap of the JVM, such as ``512m``.
    """

    def __init__(self, image: str = "elasticsearch:8.8.0", port: int = 9200, heap: str = "512m", **kwargs: Any) -> None:
        super().__init__(image, port, HttpAnswers(port, _YELLOW), **kwargs)
        self._transport = 9300
        self.with_setting("discovery.type", "single-node")
        self.with_setting("xpack.security.enabled", "false")
        self.with_setting("ingest.geoip.downloader.enabled", "false")
        self.with_env("ES_JAVA_OPTS", f"-Xms{heap} -Xmx{heap}")

    def with_setting(self, name: str, value: str) -> Self:
        """Set what would stand in ``elasticsearch.yml``."""
        return self.with_env(name, value)

    def with_transport(self, port: int) -> Self:
        """Port between nodes; it matters on the network of the machine, where the usual one may be taken."""
        self._transport = port
        return self

    def _arguments(self) -> list[str]:
        host, _, port = self.listens_on.rpartition(":")
        self.with_setting("network.host", host).with_setting("http.port", port)
        self.with_setting("transport.port", str(self._transport))
        return super()._arguments()
