"""The command line becomes settings, one record per instance."""

import socket
from pathlib import Path

import pytest

from reference_router.config import SettingsError, parse


def test_one_instance_has_the_defaults_of_the_specification() -> None:
    launch = parse(["--log-dir", "logs"])
    [settings] = launch.instances
    assert not launch.forked
    assert (settings.app_port, settings.metrics_port, settings.admin_port) == (3000, 9090, None)
    assert (settings.host, settings.hostname) == ("127.0.0.1", socket.gethostname())
    assert (settings.instance_name, settings.service_name, settings.environment) == (
        "router-0",
        "llm-router",
        "production",
    )
    assert settings.memory_limit_bytes == 8 * 1024**3
    assert (settings.health_timeout_s, settings.health_interval_s, settings.health_retries) == (5, 30, 3)
    assert settings.log_dir == settings.disk_path == Path("logs")
    assert (settings.speed, settings.engine) == (1, "simulated")


def test_many_instances_get_names_folders_seeds_and_ports_of_their_own() -> None:
    arguments = ["--log-dir", "logs", "--instances", "2", "--app-port", "3000,3010", "--metrics-port", "0"]
    launch = parse([*arguments, "--admin-port", "0", "--seed", "5", "--models", "spark-1b, forge-34b"])
    first, second = launch.instances
    assert launch.forked
    assert (first.instance_name, second.instance_name, second.hostname) == ("router-0", "router-1", "router-1")
    assert (second.log_dir, second.disk_path) == (Path("logs/router-1"), Path("logs/router-1"))
    assert (first.seed, second.seed) == (5, 6)
    assert [(s.app_port, s.metrics_port, s.admin_port) for s in launch.instances] == [(3000, 0, 0), (3010, 0, 0)]
    assert first.models == ("spark-1b", "forge-34b")


def test_one_instance_under_a_launcher_is_still_forked() -> None:
    launch = parse(["--log-dir", "logs", "--instances", "1", "--disk-path", "/data"])
    assert launch.forked
    assert launch.instances[0].log_dir == Path("logs/router-0")
    assert launch.instances[0].disk_path == Path("/data")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--instances", "2"], "--app-port has 1 port"),
        (["--app-port", "1,2"], "2 port.s. for 1 instance"),
        (["--instances", "2", "--app-port", "0", "--metrics-port", "0", "--instance-name", "a"], "leave it out"),
        (["--engine", "cpu", "--speed", "60"], "use --speed 1"),
    ],
)
def test_options_that_contradict_each_other_are_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse(["--log-dir", "logs", *arguments])


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--log-dir", "l", "--speed", "0"],
        ["--log-dir", "l", "--speed", "inf"],
        ["--log-dir", "l", "--app-port", "70000"],
        ["--log-dir", "l", "--app-port", "x"],
        ["--log-dir", "l", "--workers", "0"],
        ["--log-dir", "l", "--engine", "magic"],
    ],
)
def test_bad_syntax_ends_in_a_usage_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert "usage: reference_router" in capsys.readouterr().err
