"""``harness init``: files that load, say why, hold no value that was seen, and are never written over others."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.clauses.compiled import compile_campaign
from harness.cli import main
from harness.contract import Campaign, load_campaign
from harness.sketch.looking import Place
from tests.unit.sketch.service import METRICS, Page, serving

RULES = """\
groups:
  - name: shop
    rules:
      - {alert: ShopDown, expr: 'up{job="shops"} == 0', for: 1m, annotations: {summary: The shop is gone.}}
      - {alert: ShopFails, expr: 'rate(shop_requests_total{code="500"}[5m]) > 1', annotations: {summary: "{{ 1 }}"}}
      - {alert: ShopSlow, expr: 'histogram_quantile(0.9, rate(shop_request_seconds_bucket[5m])) > 1'}
      - {alert: DiskFull, expr: 'disk_free_bytes < 1'}
"""
LINES = """\
{"time": "2026-01-01T00:00:00Z", "level": "info", "msg": "secret of ann", "ann@example.com": 1, "n": 1, "free": null}
{"time": "2026-01-01T00:00:01Z", "level": "info", "msg": "a rare thing", "n": 1.5, "is": true, "free": {"a": 1}}
{"time": "2026-01-01T00:00:02Z", "level": "warn", "msg": "third", "n": 2, "is": false, "free": []}
"""
SECRETS = ("ann@example.com", "key-0f3c9d", "secret of ann", "a rare thing", "s3cret")


@pytest.fixture
def pages() -> dict[str, Page]:
    return {
        "/metrics": (200, "text/plain; version=0.0.4", METRICS),
        "/healthz": (200, "application/json", '{"status": "ok", "ann@example.com": 1, "uptime": 3.5}'),
        "/buy": (200, "text/html", "<p>ann@example.com</p>"),
    }


@pytest.fixture
def url(pages: dict[str, Page]) -> Iterator[str]:
    with serving(pages) as address:
        yield address


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "shop.log").write_text(LINES)
    return tmp_path


def init(*arguments: str) -> Campaign:
    assert main(["init", *arguments]) == 0
    return load_campaign([Path("scenarios")])


def written() -> str:
    return "".join(path.read_text() for path in sorted(Path("scenarios").iterdir()))


def test_all_that_was_seen_becomes_promises_in_less_than_twenty_lines(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    health, buy = f"{url}/healthz", f"{url}/buy"
    campaign = init(
        *("--metrics", f"{url}/metrics", "--health", health, "--request", buy),
        *("--logs", "shop.log", "--rules", "rules.yml"),
    )
    contract = campaign.contract
    assert len(Path("scenarios/contract.yaml").read_text().splitlines()) < 20
    assert contract.metrics is not None
    assert list(contract.metrics.families) == ["shop_requests_total", "shop_request_seconds"]
    labels = contract.metrics.families["shop_requests_total"].labels
    assert (labels["code"].pattern, labels["user"].at_most, labels["method"].pattern) == (
        "[1-5][0-9x][0-9x]",
        10,
        "[A-Z]+",
    )
    assert contract.logs is not None
    fields = contract.logs.streams["shop"].fields
    assert {name: rule.type for name, rule in fields.items()} == {
        "time": "timestamp",
        "level": "string",
        "msg": "string",
        "n": "number",
        "free": "any",
    }
    assert list(contract.endpoints) == ["healthz"]
    assert set(contract.endpoints["healthz"].answers[200].fields) == {"status", "uptime"}
    assert {name: alert.means for name, alert in contract.alerts.items()} == {
        "ShopDown": "The shop is gone.",
        "ShopFails": "the expression in line 5 holds for 0s",
        "ShopSlow": "the expression in line 6 holds for 0s",
    }
    assert campaign.profile.logs["shop"].path == str(Path("shop.log").resolve())
    assert campaign.profile.requests.keys() == {"healthz", "buy", "stranger"}
    assert campaign.profile.requests["stranger"].expects == [404]
    assert campaign.profile.stands_for[0].job == "shops"
    assert campaign.speed == 60
    told = capsys.readouterr().out
    assert "alerts on metrics that the service does not show: DiskFull (disk_free_bytes)" in told
    assert "metrics whose series carry different labels: shop_mixed_total" in told
    assert {clause.plane for clause in compile_campaign(campaign)} == {
        *("alerts", "metrics", "logs", "endpoints", "load", "subject"),
    }


@pytest.mark.parametrize(
    ("lines", "said", "types"),
    [
        (
            'time=2026-01-01T00:00:00Z level=info msg="secret of ann" n=1 took=1.5 ok size=\n'
            "time=2026-01-01T00:00:01Z level=warn msg=rare n=12 took=2 ok=false size=3\n",
            ("format: logfmt, fields", "all of the last 2 lines, which are logfmt, have"),
            {"time": "timestamp", "n": "integer", "took": "number", "ok": "boolean", "size": "string"},
        ),
        (
            "Server started\nn=1 msg=x\nn=a msg=y\n",
            ("format: logfmt, other_lines: allowed", "2 of the last 3 lines, those that are logfmt, have"),
            {"n": "string"},
        ),
        (
            'Server started\n{"n": 1, "msg": "x"}\n',
            ("{other_lines: allowed", "1 of the last 2 lines, those that are JSON objects, have"),
            {"n": "integer"},
        ),
        (
            "2026-01-01T00:00:00Z INFO secret of ann\nIllegalState: no\n  at x\n2026-01-01T00:00:01Z WARN b - y\n",
            (
                "format: text, pattern:",
                "record_begins:",
                "all of the last 2 records, which are text",
            ),
            {"time": "timestamp", "level": "string", "msg": "string"},
        ),
        (
            "banner\n2026/01/01 00:00:00 one\n2026/01/01 00:00:01 two\n",
            ("format: text, pattern:", "2 of the last 3 lines, those that are text as"),
            {"time": "string", "msg": "string"},
        ),
        (
            '{\n  "n": 1,\n  "msg": "x"\n}\n{\n  "n": 2.5\n}\n',
            ("{record_begins:", "all of the last 2 records have"),
            {"n": "number"},
        ),
    ],
)
def test_the_format_of_a_log_is_recognised(url: str, lines: str, said: tuple[str, str], types: dict[str, str]) -> None:
    Path("shop.log").write_text(lines)
    contract = init("--metrics", f"{url}/metrics", "--logs", "shop.log").contract
    assert all(words in written() for words in said)
    assert "secret of ann" not in written()
    assert contract.logs is not None
    fields = contract.logs.streams["shop"].fields
    assert {name: fields[name].type for name in types} == types


def test_no_value_that_was_seen_stands_in_a_file(url: str) -> None:
    init("--metrics", f"{url}/metrics", "--health", f"{url}/healthz", "--logs", "shop.log", "--rules", "rules.yml")
    assert [secret for secret in SECRETS if secret in written()] == []


def test_every_choice_says_why(url: str) -> None:
    init("--metrics", f"{url}/metrics")
    for name in ("profile.yaml", "contract.yaml"):
        lines = Path("scenarios", name).read_text().splitlines()
        choices = [line for line in lines if ": {" in line and not line.lstrip().startswith("#")]
        assert choices
        # the line above the last request says why it is there
        assert [line for line in choices if "#" not in line and "stranger" not in line] == []


def test_without_a_name_for_it_usual_places_are_asked_for_health(url: str, pages: dict[str, Page]) -> None:
    assert init("--metrics", f"{url}/metrics").profile.ready.path == "/healthz"


def test_a_service_without_any_is_ready_once_it_shows_metrics(url: str, pages: dict[str, Page]) -> None:
    del pages["/healthz"]
    campaign = init("--metrics", f"{url}/metrics")
    assert (campaign.profile.ready.path, list(campaign.contract.endpoints)) == ("/metrics", ["metrics"])


def test_metrics_elsewhere_with_a_query_are_scraped_there(url: str, pages: dict[str, Page]) -> None:
    pages["/probe?target=x"] = pages["/metrics"]
    init("--metrics", f"{url}/probe?target=x")
    text = Path("scenarios/prometheus.yml").read_text()
    assert 'metrics_path: /probe\n    params: {"target": ["x"]}' in text


def test_a_rule_that_cannot_be_scaled_is_gated_at_the_pace_of_production(url: str, here: Path) -> None:
    (here / "rules.yml").write_text(RULES.replace("up{", "hour() + up{"))
    assert init("--metrics", f"{url}/metrics", "--rules", "rules.yml").speed == 1


def test_metrics_are_found_where_they_are_sent_on_to(url: str, pages: dict[str, Page]) -> None:
    pages["/old"] = (307, "/metrics", "")
    campaign = init("--metrics", f"{url}/old")
    assert campaign.profile.metrics is not None
    assert campaign.profile.metrics.path == "/old"  # as Prometheus is told it; it follows by itself


@pytest.mark.parametrize(
    ("arguments", "header"),
    [
        (["--bearer-from", "SHOP_KEY"], "Bearer s3cret"),
        (["--username", "ann", "--password-from", "SHOP_KEY"], "Basic YW5uOnMzY3JldA=="),
    ],
)
def test_metrics_behind_a_lock_are_opened_by_a_variable_that_files_only_name(
    url: str, pages: dict[str, Page], arguments: list[str], header: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", "s3cret")
    pages[f"/locked {header}"] = pages["/metrics"]
    campaign = init("--metrics", f"{url}/locked", *arguments)
    assert campaign.profile.metrics is not None
    entered = campaign.profile.metrics.credentials
    assert entered is not None
    assert "SHOP_KEY" in {entered.bearer_from, entered.password_from}
    assert campaign.profile.stands_for[0].credentials == entered
    assert "s3cret" not in written()


def test_an_answer_that_is_compressed_unasked_is_read(url: str, pages: dict[str, Page]) -> None:
    status, kind, text = pages["/metrics"]
    pages["/packed"] = (status, f"{kind}; packed", text)
    assert init("--metrics", f"{url}/packed").contract.metrics


def test_it_never_writes_over_anything(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    init("--metrics", f"{url}/metrics")
    before = written()
    assert main(["init", "--metrics", f"{url}/metrics"]) == 2
    assert "scenarios holds campaign.yaml, profile.yaml" in capsys.readouterr().err
    assert written() == before
    assert main(["init", "--metrics", f"{url}/metrics", "--into", "other"]) == 0


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [
        ("text/plain; packed as zstd", "it is packed as zstd, which Prometheus never asks for"),
        ("application/vnd.google.protobuf; packed as identity", "text alone is read here"),
        ("text/html; packed as identity", "name the address that Prometheus scrapes"),
    ],
)
def test_an_exposition_that_cannot_be_read_says_why(
    url: str, pages: dict[str, Page], kind: str, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pages["/odd"] = (200, kind, "")
    assert main(["init", "--metrics", f"{url}/odd"]) == 2
    assert f"not an exposition\n  remedy: {remedy}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--metrics", "http://127.0.0.1:1/metrics"], "does not answer"),
        (["--metrics", "http://127.0.0.1:99999/metrics"], "not an address of http"),
        (["--metrics", "http://[::1/metrics"], "not an address of http"),
        (["--metrics", "ftp://127.0.0.1/metrics"], "not an address of http"),
        (["--metrics", "https://127.0.0.1:1/metrics", "--key", "k.pem"], "--key goes with --certificate"),
        (["--metrics", "https://127.0.0.1:1/metrics", "--authority", "k.pem"], "k.pem cannot be used for TLS"),
        (["--metrics", "{url}/metrics", "--request", "http://[::1]:80/"], "127.0.0.1 and [::1] are two addresses"),
        (["--metrics", "http://ann:s3cret@127.0.0.1/metrics"], "--metrics carries a secret"),
        (["--metrics", "http://127.0.0.1/metrics?token=s3cret"], "--metrics carries a secret"),
        (["--metrics", "http://10.0.0.1/metrics"], "not on this machine's 127.0.0.1 or [::1]"),
        (["--metrics", "{url}/healthz"], "is application/json, not an exposition"),
        (["--metrics", "{url}/nowhere"], "/nowhere answered 404"),
        (["--metrics", "{url}/bare"], "shows no metric"),
        (["--metrics", "{url}/metrics", "--health", "{url}/nowhere"], "--health {url}/nowhere answered 404"),
        (["--metrics", "{url}/metrics", "--rules", "missing.yml"], "missing.yml: the file does not exist"),
        (["--metrics", "{url}/metrics", "--rules", "broken.yml"], "broken.yml:2:1: not valid YAML"),
        (["--metrics", "{url}/metrics", "--rules", "empty.yml"], "empty.yml: it holds no alert"),
        (["--metrics", "{url}/metrics", "--logs", "missing.log"], "missing.log: the log cannot be read"),
        (["--metrics", "{url}/metrics", "--logs", "empty.log"], "empty.log: the log is empty"),
        (["--metrics", "{url}/metrics", "--logs", "rules.yml"], "rules.yml: none of its last 7 lines is a JSON object"),
        (["--metrics", "{url}/metrics", "--logs", "stdout"], "--logs stdout is an output of --start"),
        (["--metrics", "{url}/metrics", "--start", "a 'b"], "--start cannot be read"),
        (["--metrics", "{url}/metrics", "--start", "A=1"], "--start names no program"),
        (
            ["--metrics", "{url}/metrics", "--start", "a --api-key=s3cret"],
            "an argument of --start (--api-key=…) looks like a secret",
        ),
        (
            ["--metrics", "{url}/locked"],
            "/locked answered 401\n  remedy: name the variables that open it: --bearer-from",
        ),
        (["--metrics", "{url}/away"], "/away answered 302 and sends on to http://10.0.0.1/m"),
        (["--metrics", "{url}/round"], "/round answered 302 and sends on to /round"),
        (["--metrics", "{url}/metrics", "--request", "{url}/away"], "--request {url}/away answered 302 and sends on"),
        (["--metrics", "{url}/metrics", "--username", "ann"], "--username and --password-from go together"),
        (["--metrics", "{url}/metrics", "--bearer-from", "NO_SUCH_VAR"], "the variable NO_SUCH_VAR is not set"),
        (
            ["--metrics", "{url}/metrics", "--username", "a", "--password-from", "B", "--bearer-from", "C"],
            "--username and --bearer-from are two ways in",
        ),
        (["--metrics", "{url}/metrics", "--start", "a", "--logs", "stdout"], "the service runs already: its stdout"),
        (["--metrics", "{url}/metrics", "--start", "a"], "--start does not say on which port"),
        (["--metrics", "{url}/metrics", "--into", "rules.yml/x"], "cannot be written"),
    ],
)
def test_what_it_cannot_build_on_is_told_and_nothing_is_written(
    url: str, here: Path, pages: dict[str, Page], arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pages["/bare"] = (200, "text/plain", "")
    pages["/locked"] = (401, "text/plain", "no")
    pages["/away"] = (302, "http://10.0.0.1/m?token=s3cret", "")
    pages["/round"] = (302, "/round", "")
    (here / "broken.yml").write_text("groups: [{name: x, rules: 7}")
    (here / "empty.yml").write_text("groups: []\n")
    (here / "empty.log").write_text("\n")
    assert main(["init", *(each.replace("{url}", url) for each in arguments)]) == 2
    said = capsys.readouterr().err
    assert told.replace("{url}", url) in said
    assert "s3cret" not in said
    assert "remedy: " in said or "cannot be read: " in said
    assert not (here / "scenarios").exists() or not list((here / "scenarios").iterdir())


SERVICE = """\
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        print('{"level": "info"}', flush=True)
        self.send_response(200); self.end_headers(); self.wfile.write(b"its_total 1\\n")
    def log_message(self, *_): pass
if os.environ["SHOP_TOKEN"] != "s3cret": sys.exit("no token")
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_command_is_run_to_look_ended_again_and_written_without_its_secret(here: Path) -> None:
    (here / "service.py").write_text(SERVICE)
    port = free_port()
    command = f"PORT={port} SHOP_TOKEN=s3cret {sys.executable} service.py"
    campaign = init("--metrics", f"http://127.0.0.1:{port}/metrics", "--start", command, "--logs", "stdout")
    start = campaign.profile.start
    assert start.command[1:] == ["service.py"]
    assert (start.environment, start.secrets, start.folder) == (
        {"PORT": "{port.app}"},
        {"SHOP_TOKEN": "SHOP_TOKEN"},
        "..",
    )
    assert campaign.profile.logs["stdout"].output == "stdout"
    assert "s3cret" not in written()
    assert main(["init", "--metrics", f"http://127.0.0.1:{port}/", "--into", "x"]) == 2  # nobody listens any more


SLOW = """\
import subprocess, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        ready = self.path == "/metrics" or time.monotonic() > began + 0.3
        self.send_response(200 if ready else 503); self.end_headers(); self.wfile.write(b"its_total 1\\n")
    def log_message(self, *_): pass
began = time.monotonic()
child = subprocess.Popen(["sleep", "60"], start_new_session=True)
open("child.pid", "w").write(str(child.pid))
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_a_service_that_is_not_ready_at_once_is_waited_for_and_ended_with_all_that_it_left(here: Path) -> None:
    (here / "slow.py").write_text(SLOW)
    port = free_port()
    metrics, health = (f"http://127.0.0.1:{port}/{path}" for path in ("metrics", "healthz"))
    init("--metrics", metrics, "--health", health, "--start", f"{sys.executable} slow.py {port}")
    child = int((here / "child.pid").read_text())
    until = time.monotonic() + 5  # whoever is killed still has to die
    while is_alive(child) and time.monotonic() < until:
        time.sleep(0.01)
    assert not is_alive(child)


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.parametrize(
    ("word", "is_one"),
    [
        ("--token=abc", True),
        ("--IdentityProvider.token=", False),
        ("--bearer-token-file=/run/token", False),
        ("--tls-private-key-file=/run/key.pem", False),
        ("postgres://ann:pw@db/x", True),
        ("--port=80", False),
    ],
)
def test_what_looks_like_a_secret(word: str, is_one: bool) -> None:
    from harness.core.errors import ConfigError
    from harness.sketch.starting import starter_of

    refused = False
    try:
        starter_of(f"./service {word}")
    except ConfigError:
        refused = True
    assert refused is is_one


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (
            "{python} -c 'import sys; print(\"no config\"); sys.exit(5)' {port}",
            "--start ended with exit code 5\n  remedy: it said: no config",
        ),
        (
            "PORT={port} SHOP_TOKEN=no {python} service.py",
            "--start ended with exit code 1\n  remedy: it said: no token",
        ),
        ("./missing -port {port}", "--start: ./missing cannot be run"),
        ("PORT={port} SHOP_TOKEN=s3cret {python} -u service.py", "harness: stderr: the log is empty"),
    ],
)
def test_a_command_that_does_not_serve_is_told(
    here: Path, command: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "service.py").write_text(SERVICE)
    port = free_port()
    text = command.format(port=port, python=sys.executable)
    metrics = f"http://127.0.0.1:{port}/metrics"
    assert main(["init", "--metrics", metrics, "--start", text, "--logs", "stderr"]) == 2
    assert told in capsys.readouterr().err


def test_a_log_that_a_variable_names_is_its_own_in_every_run(here: Path) -> None:
    (here / "service.py").write_text(SERVICE)
    port = free_port()
    command = f"PORT={port} SHOP_TOKEN=s3cret LOG=shop.log {sys.executable} service.py"
    campaign = init("--metrics", f"http://127.0.0.1:{port}/metrics", "--start", command, "--logs", "shop.log")
    assert campaign.profile.logs["shop"].path == "{logs}/shop.log"
    assert campaign.profile.start.environment["LOG"] == "{logs}/shop.log"


def test_a_log_that_the_command_names_is_its_own_in_every_run(here: Path) -> None:
    from harness.sketch.starting import starter_of

    starter = starter_of("./service -port 8080 -log /var/log/shop.log -peer 80801")
    assert starter.written({8080: "app"}, "/var/log/shop.log") == (
        'command: ["./service", "-port", "{port.app}", "-log", "{logs}/shop.log", "-peer", "80801"]'
    )


@pytest.mark.parametrize("word", ["shop.log", "-log=/var/tmp/shop.log", "-log=./logs/shop.log"])
def test_a_log_in_the_command_is_that_of_a_run_with_its_folder(word: str) -> None:
    from harness.sketch.starting import starter_of

    written = starter_of(f"./service 80 {word}").written({80: "app"}, "shop.log")
    assert written.endswith(f'"{word[: word.index("=") + 1] if "=" in word else ""}{{logs}}/shop.log"]')


def test_a_family_that_comes_with_the_first_request_is_optional() -> None:
    from harness.clauses.exposition import parse_exposition
    from harness.sketch.families import promising

    families = parse_exposition("# TYPE a_total counter\na_total 1\n# TYPE b gauge\nb 1\n")
    (first, second), _odd = promising(families, {"b"})
    assert (first.rule, second.rule) == ("{type: counter}", "{type: gauge, optional: true}")
    assert second.note == "1 series seen, none before the first request"


@pytest.mark.parametrize("status", [302, 401])
def test_metrics_that_are_closed_and_no_usual_place(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    from harness.sketch import looking

    metrics = looking.Place(80, "/app/metrics", {"Authorization": "Bearer s3cret"})

    def ask(place: looking.Place, _option: str = "") -> looking.Answered:
        text, code = b"a_total 1\n", 200 if place.entry else status if place.path == metrics.path else 404
        return looking.Answered(place, code, "text/plain", text, 0.01)

    monkeypatch.setattr(looking, "ask", ask)
    seen = looking.look(metrics, (), ())
    assert [(each.place.path, each.status) for each in seen.health] == [("/app/metrics", status)]
    assert seen.stranger.status == 404


def _addresses() -> list[str]:
    """127.0.0.1, and ::1 where this machine has it."""
    with socket.socket(socket.AF_INET6) as trial, contextlib.suppress(OSError):
        trial.bind(("::1", 0))
        return ["127.0.0.1", "::1"]
    return ["127.0.0.1"]


CERTIFICATES = Path(__file__).parents[2] / "integration/tiny/data/odd/certificates"


@pytest.mark.parametrize("host", _addresses())
def test_https_on_either_address(pages: dict[str, Page], host: str, capsys: pytest.CaptureFixture[str]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "server.pem", CERTIFICATES / "server.key")
    with serving(pages, host, context) as url:
        for more in ([], ["--start", "sleep 5"]):  # nobody waits for trust
            assert main(["init", "--metrics", f"{url}/metrics", *more]) == 2
            assert "--authority FILE, --certificate FILE, or --any-certificate" in capsys.readouterr().err
        campaign = init("--metrics", f"{url}/metrics", "--authority", str(CERTIFICATES / "authority.pem"))
        assert main(["init", "--metrics", f"{url}/metrics", "--any-certificate", "--into", "any"]) == 0
    profile = campaign.profile
    assert (profile.host, list(profile.tls)) == (host, ["app"])
    authority = campaign.folder / (profile.tls["app"].authority or "")
    assert authority.resolve() == CERTIFICATES / "authority.pem"
    assert "    scheme: https\n" in Path("scenarios/prometheus.yml").read_text()
    assert load_campaign([Path("any")]).profile.tls["app"].any_certificate


@pytest.mark.parametrize(
    ("host", "told"), [("127.0.0.1", "says nothing"), ("::1", "as in http://[::1]:80/m"), ("", "the port")]
)
def test_why_a_service_is_silent(monkeypatch: pytest.MonkeyPatch, host: str, told: str) -> None:
    from harness.sketch.starting import _why_silent

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        if address[0] != host:
            raise ConnectionRefusedError
        return socket.socket()

    monkeypatch.setattr(socket, "create_connection", connect)
    assert told in _why_silent(Place(80, "/m"))
