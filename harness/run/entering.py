"""How ports of the subject are entered: by TLS or not, whom to trust, with which credentials."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from harness.contract import Campaign
from harness.contract.placeholders import SECRET
from harness.contract.subject import Credentials
from harness.core.errors import ConfigError, Location
from harness.core.tls import Tls, client_context

__all__ = ["client_of", "metrics_tls", "opened", "secret", "secret_names", "secret_values", "tls_of"]


def tls_of(campaign: Campaign) -> dict[str, Tls]:
    """Ports that speak https → how; raises ``ConfigError`` where a file of theirs is of no use."""
    found: dict[str, Tls] = {}
    for name, port in campaign.profile.tls.items():
        files = {kind: _absolute(campaign, getattr(port, kind)) for kind in ("authority", "certificate", "key")}
        found[name] = Tls(port.any_certificate, server_name=port.server_name or "", **files)
        try:
            client_context(found[name])
        except ConfigError as error:
            where = campaign.profile_source.document.locate(("tls", name))
            raise ConfigError(error.problem, location=where, remedy=error.remedy) from None
    return found


def _absolute(campaign: Campaign, name: str | None) -> str:
    return str((campaign.profile_source.folder / name).resolve()) if name else ""


def metrics_tls(campaign: Campaign, port: Tls | None) -> Tls | None:
    """How the metrics text is asked for, where it is by https: as the port says, or as ``metrics`` itself does."""
    scrape = campaign.profile.metrics
    if scrape is None or (scrape.scheme or ("https" if port else "http")) == "http":
        return None
    if scrape.credentials and scrape.credentials.any_certificate:
        return replace(port or Tls(), any_certificate=True)
    return port or Tls()


def _tls_config(tls: Tls) -> dict[str, Any]:
    settings = {
        "ca_file": tls.authority,
        "server_name": tls.server_name,
        "cert_file": tls.certificate,
        "key_file": tls.key or tls.certificate,
        "insecure_skip_verify": tls.any_certificate,
    }
    return {key: value for key, value in settings.items() if value}


def client_of(credentials: Credentials | None, tls: Tls | None, where: Location) -> dict[str, Any]:
    """Settings of an HTTP client, as Prometheus writes them; none where nothing need be said."""
    trust = replace(tls or Tls(), any_certificate=True) if credentials and credentials.any_certificate else tls
    config = _tls_config(trust) if trust else {}
    client: dict[str, Any] = {"tls_config": config} if config else {}
    if credentials is None:
        return client
    if credentials.username is not None and credentials.password_from is not None:
        password = secret(credentials.password_from, where)
        client["basic_auth"] = {"username": credentials.username, "password": password}
    if credentials.bearer_from is not None:
        client["authorization"] = {"credentials": secret(credentials.bearer_from, where)}
    return client


def secret_values(campaign: Campaign) -> frozenset[str]:
    """Every secret that the profile refers to and the environment holds: nothing of it may reach a bundle."""
    values = {os.environ.get(name, "") for name in secret_names(campaign)}
    return frozenset(value for value in values if value)


def secret_names(campaign: Campaign) -> frozenset[str]:
    """Variables that hold the secrets to which the profile refers."""
    return frozenset((*_entered(campaign), *_in_headers(campaign), *campaign.profile.start.secrets.values()))


def _entered(campaign: Campaign) -> Iterator[str]:
    profile = campaign.profile
    for each in [*(entry.credentials for entry in profile.stands_for), profile.metrics and profile.metrics.credentials]:
        if each:
            yield from filter(None, (each.password_from, each.bearer_from))


def _in_headers(campaign: Campaign) -> Iterator[str]:
    sent = [kind.headers for kind in campaign.profile.requests.values()]
    sent += [endpoint.headers for endpoint in campaign.contract.endpoints.values()]
    for hook in campaign.profile.faults.values():
        sent += [call.headers for call in (hook.inject, hook.confirm, hook.heal) if call]
    for headers in sent:
        yield from (found[1] for value in headers.values() for found in SECRET.finditer(value))


def opened(headers: Mapping[str, str], where: Location) -> dict[str, str]:
    """``headers`` with what the caller's environment holds for each ``{{secret.VARIABLE}}``."""
    return {
        name: SECRET.sub(lambda found: secret(found[1], where), value) if "{{secret." in value else value
        for name, value in headers.items()
    }


def secret(variable: str, where: Location) -> str:
    """What the caller's environment holds under ``variable``; raises ``ConfigError`` where it holds nothing."""
    if not (held := os.environ.get(variable)):
        state = "not set" if held is None else "empty"
        problem = f"the variable {variable}, which holds a secret, is {state}"
        raise ConfigError(problem, location=where, remedy=f"export {variable}=…")
    return held
