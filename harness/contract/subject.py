"""What a profile says of a subject: how it starts, where it listens and logs, what is asked of it, how it is broken."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.contract.fault_values import COMPARISON
from harness.contract.flows import Flows
from harness.contract.planes import Method
from harness.contract.quantities import HttpPath, WallDuration
from harness.contract.strict import Strict
from harness.core.units import WallSeconds

__all__ = [
    "Credentials",
    "FaultHook",
    "Helper",
    "HookCall",
    "LogSource",
    "Readiness",
    "Reading",
    "RequestKind",
    "Scrape",
    "StandsFor",
    "Start",
    "SubjectImage",
    "TlsPort",
]


class Helper(Strict):
    """A process that must run before the subject, such as a fake upstream."""

    command: list[str] = Field(min_length=1)
    ports: list[str] = []
    environment: dict[str, str] = {}
    folder: str = "."
    ready: Readiness | None = None
    beside: list[Literal["filebeat", "elasticsearch"]] = []
    """It runs only in cells that have these parts, such as an exporter that reads them."""


class Readiness(Strict):
    """A subject is ready when ``path`` on ``port`` answers one of ``status``."""

    port: str
    path: HttpPath = "/"
    status: list[int] = [200]
    within: WallDuration = WallSeconds(30.0)


class SubjectImage(Strict):
    """The subject as an image, for the containers backend.

    ``{port.NAME}`` in ``arguments`` and in the environment of ``start`` is the port that the program listens on.
    Without ``ports`` the container shares the network of the machine and listens on a port of loopback that it is told;
    with them it has the network of its cell, and its own ports are published on loopback.
    """

    short_forms = [{"type": "string"}]

    name: str
    arguments: list[str] = []
    """Arguments after the entry point of the image."""
    ports: dict[str, Annotated[int, Field(ge=1, le=65535)]] = {}
    """Named port → port inside the container."""
    memory: str | None = None
    cpus: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class Start(Strict):
    """How one instance starts.

    ``{port.NAME}``, ``{host}``, ``{logs}``, ``{data}``, ``{build}``, ``{speed}``, ``{seed}``, ``{instance}``,
    ``{index}``, ``{python}`` and ``{helper.NAME.PORT}`` are replaced in command and environment. ``secrets`` maps a
    variable to the environment variable of the caller that holds its value: it is never written to a bundle. A subject
    that runs already has ``running`` alone: it is neither started nor signalled nor ended. With an ``image`` the
    containers backend starts that; the others need a ``command``.
    """

    command: list[str] = []
    launcher: list[str] = []
    """A process of the subject that forks an instance for every order on its standard input; ``command`` is then what
    it is told instead of a program of its own."""
    running: dict[str, Annotated[int, Field(ge=1, le=65535)]] = {}
    """Named port → where on loopback the subject, started by somebody else, listens."""
    folder: str = "."
    environment: dict[str, str] = {}
    secrets: dict[str, str] = {}
    build: list[str] = []
    """A command that is run once before the campaign starts, such as a compiler."""
    image: SubjectImage | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Start:
        if bool(self.command or self.image) == bool(self.running):
            raise ValueError(
                "a subject has either a command that starts it or the ports where it is running, or else an image"
            )
        if self.launcher and not self.command:
            raise ValueError("a launcher is told a command, and there is none")
        if self.running and len(self.model_fields_set) > 1:
            others = ", ".join(sorted(self.model_fields_set - {"running"}))
            raise ValueError(f"a subject that is running already is not started: leave out {others}")
        return self


class LogSource(Strict):
    """Where a stream is written: a file (``path``, with ``{logs}``), or standard output or error."""

    short_forms = [{"type": "string"}]

    path: str | None = None
    output: Literal["stdout", "stderr"] | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether every run finds it at the same place, with what was written there before."""
        return self.path is not None and "{" not in self.path

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"output": value} if value in {"stdout", "stderr"} else {"path": value}
        return value

    @model_validator(mode="after")
    def _one(self) -> LogSource:
        if (self.path is None) == (self.output is None):
            raise ValueError("name either a path or an output")
        return self


class Credentials(Strict):
    """How an endpoint of the subject is entered: secrets are named, variables of the caller hold them."""

    username: str | None = None
    password_from: str | None = None
    bearer_from: str | None = None
    any_certificate: bool = False
    """Accept whatever certificate the endpoint shows: for one that it made itself."""

    @model_validator(mode="after")
    def _whole(self) -> Credentials:
        if (self.username is None) != (self.password_from is None):
            raise ValueError("basic authentication takes username and password_from")
        if self.username is not None and self.bearer_from is not None:
            raise ValueError("choose between username and bearer_from")
        return self


class TlsPort(Strict):
    """How a port that speaks https is entered, whoever asks: harness, load and Prometheus. Files are PEM."""

    any_certificate: bool = False
    authority: str | None = None
    """Who vouches for the certificate, instead of those whom the machine trusts."""
    server_name: str | None = None
    """Whom the certificate is for, where that is not the address."""
    certificate: str | None = None
    key: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> TlsPort:
        if self.key is not None and self.certificate is None:
            raise ValueError("a key goes with a certificate")
        if self.any_certificate and (self.authority or self.server_name):
            raise ValueError("where any certificate will do, nobody vouches for it, and it is for nobody")
        return self


class StandsFor(Strict):
    """A production address (or all targets of a scrape job) that the subject answers to in a cell."""

    address: str | None = None
    job: str | None = None
    part: Literal["prometheus", "alertmanager", "elasticsearch"] | None = None
    """The job or address is this part of the cell's own stack."""
    instance: int | Literal["all"] = "all"
    port: str | None = None
    scheme: Literal["http", "https"] | None = None
    path: HttpPath | None = None
    """Where the metrics are, if not where the job says."""
    labels: dict[str, str] = {}
    """What live discovery would say of the target: ``__meta_…`` labels that production relabels by."""
    credentials: Credentials | None = None
    helper: str | None = None
    """The job or address is this helper, at its port ``port``; where it does not run, ``exposition`` stands in."""
    exposition: str | None = None
    """A file in the exposition format served in the address's stead (a stand-in for an exporter)."""
    does: dict[str, Flows] = {}
    """Series of the exposition → what they do beside keeping their value."""
    logs: str | None = None
    """A production log path or glob; the subject's stream named by ``stream`` is read in its stead."""
    stream: str | None = None
    drop: bool = False
    """The job or address has no stand-in and is left out of the bound configuration."""

    @model_validator(mode="after")
    def _one_name(self) -> StandsFor:
        if sum(name is not None for name in (self.address, self.job, self.logs)) != 1:
            raise ValueError("name one of address, job or logs")
        if self.does and self.exposition is None:
            raise ValueError("does needs an exposition whose series it moves")
        if any(
            len(flows) > 1 or (flows[0].rate is not None and flows[0].at is not None) for flows in self.does.values()
        ):
            raise ValueError("a sample of an exposition counts, as 0.5/s, or has a value; histograms cannot move")
        return self


class HookCall(Strict):
    """An HTTP call of a fault hook; ``{{value}}`` in path and body is replaced by the story's value."""

    method: Method = "POST"
    port: str
    path: HttpPath
    headers: dict[str, str] = {}
    body: Any = None
    helper: str | None = None
    expect: dict[str, Any] = {}
    """JSON pointer → what must stand there: a value, or ``"> 0"`` and the like."""

    @model_validator(mode="after")
    def _compares(self) -> HookCall:
        for wanted in self.expect.values():
            if isinstance(wanted, str) and wanted[:1] in tuple("<>=!") and not COMPARISON.fullmatch(wanted):
                raise ValueError(f"{wanted!r} compares with nothing: write it as '> 0', with >, >=, <, <=, == or !=")
        return self


class HelperLink(Strict):
    """The way from the subject to a port of a helper, as it is named by ``{helper.NAME.PORT}`` where it starts."""

    helper: str
    port: str

    @property
    def hop(self) -> str:
        """The name of the way."""
        return f"{self.helper}.{self.port}"


class FaultHook(Strict):
    """A fault: of the subject, over HTTP, by a signal or a limit; of its way to a helper; or of an exporter's stand-in.

    A stand-in's series take another course: a value, events per second, a value that moves, or ``absent``;
    ``{{value}}`` is replaced. The first scrape of it confirms. A way leads through a proxy in the stories that
    disturb it, and is ``down``, ``blackhole``, ``reset``, ``latency 2s`` (wall) or ``bandwidth 1`` (KB/s), as they say.
    """

    inject: HookCall | None = None
    confirm: HookCall | None = None
    heal: HookCall | None = None
    signal: Literal["kill", "stop", "restart"] | None = None
    limit: Literal["descriptors"] | None = None
    link: HelperLink | None = None
    stand_in: str | None = None
    set: dict[str, str | int | float] = {}
    unit: Literal["ratio", "seconds", "number", "text", "list"] = "number"
    replaces: bool = False
    """Injecting another value takes the place of the one in force; otherwise that one is healed first."""
    within: WallDuration = WallSeconds(5.0)

    @property
    def befalls_process(self) -> bool:
        """Whether it is done to processes, which must be ours and may answer nobody meanwhile, scrapes included."""
        return self.signal is not None or self.limit is not None

    @model_validator(mode="after")
    def _complete(self) -> FaultHook:
        if (self.stand_in is None) != (not self.set):
            raise ValueError("a fault of a stand-in names its exposition and what its series do: stand_in and set")
        calls = (self.inject, self.confirm, self.heal)
        ways = [any(calls) or bool(self.signal), bool(self.limit), bool(self.link), bool(self.stand_in)]
        if sum(ways) > 1:
            raise ValueError("a fault is of the subject, its limits, its way to a helper or a stand-in: one of them")
        if not any(ways[1:]) and self.signal is None and not all(calls):
            raise ValueError("a hook needs inject, confirm and heal: what cannot be confirmed proves nothing")
        return self


class Reading(Strict):
    """Where an answer tells more about a request: JSON pointers, or ``header:NAME``."""

    request_id: str | None = None
    work_units: str | None = None
    labels: dict[str, str] = {}


class RequestKind(Strict):
    """A kind of request as data.

    ``{{seq}}``, ``{{request_id}}``, ``{{random}}`` (another text every time), ``{{canary.NAME}}`` (another text every
    run) and, but for headers, ``{{prompt}}`` are replaced in it.
    """

    port: str
    method: Method = "POST"
    path: HttpPath
    headers: dict[str, str] = {}
    body: Any = None
    expects: list[int] = [200]
    streaming: Literal["none", "sse", "lines"] = "none"
    read: Reading = Reading()
    labels: dict[str, str] = {}
    request_id_header: str | None = None
    timeout: WallDuration = WallSeconds(30.0)
    abort_after: WallDuration | None = None


class Scrape(Strict):
    """Where the subject's metrics are read beside Prometheus."""

    port: str
    helper: str | None = None
    """The port is this helper's, for a subject that pushes to it."""
    path: HttpPath = "/metrics"
    scheme: Literal["http", "https"] | None = None
    headers: dict[str, str] = {}
    credentials: Credentials | None = None
