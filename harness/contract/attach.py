"""The attach file: where a running system is, and by which references it is entered. No secret stands in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from harness.contract.strict import Strict, validate
from harness.core.errors import ConfigError
from harness.core.source import Document, load_yaml

__all__ = [
    "Access",
    "AttachFile",
    "AttachedElasticsearch",
    "AttachedPrometheus",
    "AttachedSubject",
    "Basic",
    "SecretFrom",
    "Server",
    "load_attach",
]


class SecretFrom(Strict):
    """Where a secret is: a variable of the caller or a file. Short form: the name of the variable."""

    short_forms = [{"type": "string"}]

    env: str | None = None
    file: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"env": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> SecretFrom:
        if (self.env is None) == (self.file is None):
            raise ValueError("name either a variable (env) or a file")
        return self


class Basic(Strict):
    """Basic authentication."""

    username: str
    password_from: SecretFrom


class Access(Strict):
    """How a server is entered."""

    bearer_from: SecretFrom | None = None
    basic: Basic | None = None
    headers_from: dict[str, SecretFrom] = {}
    tenant: str | None = None
    tenant_header: str = "X-Scope-OrgID"
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Access:
        if self.bearer_from is not None and self.basic is not None:
            raise ValueError("choose between bearer_from and basic")
        if self.key_file is not None and self.certificate_file is None:
            raise ValueError("a key_file belongs to a certificate_file")
        return self


def _address(value: str) -> str:
    if "@" in value:  # before anything repeats it
        raise ValueError("no secret stands in an address: use basic with password_from")
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{value!r} is not a web address such as https://host/prefix")
    return value


class Server(Access):
    """One server of the monitoring."""

    url: str

    _url = field_validator("url")(_address)


class AttachedPrometheus(Server):
    """Prometheus, or what answers in its stead: Thanos, Mimir."""

    select: dict[str, str] = {}
    """Labels of the subject's series: where one server holds those of many services, or of several environments."""
    drop_labels: list[str] = []
    """Labels that the monitoring adds to what instances expose, beside those of scrape targets: cluster, replica."""


class AttachedElasticsearch(Server):
    """Elasticsearch, and which documents belong to which stream."""

    index: str | None = None
    """Name or pattern of the indices; without it the one that the Filebeat artefact writes to."""
    streams: dict[str, dict[str, str]] = {}
    """Stream of the contract → dotted fields of its documents and their values; without it ``log.file.path`` tells."""
    at_most: int = Field(default=10_000, ge=1, le=1_000_000)
    """So many documents are read, the newest first."""


class AttachedSubject(Access):
    """The instances of the service, by name, each with the address of every named port."""

    instances: dict[str, dict[str, str]] = Field(min_length=1)

    @field_validator("instances")
    @classmethod
    def _addresses(cls, value: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for ports in value.values():
            for url in ports.values():
                _address(url)
        return value


class AttachFile(Strict):
    """A running system; what is not named is not asked."""

    harness: Literal["attach/1"]
    subject: AttachedSubject | None = None
    prometheus: AttachedPrometheus | None = None
    alertmanager: Server | None = None
    elasticsearch: AttachedElasticsearch | None = None

    @model_validator(mode="after")
    def _some(self) -> AttachFile:
        if not (self.subject or self.prometheus or self.alertmanager or self.elasticsearch):
            raise ValueError("it names no server: give subject, prometheus, alertmanager or elasticsearch")
        return self


def load_attach(path: Path) -> tuple[AttachFile, Document]:
    """The attach file at ``path`` and its document; raises ``ConfigError`` with line and column."""
    document = load_yaml(path)
    if not isinstance(document.data, dict) or document.data.get("harness") != "attach/1":
        raise ConfigError(
            "this is no attach file", location=document.locate(()), remedy="its first key must be 'harness: attach/1'"
        )
    return validate(AttachFile, document), document
