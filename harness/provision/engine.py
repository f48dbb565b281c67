"""A container engine of this machine, spoken to over its socket with the standard library alone.

Only what provisioning, clean-up and the choice of a backend need: questions that take milliseconds and import nothing.
Containers are started through testcontainers, by ``harness.run.containers``.
"""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

import orjson

from harness.core.errors import MachineError

__all__ = ["Engine", "EngineFaultError", "Kind", "find_engine", "require_local"]

Kind = Literal["containers", "networks", "volumes"]
_DEFAULT: Final = "unix:///var/run/docker.sock"
_ANSWER_S: Final = 5.0
_BUILD_S: Final = 900.0
_START: Final = "start an engine (Docker or one with its API), or name its socket in DOCKER_HOST; else --backend native"


class EngineFaultError(MachineError):
    """The engine refused something, or did not answer; ``status`` is that of HTTP, 0 where none came."""

    def __init__(self, problem: str, status: int = 0, *, remedy: str = "") -> None:
        super().__init__(problem, remedy=remedy)
        self.status = status


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self._path)
        except OSError:
            self.sock.close()
            raise


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine by the path of its socket; every method raises ``EngineFaultError``."""

    socket: str

    @property
    def host(self) -> str:
        """What ``DOCKER_HOST`` says of it."""
        return f"unix://{self.socket}"

    def info(self) -> dict[str, Any]:
        """What it tells of itself and of its machine."""
        found: dict[str, Any] = self._json("GET", "/info")
        return found

    def image(self, name: str) -> dict[str, Any] | None:
        """An image that is there already, as the engine describes it; None where it is not."""
        try:
            found: dict[str, Any] = self._json("GET", f"/images/{quote(name)}/json")
        except EngineFaultError as fault:
            if fault.status == http.client.NOT_FOUND:
                return None
            raise
        return found

    def pull(self, name: str) -> None:
        """Fetch an image from its registry."""
        image, _, tag = name.rpartition(":")
        query = {"fromImage": image or tag, "tag": tag if image else "latest"}
        self._follow(self._send("POST", "/images/create", query=query, timeout_s=_BUILD_S), f"cannot fetch {name}")

    def build(self, name: str, context: Iterable[bytes], arguments: Mapping[str, str] | None = None) -> None:
        """Build ``name`` from a tar archive that holds a ``Dockerfile``; nothing is fetched."""
        query = {"t": name, "rm": "1", "forcerm": "1", "buildargs": orjson.dumps(arguments or {}).decode()}
        headers = {"Content-Type": "application/x-tar"}
        answer = self._send("POST", "/build", query=query, body=context, headers=headers, timeout_s=_BUILD_S)
        self._follow(answer, f"cannot build {name}")

    def owned(self, kind: Kind, label: str) -> list[dict[str, Any]]:
        """Every container (also one that has ended), network or volume with ``label`` (``name`` or ``name=value``)."""
        query = {"filters": orjson.dumps({"label": [label]}).decode()}
        if kind == "containers":
            found = self._json("GET", "/containers/json", query={**query, "all": "1"})
        else:
            found = self._json("GET", f"/{kind}", query=query)
        return list(found.get("Volumes") or []) if kind == "volumes" else list(found)

    def remove(self, kind: Kind, name: str) -> None:
        """Remove one, a running container included, with its anonymous volumes; one that is gone is no error."""
        query = {"force": "1", "v": "1"} if kind == "containers" else {}
        try:
            self._send("DELETE", f"/{kind}/{quote(name)}", query=query, timeout_s=30.0)
        except EngineFaultError as fault:
            if fault.status not in (http.client.NOT_FOUND, http.client.CONFLICT):
                raise

    def _json(self, method: str, path: str, *, query: Mapping[str, str] | None = None) -> Any:
        return orjson.loads(self._send(method, path, query=query))

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = _ANSWER_S,
    ) -> bytes:
        connection = _Connection(self.socket, timeout_s)
        try:
            target = f"{path}?{urlencode(query)}" if query else path
            connection.request(method, target, body=body, headers=dict(headers or {}), encode_chunked=body is not None)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            told = f"no container engine answers on {self.socket}: {error or type(error).__name__}"
            raise EngineFaultError(told, remedy=_START) from None
        finally:
            connection.close()
        if answer.status >= http.client.BAD_REQUEST:
            raise EngineFaultError(f"the engine refused {method} {path}: {_message(content)}", answer.status)
        return content

    def _follow(self, stream: bytes, failed: str) -> None:
        """Builds and pulls answer 200 and tell of their failure in the stream."""
        for line in _objects(stream):
            if "error" in line:
                raise EngineFaultError(f"{failed}: {line['error']}")


def _objects(stream: bytes) -> Iterator[dict[str, Any]]:
    for line in stream.splitlines():
        if line.strip():
            yield orjson.loads(line)


def _message(content: bytes) -> str:
    try:
        return str(orjson.loads(content)["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return content.decode("utf-8", "replace").strip()


def find_engine(environment: Mapping[str, str] | None = None) -> Engine:
    """The engine that ``DOCKER_HOST`` names, else the usual one; whether it answers is another question.

    Raises ``EngineFaultError`` for one on another machine: containers here share loopback and files with the harness.
    """
    host = (os.environ if environment is None else environment).get("DOCKER_HOST") or _DEFAULT
    scheme, _, path = host.partition("://")
    if scheme != "unix" or not Path(path).is_absolute():
        problem = f"DOCKER_HOST is {host}: only an engine of this machine, by its socket, can be used"
        raise EngineFaultError(problem, remedy="set DOCKER_HOST=unix:///…, or take --backend native")
    return Engine(path)


def require_local(info: Mapping[str, Any]) -> None:
    """Refuse an engine whose "host network" is not the network of this process."""
    options = " ".join(info.get("SecurityOptions") or ())
    system = str(info.get("OperatingSystem", ""))
    why = ""
    if "Docker Desktop" in system or info.get("OSType") != "linux":
        why = f"its containers run in a virtual machine ({system or info.get('OSType')})"
    elif "name=rootless" in options:
        why = "it runs rootless, in a network of its own"
    if why:
        raise EngineFaultError(
            f"this engine cannot be used: {why}, so loopback there is not loopback here",
            remedy="use the engine of a Linux machine, or --backend native",
        )
