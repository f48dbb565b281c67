"""How servers of somebody else are entered: secrets by reference, own certificates, and nothing of it ever told."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import urllib3

from harness.contract.attach import Access, SecretFrom
from harness.core.errors import ConfigError
from harness.core.source import Document, DocumentPath
from harness.run.clients.http import Answer, Http, HttpFault, Params, basic_auth, bearer_auth

__all__ = ["DiscreetHttp", "Keys"]

_SHORTEST: Final = 6
"""Characters below which a secret is not looked for in answers: it would be found in words that are none."""
_HIDDEN: Final = b"(a secret)"
_TIMEOUT_S: Final = 10.0
"""Wall seconds: these servers may be far away."""


class Keys:
    """What opens the servers of one attach file, read once. ``hidden`` may appear nowhere."""

    def __init__(self, document: Document, folder: Path) -> None:
        self._document, self._folder = document, folder
        self.hidden: set[bytes] = set()

    def open(self, access: Access, base: str, path: DocumentPath, *, follow: bool = False) -> DiscreetHttp:
        """The server at ``base``, entered as ``access`` says, which stands at ``path`` of the file.

        Raises ``ConfigError`` for a reference to nothing.
        """
        headers = dict(self._headers(access, path))
        if access.tenant is not None:
            headers[access.tenant_header.lower()] = access.tenant
        return DiscreetHttp(base, headers, self._pool(access, path), self.hidden, follow=follow)

    def _headers(self, access: Access, path: DocumentPath) -> Iterator[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for name, source in access.headers_from.items():
            found.append((name.lower(), self._secret(source, (*path, "headers_from", name))))
        if access.bearer_from is not None:
            found += bearer_auth(self._secret(access.bearer_from, (*path, "bearer_from"))).items()
        if access.basic is not None:
            password = self._secret(access.basic.password_from, (*path, "basic", "password_from"))
            found += basic_auth(access.basic.username, password).items()
        for _, value in found:
            self._hide(value.rpartition(" ")[2] if value.startswith("Basic ") else value)
        return iter(found)

    def _secret(self, source: SecretFrom, path: DocumentPath) -> str:
        where = self._document.locate(path)
        if source.env is not None:
            if source.env not in os.environ:
                problem = f"the variable {source.env}, which holds a secret, is not set"
                raise ConfigError(problem, location=where, remedy=f"export {source.env}")
            value = os.environ[source.env]
        else:
            value = self._file(source.file or "", path).read_text(encoding="utf-8", errors="replace").strip()
        if not value or not value.isascii() or not value.isprintable():
            # it would be refused later, in words that repeat it
            raise ConfigError(
                "the secret is empty, or holds what no header can carry", location=where, remedy="one line of ASCII"
            )
        self._hide(value)
        return value

    def _hide(self, value: str) -> None:
        if len(value) >= _SHORTEST:
            self.hidden.add(value.encode())

    def _pool(self, access: Access, path: DocumentPath) -> urllib3.PoolManager | None:
        names = {"ca_certs": access.ca_file, "cert_file": access.certificate_file, "key_file": access.key_file}
        keys = {"ca_certs": "ca_file", "cert_file": "certificate_file", "key_file": "key_file"}
        files = {kind: str(self._file(name, (*path, keys[kind]))) for kind, name in names.items() if name}
        if not files:
            return None
        return urllib3.PoolManager(retries=False, **files)  # type: ignore[arg-type]

    def _file(self, name: str, path: DocumentPath) -> Path:
        found = (self._folder / Path(name).expanduser()).resolve()
        if not found.is_file():
            raise ConfigError(
                f"there is no file {name}",
                location=self._document.locate(path),
                remedy="paths are relative to the attach file",
            )
        return found


class DiscreetHttp(Http):
    """A server whose answers and errors never repeat what opened it."""

    def __init__(
        self,
        base: str,
        headers: Mapping[str, str],
        pool: urllib3.PoolManager | None,
        hidden: Iterable[bytes],
        *,
        follow: bool = False,
    ) -> None:
        super().__init__(base, headers=headers, timeout_s=_TIMEOUT_S, pool=pool, follow=follow)
        self._hidden = hidden

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
        """One exchange, as that of any server; what is secret is blotted out of what comes back."""
        try:
            answer = super().send(method, path, params=params, body=body, headers=headers, timeout_s=timeout_s)
        except HttpFault as fault:
            raise HttpFault(method, self._blotted(fault.url), reason=self._blotted(fault.reason)) from None
        return replace(answer, body=self._without(answer.body))

    def _blotted(self, text: str) -> str:
        return self._without(text.encode()).decode()

    def _without(self, content: bytes) -> bytes:
        for secret in self._hidden:
            if secret in content:
                content = content.replace(secret, _HIDDEN)
        return content
