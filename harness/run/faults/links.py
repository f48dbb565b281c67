"""Faults of a link, through Toxiproxy: slow, cut, black, narrow, down."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Final, Literal

from harness.run.clients.toxiproxy import Proxy, Toxic, ToxiproxyClient
from harness.run.stack.wait import NotYet

__all__ = ["LinkFault", "LinkKind"]

LinkKind = Literal["latency", "reset_peer", "blackhole", "bandwidth", "down"]

_CONNECT_S: Final = 0.5
_TOXICS: Final[Mapping[str, Callable[[float], tuple[str, dict[str, int]]]]] = {
    "latency": lambda value: ("latency", {"latency": round(value * 1000)}),
    "reset_peer": lambda value: ("reset_peer", {"timeout": round(value * 1000)}),
    "blackhole": lambda _: ("timeout", {"timeout": 0}),
    "bandwidth": lambda value: ("bandwidth", {"rate": round(value)}),
}


class LinkFault:
    """A disturbed link.

    ``value``: wall seconds of delay for latency, wall seconds until a connection is reset for reset_peer, kilobytes
    per second for bandwidth. ``effect`` looks at the link from outside and says what it saw (``NotYet`` otherwise);
    without one, the proxy's own word confirms, and for ``down`` that it refuses connections.
    """

    def __init__(
        self,
        name: str,
        kind: LinkKind,
        client: ToxiproxyClient,
        proxy: str,
        *,
        value: float = 0.0,
        stream: Literal["downstream", "upstream"] = "downstream",
        effect: Callable[[], str] | None = None,
        within_s: float = 5.0,
    ) -> None:
        self.name, self.within_s = name, within_s
        self._kind, self._client, self._proxy = kind, client, proxy
        self._value, self._stream, self._effect = value, stream, effect

    def inject(self) -> str:
        """Disturb it."""
        if self._kind == "down":
            self._client.enable(self._proxy, False)
            return f"{self._proxy} is closed"
        type, attributes = _TOXICS[self._kind](self._value)
        self._client.add_toxic(self._proxy, Toxic(self.name, type, attributes, self._stream))
        return f"{self._proxy}: {type} {attributes}"

    def confirm(self) -> str:
        """The disturbance is in place, and its effect was seen."""
        proxy = self._client.proxy(self._proxy)
        if proxy.enabled if self._kind == "down" else self.name not in {toxic.name for toxic in proxy.toxics}:
            raise NotYet(f"{self._proxy} is not disturbed")
        if self._effect:
            return self._effect()
        return _refusal(proxy) if self._kind == "down" else f"{self._proxy} tells the toxic {self.name}"

    def heal(self) -> str:
        """End the disturbance."""
        if self._kind == "down":
            self._client.enable(self._proxy, True)
        else:
            self._client.remove_toxic(self._proxy, self.name)
        return f"{self._proxy} is as before"

    def confirm_healed(self) -> str:
        """Nothing disturbs the link and it takes connections."""
        proxy = self._client.proxy(self._proxy)
        if not proxy.enabled or self.name in {toxic.name for toxic in proxy.toxics}:
            raise NotYet(f"{self._proxy} is still disturbed")
        with socket.create_connection(_address(proxy), _CONNECT_S):
            return f"{self._proxy} takes connections"


def _refusal(proxy: Proxy) -> str:
    try:
        with socket.create_connection(_address(proxy), _CONNECT_S):
            raise NotYet(f"{proxy.name} still takes connections")
    except ConnectionRefusedError:
        return f"{proxy.name} refuses connections"


def _address(proxy: Proxy) -> tuple[str, int]:
    host, _, port = proxy.listen.rpartition(":")
    return host.strip("[]"), int(port)
