"""The door: the right line for the wrong interpreter, and the verbs behind it."""

from __future__ import annotations

import ast
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import bootstrap
from habits import commands, engine, stages, verbs
from habits.trouble import TroubleError

ROOT = Path(bootstrap.__file__).parent


def test_the_door_parses_on_old_interpreters() -> None:
    ast.parse((ROOT / "bootstrap.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_too_old_an_interpreter_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["gate"], (3, 10)) == 2
    assert capsys.readouterr().err == (
        "bootstrap: Python 3.11 or later is needed, this is 3.10; "
        "remedy: name a newer one, as in `make gate PYTHON=python3.12` or `python3.12 bootstrap.py gate`\n"
    )


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["help"], 0), (["gait"], 2)])
def test_without_a_known_verb_all_are_listed(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap.main(arguments) == code
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]}
    assert listed == set(verbs.VERBS)


def test_the_makefile_has_every_verb() -> None:
    line = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("VERBS := "))
    assert line.removeprefix("VERBS := ").split() == ["help", *verbs.VERBS]


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """Verbs handle SIGTERM; the test run keeps its own way."""
    previous = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, previous)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Commands that verbs ran; none is started."""
    seen: list[str] = []

    def record(*command: str, env: dict[str, str] | None = None, cwd: Path = ROOT) -> int:
        settings = [f"{name}={value}" for name, value in (env or {}).items()]
        seen.append(" ".join([*settings, *command]))
        return 0

    for module in (verbs, stages):
        monkeypatch.setattr(module, "run", record)
    monkeypatch.setattr(verbs, "become", record)
    monkeypatch.setattr(verbs, "ensure_environment", lambda: seen.append("environment"))
    return seen


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["gate", "--speed", "20"], ".venv/bin/harness gate scenarios/campaign.yaml --speed 20"),
        (["provision"], ".venv/bin/harness provision"),
        (["images", "--list"], ".venv/bin/harness images --list"),
        (["bench"], ".venv/bin/python -m pytest -s -o python_files=bench_*.py tests/performance"),
        (["soak", "N=3"], "SOAK_GATES=3 .venv/bin/python -m pytest tests/soak tests/sabotage -m nightly -v -s"),
        (["soak"], "SOAK_GATES=10 .venv/bin/python -m pytest tests/soak tests/sabotage -m nightly -v -s"),
        (["docs"], f".venv/bin/python -m pytest -q {' '.join(verbs.DOCUMENT_TESTS)}"),
    ],
)
def test_a_verb_is_one_plain_command(arguments: list[str], command: str, ran: list[str]) -> None:
    assert bootstrap.main(arguments) == 0
    assert ran == ["environment", command]


def test_lint_runs_every_linter(ran: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["lint"]) == 0
    assert ran == ["environment", ".venv/bin/ruff check .", ".venv/bin/mypy", ".venv/bin/lint-imports"]
    assert capsys.readouterr().out.splitlines()[-1] == "3 passed, 0 failed"


def test_test_runs_every_stage_in_order_and_counts_a_pytest_without_result_as_failed(
    ran: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stages, "ROOT", tmp_path)
    monkeypatch.setattr(stages, "why_no_engine", lambda: "")
    assert bootstrap.main(["test"]) == 1
    programs = [command.split()[0].removeprefix(".venv/bin/") for command in ran[1:]]
    assert programs == ["coverage", "ruff", "mypy", "lint-imports", *["coverage"] * 6, "harness"]
    assert capsys.readouterr().out.splitlines()[-1] == "6 passed, 4 failed"


def test_without_an_engine_the_stage_of_containers_says_loudly_that_it_did_not_run(
    ran: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stages, "ROOT", tmp_path)
    monkeypatch.setattr(stages, "why_no_engine", lambda: "no engine here")
    assert bootstrap.main(["test"]) == 1
    assert not [command for command in ran if "tests/containers" in command]
    told = capsys.readouterr().out.splitlines()
    assert "containers   NOT RUN: no engine here" in told
    assert told[-2:] == ["6 passed, 3 failed", "WARNING: the stage containers did NOT run: no engine here"]


@pytest.mark.parametrize(
    ("uid", "program", "listens", "reason"),
    [
        (1000, "/usr/sbin/dockerd", False, "no container engine answers on"),
        (0, None, False, "no container engine answers on"),
        (0, "/usr/sbin/dockerd", False, ""),
        (1000, None, True, ""),
    ],
)
def test_an_engine_answers_or_can_be_started_by_root(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, uid: int, program: str | None, listens: bool, reason: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'e'}")
    monkeypatch.setattr(engine.os, "geteuid", lambda: uid)
    monkeypatch.setattr(engine.shutil, "which", lambda _name: program)
    with socket.socket(socket.AF_UNIX) as server:
        if listens:
            server.bind(str(tmp_path / "e"))
            server.listen()
        found = engine.why_no_engine()
    assert found.startswith(reason) if reason else not found


def test_containers_installs_an_engine_where_it_may(
    ran: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "why_no_engine", lambda: "none")
    monkeypatch.setattr(engine, "run", verbs.run)
    monkeypatch.setattr(engine.os, "geteuid", lambda: 0)
    monkeypatch.setattr(engine.shutil, "which", lambda _name: "/usr/bin/apt-get")
    assert bootstrap.main(["containers", "-x"]) == 0
    assert ran[-1] == ".venv/bin/python -m pytest tests/containers tests/soak/test_on_containers.py -x"
    assert "docker.io" in ran[-2]
    monkeypatch.setattr(engine.os, "geteuid", lambda: 1000)
    assert bootstrap.main(["containers"]) == 2
    assert "name its socket in DOCKER_HOST" in capsys.readouterr().err


def test_trouble_is_one_line_and_exit_code_2(
    ran: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise TroubleError("no space", "free some")

    monkeypatch.setattr(verbs, "ensure_environment", fail)
    assert bootstrap.main(["gate"]) == 2
    assert ran == []
    assert capsys.readouterr().err == "bootstrap: no space; remedy: free some\n"


def test_lock_needs_uv(
    ran: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bootstrap.main(["lock"]) == 2
    assert capsys.readouterr().err == "bootstrap: uv is not installed; remedy: pip install uv\n"


def test_a_command_is_printed_as_it_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    commands.show(["tool", "a b", "c"], {"NAME": "x y"})
    assert capsys.readouterr().out == "$ NAME='x y' tool 'a b' c\n"


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ({"tests": 5, "failures": 0, "errors": 0, "skipped": 0}, "5 passed, 0 failed"),
        ({"tests": 9, "failures": 2, "errors": 1, "skipped": 2}, "4 passed, 3 failed, 2 skipped"),
    ],
)
def test_pytest_counts_come_from_its_junit_file(
    counts: dict[str, int], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = tmp_path / "result.xml"
    attributes = " ".join(f'{name}="{value}"' for name, value in counts.items())
    result.write_text(f"<testsuites><testsuite {attributes}/></testsuites>")
    stage = stages.Stage("unit", 1.0, *stages.junit_counts(result))
    assert stages.summary([stage]) == (1 if stage.failed else 0)
    assert capsys.readouterr().out.splitlines()[-1] == line


def test_a_pytest_that_ends_badly_fails_even_where_every_test_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "ROOT", tmp_path)
    monkeypatch.setattr(stages, "run", interrupted_after(tmp_path / "build" / "junit" / "unit.xml"))
    stage = stages.pytest_stage("unit", "tests/unit")
    assert (stage.passed, stage.failed) == (4, 1)


def interrupted_after(result: Path) -> Callable[..., int]:
    def run(*_: str) -> int:
        result.parent.mkdir(parents=True)
        result.write_text('<testsuite tests="4" failures="0" errors="0" skipped="0"/>')
        return 3

    return run
