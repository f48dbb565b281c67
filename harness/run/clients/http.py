"""One HTTP exchange: keep-alive, an explicit bound, no retry, an error that names what was asked."""

from __future__ import annotations

import functools
import os
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

import orjson
import urllib3
from urllib3.util import Retry

from harness.core.errors import HarnessError
from harness.core.tls import Tls, client_context

__all__ = ["Answer", "Http", "HttpFault", "Params", "basic_auth", "bearer_auth", "server_of"]

Params = Mapping[str, str | float | Sequence[str]]
"""Query or form parameters; a sequence repeats its key."""

_EXCERPT_CHARACTERS: Final = 300
_POOLS: Final = 256
_CONNECTIONS_PER_POOL: Final = 8
_FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
_JSON: Final = {"content-type": "application/json"}


_FOLLOWING: Final = Retry(
    None, connect=False, read=False, status=0, other=0, redirect=10, respect_retry_after_header=False
)
"""As many redirects as Prometheus follows, and still no retry."""
_ONCE: Final = Retry(False, redirect=False)
"""One try and no redirect. Made once: urllib3 would make it anew for every request, which is a tenth of its cost."""


@functools.cache
def _shared_pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(num_pools=_POOLS, maxsize=_CONNECTIONS_PER_POOL, retries=False)


@functools.cache
def _pool_by(tls: Tls) -> urllib3.PoolManager:
    if tls.any_certificate:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # somebody wrote that any will do
    return urllib3.PoolManager(
        num_pools=_POOLS,
        maxsize=_CONNECTIONS_PER_POOL,
        retries=False,
        ssl_context=client_context(tls),
        cert_reqs="CERT_NONE" if tls.any_certificate else "CERT_REQUIRED",
        server_hostname=tls.server_name or None,
        assert_hostname=False if tls.any_certificate else tls.server_name or None,
    )


# Connections inherited over a fork would be read by two processes.
for _pool in (_shared_pool, _pool_by):
    os.register_at_fork(after_in_child=_pool.cache_clear)


def basic_auth(user: str, password: str) -> dict[str, str]:
    """The header of basic authentication."""
    return {"authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


def bearer_auth(token: str) -> dict[str, str]:
    """The header of bearer authentication."""
    return {"authorization": f"Bearer {token}"}


class HttpFault(HarnessError):  # noqa: N818 (a fault of the exchange: the caller decides whether it is an error)
    """An exchange that failed: ``status`` is 0 where no answer came, then ``reason`` says why."""

    def __init__(self, method: str, url: str, *, status: int = 0, reason: str = "", excerpt: str = "") -> None:
        self.method, self.url, self.status, self.reason, self.excerpt = method, url, status, reason, excerpt
        what = f"answered {status}" if status else "no answer"
        seen = ": ".join(part for part in (reason, excerpt) if part)
        super().__init__(f"{method} {url}: {what}" + (f": {seen}" if seen else ""))

    @property
    def answered(self) -> bool:
        """Whether somebody answered at all."""
        return self.status > 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status; ``duration_s`` is wall time until the whole body was read."""

    method: str
    url: str
    status: int
    body: bytes
    content_type: str
    duration_s: float
    date: str = ""
    """What the server's clock said, as far as it told."""

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; raises ``HttpFault`` where it is something else."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise self.fault(f"the body is not JSON ({error})") from None

    def require_ok(self) -> Answer:
        """Itself; raises ``HttpFault`` unless the status is 2xx."""
        if not self.ok:
            raise self.fault("")
        return self

    def fault(self, reason: str) -> HttpFault:
        """This answer as an error."""
        excerpt = self.text[:_EXCERPT_CHARACTERS]
        return HttpFault(self.method, self.url, status=self.status, reason=reason, excerpt=excerpt)


class Http:
    """One server: ``base`` may have a path prefix and credentials (which are never shown in an error).

    ``headers`` go with every request. ``timeout_s`` bounds connecting and every single read. ``tls`` says
    how https is entered. ``follow`` takes redirects, without credentials to another host. Threads may share
    it.
    """

    def __init__(
        self,
        base: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 2.0,
        tls: Tls | None = None,
        follow: bool = False,
        pool: urllib3.PoolManager | None = None,
    ) -> None:
        self.base, credentials = _split_base(base)
        self.timeout_s = timeout_s
        self._headers = {"user-agent": "observability-harness", **credentials, **(headers or {})}
        self._pool = pool
        self._pool_of = functools.partial(_pool_by, tls) if tls else _shared_pool
        self._follow = follow

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """One exchange; any status is an answer. Raises ``HttpFault`` when none came within the bound."""
        url = self.base + path + (f"?{urlencode(params, doseq=True)}" if params else "")
        began = time.perf_counter()
        try:
            response = (self._pool or self._pool_of()).request(
                method,
                url,
                body=body,
                headers={**self._headers, **headers} if headers else self._headers,
                timeout=timeout_s or self.timeout_s,
                retries=_FOLLOWING if self._follow else _ONCE,
                redirect=self._follow,
            )
        except (urllib3.exceptions.HTTPError, UnicodeError, ValueError) as error:
            raise HttpFault(method, url, reason=_reason(error)) from None
        took_s = time.perf_counter() - began
        told = response.headers
        return Answer(
            method, url, response.status, response.data, told.get("content-type", ""), took_s, told.get("date", "")
        )

    def get(self, path: str, params: Params | None = None) -> Answer:
        """GET; raises ``HttpFault`` unless the status is 2xx."""
        return self.send("GET", path, params=params).require_ok()

    def get_json(self, path: str, params: Params | None = None) -> Any:
        """GET a JSON body; raises ``HttpFault`` for another status or body."""
        return self.get(path, params).json()

    def post_json(self, path: str, body: Any = None, *, method: str = "POST", params: Params | None = None) -> Any:
        """Send ``body`` as JSON and return the JSON that comes back (None where the answer is empty)."""
        content = None if body is None else orjson.dumps(body)
        answer = self.send(method, path, params=params, body=content, headers=_JSON).require_ok()
        return answer.json() if answer.body else None

    def post_form(self, path: str, form: Params) -> Answer:
        """POST ``form`` url-encoded, which has no limit of length; any status is an answer."""
        return self.send("POST", path, body=urlencode(form, doseq=True).encode(), headers=_FORM)


def server_of(url: str, timeout_s: float, *, tls: Tls | None = None, follow: bool = False) -> tuple[Http, str]:
    """The server of ``url`` and the path, with its query, to ask it for."""
    parts = urlsplit(url)
    base = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    http = Http(base, timeout_s=timeout_s, tls=tls, follow=follow)
    return http, urlunsplit(("", "", parts.path or "/", parts.query, ""))


def _split_base(base: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(base)
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme not in {"http", "https"} or not host:
        raise HarnessError(
            f"{base!r} is not a web address", remedy="write it as http://host:port or https://host/prefix"
        )
    credentials = basic_auth(parts.username, parts.password or "") if parts.username else {}
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", "")), credentials


def _reason(error: Exception) -> str:
    """The cause in one line, such as ``[Errno 111] Connection refused``, without the object addresses of urllib3."""
    if isinstance(error, urllib3.exceptions.NewConnectionError):  # refused or not found; also a ConnectTimeoutError
        return _root(error)
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return "not connected within the bound"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "not answered within the bound"
    return _root(error)


def _root(error: Exception) -> str:
    cause: BaseException = error
    while before := cause.__cause__ or cause.__context__:
        cause = before
    return f"{type(cause).__name__}: {cause}"
