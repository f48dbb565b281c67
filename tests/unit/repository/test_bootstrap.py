"""The door: the right line for the wrong interpreter, and the verbs behind it."""

from __future__ import annotations

import ast
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import bootstrap
from habits import commands, stages, verbs
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
        (["bench"], ".venv/bin/python -m pytest tests/performance"),
        (["soak", "N=3"], "SOAK_GATES=3 .venv/bin/python -m pytest tests/soak -v -s"),
        (["soak"], "SOAK_GATES=10 .venv/bin/python -m pytest tests/soak -v -s"),
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
    assert bootstrap.main(["test"]) == 1
    programs = [command.split()[0].removeprefix(".venv/bin/") for command in ran[1:]]
    assert programs == ["coverage", "ruff", "mypy", "lint-imports", *["coverage"] * 5, "harness"]
    assert capsys.readouterr().out.splitlines()[-1] == "6 passed, 3 failed"


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
