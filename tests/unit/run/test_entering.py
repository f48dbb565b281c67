"""Ports of the subject on [::1] and behind TLS: whoever asks is told the same way in."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.artefacts.topology import Topology
from harness.clauses.production import read_production
from harness.contract import Campaign, load_campaign
from harness.core.errors import ConfigError, Location
from harness.core.tls import Tls
from harness.run import linting, observing
from harness.run.entering import client_of, metrics_tls, secret, secret_names, tls_of
from harness.run.fault_desk import FaultDesk
from harness.run.load.written import request_kind
from harness.run.placement import CellPlace, InstancePlace, topology_of, values_of

ROOT = Path(__file__).parents[3]
CERTIFICATES = ROOT / "tests/integration/tiny/data/odd/certificates"
TLS = "tls:\n  app: {authority: authority.pem, certificate: client.pem, key: client.key, server_name: tiny}\n"


def campaign_of(tmp_path: Path, *edits: tuple[str, str]) -> Campaign:
    folder = tmp_path / "tiny"
    shutil.copytree(ROOT / "fixtures" / "tiny", folder)
    for name in ("authority.pem", "client.pem", "client.key"):
        shutil.copyfile(CERTIFICATES / name, folder / name)
    profile = folder / "profile.yaml"
    text = profile.read_text()
    for before, after in edits:
        assert before in text
        text = text.replace(before, after, 1)
    profile.write_text(text)
    return load_campaign([folder])


def secured(tmp_path: Path, *edits: tuple[str, str]) -> Campaign:
    return campaign_of(tmp_path, ("ports: [app]\n", f'ports: [app]\nhost: "::1"\n{TLS}'), *edits)


def placed(campaign: Campaign, tmp_path: Path) -> tuple[CellPlace, Topology]:
    (plan,) = linting.select(campaign, linting.compile_campaign(campaign), ()).cells
    production = read_production(campaign)
    place = linting._place(campaign, production, plan, tmp_path)
    return place, topology_of(campaign, production, place, tmp_path)


def test_an_instance_is_named_by_its_host_and_scheme(tmp_path: Path) -> None:
    place, _topology = placed(secured(tmp_path), tmp_path)
    (instance,) = place.instances
    assert instance.url("app", "/x") == f"https://[::1]:{instance.ports['app']}/x"
    assert values_of(place, instance, tmp_path, 0)["host"] == "::1"
    plain = InstancePlace("a", 0, {"app": 7}, tmp_path, tmp_path)
    assert (plain.url("app"), plain.scheme("app")) == ("http://127.0.0.1:7", "http")


def test_prometheus_is_told_how_to_enter(tmp_path: Path) -> None:
    place, topology = placed(secured(tmp_path), tmp_path)
    folder = tmp_path / "tiny"
    binding = topology.jobs["tiny"]
    assert [(target.scheme, target.link.peer) for target in binding.targets] == [
        ("https", place.instances[0].address("app"))
    ]
    assert binding.client == {
        "tls_config": {
            "ca_file": str(folder / "authority.pem"),
            "server_name": "tiny",
            "cert_file": str(folder / "client.pem"),
            "key_file": str(folder / "client.key"),
        }
    }


@pytest.mark.parametrize("named", ["job: tiny", 'address: "tiny:8080"'])
def test_what_is_bound_so_can_be_run(tmp_path: Path, capfd: pytest.CaptureFixture[str], named: str) -> None:
    """The files of the entry are the only ones on this machine that a bound configuration may name."""
    campaign = secured(tmp_path, ("job: tiny", named))
    assert linting.main([str(campaign.folder)]) == 0, capfd.readouterr().err


def test_an_address_is_entered_as_a_job_is(tmp_path: Path) -> None:
    _place, topology = placed(secured(tmp_path, ("job: tiny", 'address: "tiny:8080"')), tmp_path)
    assert topology.schemes == {"tiny:8080": "https"}
    assert topology.clients["tiny:8080"]["tls_config"]["server_name"] == "tiny"


def test_who_says_http_means_it(tmp_path: Path) -> None:
    _place, topology = placed(secured(tmp_path, ("job: tiny", "job: tiny, scheme: http")), tmp_path)
    assert (topology.jobs["tiny"].targets[0].scheme, topology.jobs["tiny"].client) == ("http", {})


def test_the_text_is_read_the_same_way(tmp_path: Path) -> None:
    campaign = secured(tmp_path)
    place, _topology = placed(campaign, tmp_path)
    context = SimpleNamespace(campaign=campaign)
    cell: Any = SimpleNamespace(context=context, place=place)
    (target,) = observing.exposition_targets(cell)
    assert target.url == f"https://[::1]:{place.instances[0].ports['app']}/metrics"
    assert target.tls == tls_of(campaign)["app"]


def test_credentials_may_waive_the_certificate(tmp_path: Path) -> None:
    accept = ("metrics: {port: app}", "metrics: {port: app, credentials: {any_certificate: true}}")
    campaign = secured(tmp_path, accept)
    known = tls_of(campaign)["app"]
    found = metrics_tls(campaign, known)
    assert found == replace(known, any_certificate=True)
    assert metrics_tls(campaign, None) is None
    metrics = campaign.profile.metrics
    assert metrics
    where = campaign.profile_source.document.locate(("metrics",))
    assert client_of(metrics.credentials, None, where) == {"tls_config": {"insecure_skip_verify": True}}
    assert client_of(None, Tls(), where) == {}


@pytest.mark.parametrize(
    ("tls", "place", "problem"),
    [
        ("{app: {authority: none.pem}}", "9:12", "none.pem cannot be used for TLS: No such file"),
        ("{ap: {any_certificate: true}}", "9:7", "there is no port 'ap'"),
        ("{app: {key: client.key}}", "9:12", "a key goes with a certificate"),
        ("{app: {any_certificate: true, server_name: x}}", "9:12", "where any certificate will do"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(tmp_path: Path, tls: str, place: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tls_of(campaign_of(tmp_path, ("ports: [app]\n", f"ports: [app]\ntls: {tls}\n")))
    assert problem in caught.value.problem
    assert caught.value.location is not None
    assert str(caught.value.location).endswith(f"profile.yaml:{place}")


def test_an_empty_secret_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPTY_SECRET", "")
    with pytest.raises(ConfigError, match="EMPTY_SECRET, which holds a secret, is empty"):
        secret("EMPTY_SECRET", Location("profile.yaml"))


def test_a_header_holds_a_secret_by_reference_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = '    headers: {Authorization: "Bearer {{secret.SHOP_KEY}}"}\n    request_id_header'
    campaign = campaign_of(tmp_path, ("    request_id_header", header))
    assert secret_names(campaign) == {"SHOP_KEY"}
    monkeypatch.delenv("SHOP_KEY", raising=False)
    with pytest.raises(ConfigError, match="the variable SHOP_KEY, which holds a secret, is not set") as caught:
        request_kind("work", campaign, {})
    assert "profile.yaml:" in str(caught.value.location)
    monkeypatch.setenv("SHOP_KEY", "s3cret")
    assert request_kind("work", campaign, {}).headers["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in repr(campaign)
    monkeypatch.setenv("SHOP_KEY", "s3cret\n")
    with pytest.raises(ConfigError) as caught:
        request_kind("work", campaign, {})
    assert "s3cret" not in str(caught.value)


def test_a_hook_is_entered_like_the_port_that_it_lies_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = 'path: /fault, headers: {X-Key: "{{secret.HOOK_KEY}}"}, body'
    campaign = secured(tmp_path, ("path: /fault, body", header))
    assert "HOOK_KEY" in secret_names(campaign)
    monkeypatch.setenv("HOOK_KEY", "s3cret")
    place, _topology = placed(campaign, tmp_path)
    desk: Any = FaultDesk.__new__(FaultDesk)
    desk.cell = SimpleNamespace(context=SimpleNamespace(campaign=campaign), place=place)
    (call,) = desk._calls(campaign.profile.faults["failures"].inject, 3.0)
    assert (call.server, call.headers, call.timeout_s) == (place.instances[0].url("app"), {"X-Key": "s3cret"}, 3.0)
    assert call.tls == tls_of(campaign)["app"]


def test_ports_of_an_image_are_published_by_ipv4(tmp_path: Path) -> None:
    image = 'ports: [app]\nhost: "::1"\n'
    start = ("start:\n", "start:\n  image: {name: tiny, ports: {app: 80}}\n")
    with pytest.raises(ConfigError, match=r"published on 127\.0\.0\.1: leave out host"):
        campaign_of(tmp_path, ("ports: [app]\n", image), start)
