"""How a server is entered by TLS: whom to trust, and who one is oneself. Its files are read where it is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.errors import ConfigError

if TYPE_CHECKING:
    import ssl

__all__ = ["Tls", "client_context"]


@dataclass(frozen=True, slots=True)
class Tls:
    """The client's side of TLS. Files are absolute paths of PEM; what is empty is left to the machine.

    ``authority`` vouches for the server, instead of those whom the machine trusts; ``any_certificate`` asks for
    nobody's word. ``server_name`` is whom the certificate is for, where that is not the address. ``certificate`` and
    ``key`` say who the client is.
    """

    any_certificate: bool = False
    authority: str = ""
    server_name: str = ""
    certificate: str = ""
    key: str = ""


def client_context(tls: Tls, kind: type[ssl.SSLContext] | None = None) -> ssl.SSLContext:
    """A context of ``kind`` (that of the standard library) for ``tls``; raises ``ConfigError`` for a file of no use."""
    import ssl  # most processes speak no TLS

    context = (kind or ssl.SSLContext)(ssl.PROTOCOL_TLS_CLIENT)
    if tls.any_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.authority:
        _load(tls.authority, lambda: context.load_verify_locations(tls.authority))
    else:
        context.load_default_certs()
    if tls.certificate:
        key = tls.key or None
        files = " with ".join(filter(None, (tls.certificate, tls.key)))
        _load(files, lambda: context.load_cert_chain(tls.certificate, key, password=_refuse))
    return context


def _load(files: str, load: Callable[[], object]) -> None:
    try:
        load()
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise ConfigError(f"{files} cannot be used for TLS: {reason}", remedy="name files of PEM that fit") from None


def _refuse() -> str:
    raise ValueError("the key has a passphrase, for which nobody is there to be asked")
