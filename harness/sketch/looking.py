"""What a service on this machine answers: its metrics text, its health, and a path that nobody serves."""

from __future__ import annotations

import gzip
import http.client
import re
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qsl, urljoin, urlsplit

import orjson
from prometheus_client.metrics_core import Metric

from harness.clauses.exposition import parse_exposition
from harness.core.errors import ConfigError
from harness.core.tls import Tls, client_context

__all__ = ["Answered", "Place", "Seen", "UntrustedError", "ask", "look", "place_of"]

_TIMEOUT_S: Final = 10.0
_LONGEST_BYTES: Final = 64 * 1024 * 1024
_USUAL: Final = ("/healthz", "/health", "/-/healthy", "/livez", "/health/live", "/-/ready", "/ready", "/")
_NOWHERE: Final = "/a-path-that-nobody-serves"
_HOPS: Final = 10
_PORTS: Final = {"http": 80, "https": 443}
_GZIP: Final = frozenset({"gzip", "x-gzip"})
_LOCKED: Final = frozenset({401, 403})
_SECRET: Final = re.compile(r"(?i)token|secret|passw|api_?key|auth|signature|credential")
_ACCEPT: Final = {"Accept": "text/plain;version=0.0.4;q=1,*/*;q=0.1"}


_REMEDY_TRUST: Final = "say whom to trust and who you are: --authority FILE, --certificate FILE, or --any-certificate"


class UntrustedError(ConfigError):
    """Somebody answers, and one of both does not trust the other: waiting mends nothing."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is asked for on this machine; ``path`` with its query."""

    port: int
    path: str
    entry: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Headers that open it: secrets, written nowhere."""
    host: str = "127.0.0.1"
    tls: Tls | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{self.path}"

    def at(self, path: str) -> Place:
        """Another path of the same server, as who has no key to it asks there."""
        return replace(self, path=path, entry={})


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer; ``took_s`` in wall seconds, ``location`` where it sends on."""

    place: Place
    status: int
    content_type: str
    body: bytes = field(repr=False)
    took_s: float
    location: str = ""
    coding: str = ""
    """How the body was packed, whether we can unpack it or not."""

    @property
    def data(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


@dataclass(frozen=True, slots=True)
class Seen:
    """All that a service showed: its metrics families, its answers, and what it says to an unknown path."""

    metrics: Place
    families: dict[str, Metric]
    size_bytes: int
    health: tuple[Answered, ...]
    requests: tuple[Answered, ...]
    stranger: Answered
    born: Set[str] = frozenset()
    """Families that came with the first requests."""


def place_of(url: str, option: str, tls: Tls) -> Place:
    """The place that ``url`` names, entered by ``tls`` where it is https.

    Raises ``ConfigError`` for what init cannot use, or must not write down.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        parts, port = urlsplit(""), 0
    if not parts.hostname or not port:
        remedy = "write it as in http://127.0.0.1:8080/metrics"
        raise ConfigError(f"{option} {_harmless(url)} is not an address of http or https", remedy=remedy)
    if parts.username is not None or any(_SECRET.search(name) for name, _ in parse_qsl(parts.query, True)):
        remedy = "name the address without it, and add credentials to the profile (metrics: {credentials: …})"
        raise ConfigError(f"{option} carries a secret, which init would write down", remedy=remedy)
    if parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        remedy = f"start the service here (--start), or forward its port: ssh -L {port}:127.0.0.1:{port} HOST"
        raise ConfigError(f"{option} {_harmless(url)} is not on this machine's 127.0.0.1 or [::1]", remedy=remedy)
    host = "::1" if parts.hostname == "::1" else "127.0.0.1"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(port, path, host=host, tls=tls if parts.scheme == "https" else None)


def _harmless(url: str) -> str:
    """What may be shown of an address: no user, password or query."""
    return url.partition("?")[0].rpartition("@")[2]


def ask(place: Place, option: str = "") -> Answered:
    """One GET, without redirects, proxies or retries; raises ``ConfigError`` where there is no answer."""
    began = time.monotonic()
    connection = _connection(place)
    try:
        connection.request("GET", place.path, headers={**_ACCEPT, **place.entry})
        answer = connection.getresponse()
        coding = (answer.getheader("Content-Encoding") or "").strip().lower()
        body = _plain(answer.read(_LONGEST_BYTES), coding)
    except (OSError, EOFError, zlib.error, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
        remedy = "start the service first, or name the command that starts it: --start 'CMD'"
        if "CERTIFICATE" in why.upper():
            raise UntrustedError(f"{option} {place} is not trusted: {why}".strip(), remedy=_REMEDY_TRUST) from None
        raise ConfigError(f"{option} {place} does not answer: {why}".strip(), remedy=remedy) from None
    finally:
        connection.close()
    kind = (answer.getheader("Content-Type") or "").partition(";")[0].strip().lower()
    location = answer.getheader("Location") or ""
    return Answered(place, answer.status, kind, body, time.monotonic() - began, location, coding)


def _connection(place: Place) -> http.client.HTTPConnection:
    if place.tls is None:
        return http.client.HTTPConnection(place.host, place.port, timeout=_TIMEOUT_S)
    context = client_context(place.tls)
    return http.client.HTTPSConnection(place.host, place.port, timeout=_TIMEOUT_S, context=context)


def _plain(body: bytes, coding: str) -> bytes:
    """Some services compress whether they are asked to or not."""
    return gzip.decompress(body) if coding in _GZIP and body else body


def look(metrics: Place, health: Sequence[Place], requests: Sequence[Place]) -> Seen:
    """Ask the service for everything once; raises ``ConfigError`` for an answer that init cannot build on."""
    before = _families(_scraped(metrics))
    answers = tuple(_well(place, "--health") for place in health) or tuple(_usual(metrics))
    asked = tuple(_well(place, "--request") for place in requests)
    stranger = ask(answers[0].place.at(_NOWHERE))
    # many a series is born with the first request
    text = _scraped(metrics)
    families = _families(text)
    return Seen(metrics, families, len(text.body), answers, asked, stranger, families.keys() - before.keys())


def _scraped(place: Place) -> Answered:
    """The metrics, as Prometheus asks for them: it follows where it is sent on, on the same port."""
    answer = ask(place, "--metrics")
    for _ in range(_HOPS):
        there = urlsplit(urljoin(str(place), answer.location))
        if not 300 <= answer.status < 400 or not answer.location or there.port != place.port:
            break
        answer = ask(replace(place, path=there.path + (f"?{there.query}" if there.query else "")), "--metrics")
    return answer


def _families(answer: Answered) -> dict[str, Metric]:
    remedy = "name the address that Prometheus scrapes, such as http://127.0.0.1:8080/metrics"
    if answer.status in _LOCKED:
        remedy = "name the variables that open it: --bearer-from VARIABLE, or --username NAME --password-from VARIABLE"
    if answer.status != 200:
        sent = f" and sends on to {_harmless(answer.location)}" if answer.location else ""
        raise ConfigError(f"--metrics {answer.place} answered {answer.status}{sent}", remedy=remedy)
    try:
        families = parse_exposition(answer.body.decode("utf-8"))
    except ValueError:  # bytes that are no text are one, too; what stands there may be nobody's business
        shown = answer.content_type or "of no type"
        problem = f"--metrics {answer.place} is {shown}, not an exposition"
        raise ConfigError(problem, remedy=_why_unread(answer) or remedy) from None
    if not any(family.samples for family in families.values()):
        raise ConfigError(f"--metrics {answer.place} shows no metric", remedy=remedy)
    return families


def _why_unread(answer: Answered) -> str:
    """What to do about an exposition that is there and cannot be read; empty where it may be none."""
    if answer.coding not in {"", "identity", *_GZIP}:
        return f"it is packed as {answer.coding}, which Prometheus never asks for: let it answer plain, or by gzip"
    if "protobuf" in answer.content_type:
        return "text alone is read here: let it answer text to who asks for it (Accept: text/plain)"
    return ""


def _well(place: Place, option: str) -> Answered:
    answer = ask(place, option)
    if not 200 <= answer.status < 300:
        remedy = "let it answer well first: what init sees becomes the promise"
        sent = f" and sends on to {_harmless(answer.location)}" if answer.location else ""
        raise ConfigError(f"{option} {place} answered {answer.status}{sent}", remedy=remedy)
    return answer


def _usual(metrics: Place) -> Iterator[Answered]:
    """The first usual place that answers well; else the metrics, as who has no key to them sees them."""
    answer = ask(metrics.at(_USUAL[0]))
    for path in (*_USUAL[1:], metrics.path):
        if answer.status == 200:
            break
        answer = ask(metrics.at(path))
    yield answer
