"""Toxiproxy: links that can be slowed, cut and starved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from harness.run.clients.http import Http

__all__ = ["Proxy", "Toxic", "ToxiproxyClient"]


@dataclass(frozen=True, slots=True)
class Toxic:
    """One disturbance of a link. ``stream`` downstream is what the server answers, upstream what the client sends."""

    name: str
    type: str
    attributes: Mapping[str, int]
    stream: str = "downstream"
    toxicity: float = 1.0


@dataclass(frozen=True, slots=True)
class Proxy:
    """A link: who connects to ``listen`` is talked through to ``upstream``, with its toxics."""

    name: str
    listen: str
    upstream: str
    enabled: bool
    toxics: tuple[Toxic, ...] = ()


class ToxiproxyClient:
    """One Toxiproxy; every method raises ``HttpFault`` when it does not answer as it should."""

    def __init__(self, http: Http) -> None:
        self.http = http

    def version(self) -> str:
        """Its version, as it tells it."""
        return self.http.get("/version").text.strip()

    def proxies(self) -> dict[str, Proxy]:
        """All links by name."""
        return {name: _proxy(item) for name, item in self.http.get_json("/proxies").items()}

    def proxy(self, name: str) -> Proxy:
        """The link ``name``."""
        return _proxy(self.http.get_json(f"/proxies/{quote(name)}"))

    def create(self, name: str, listen: str, upstream: str) -> Proxy:
        """A new link; port 0 in ``listen`` takes a free one, which the answer tells."""
        body = {"name": name, "listen": listen, "upstream": upstream, "enabled": True}
        return _proxy(self.http.post_json("/proxies", body))

    def enable(self, name: str, enabled: bool = True) -> Proxy:
        """Open the link, or close its listener and cut what runs over it."""
        return _proxy(self.http.post_json(f"/proxies/{quote(name)}", {"enabled": enabled}))

    def delete(self, name: str) -> None:
        """Remove the link."""
        self.http.post_json(f"/proxies/{quote(name)}", method="DELETE")

    def add_toxic(self, proxy: str, toxic: Toxic) -> None:
        """Disturb the link."""
        body = {
            "name": toxic.name,
            "type": toxic.type,
            "stream": toxic.stream,
            "toxicity": toxic.toxicity,
            "attributes": dict(toxic.attributes),
        }
        self.http.post_json(f"/proxies/{quote(proxy)}/toxics", body)

    def remove_toxic(self, proxy: str, toxic: str) -> None:
        """End one disturbance; no error where it is gone."""
        answer = self.http.send("DELETE", f"/proxies/{quote(proxy)}/toxics/{quote(toxic)}")
        if answer.status != 404:
            answer.require_ok()

    def reset(self) -> None:
        """Open every link and end every disturbance."""
        self.http.post_json("/reset")


def _proxy(item: Mapping[str, Any]) -> Proxy:
    toxics = tuple(
        Toxic(toxic["name"], toxic["type"], toxic["attributes"], toxic["stream"], toxic["toxicity"])
        for toxic in item.get("toxics") or ()
    )
    return Proxy(item["name"], item["listen"], item["upstream"], item["enabled"], toxics)
