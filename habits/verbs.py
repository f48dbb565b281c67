"""One verb per habit. A verb's docstring is its line in ``make help``."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from habits.commands import ROOT, become, run, tool
from habits.engine import have_engine
from habits.environment import ensure_environment
from habits.stages import command_stage, containers_stage, pytest_stage, summary
from habits.trouble import TroubleError

__all__ = ["VERBS", "perform"]

CAMPAIGN = "scenarios/campaign.yaml"
NIGHTLY = "scenarios/nightly.yaml"
DOCUMENT_TESTS = (
    "tests/unit/repository/test_documents.py",
    "tests/unit/docs",
    "tests/unit/contract/test_schema_files.py",
)
SIDE_BY_SIDE = ("-n", "3", "--dist", "loadfile")
"""More workers than cores, because stories mostly wait; ``tests/conftest.py`` says which files may be divided."""
LINTERS = (("lint", "ruff", "check", "."), ("types", "mypy"), ("imports", "lint-imports"))


def gate(*options: str) -> int:
    """prove every promise of scenarios/campaign.yaml on real components"""
    return become(tool("harness"), "gate", CAMPAIGN, *options)


def gate_wall(*options: str) -> int:
    """the story about the router's own time and two beside it, at wall speed (half an hour, nightly)"""
    return become(tool("harness"), "gate", NIGHTLY, *options)


def test() -> int:
    """lint, unit, plugin and integration tests with branch coverage, one gate"""
    run(tool("coverage"), "erase")
    linters = [command_stage(name, tool(program), *options) for name, program, *options in LINTERS]
    return summary(
        [
            *linters,
            pytest_stage("unit", "tests/unit", "tests/plugin", "-n", "2"),
            pytest_stage(
                "integration", "tests/integration", "tests/sabotage", "-m", "not (alone or nightly)", *SIDE_BY_SIDE
            ),
            pytest_stage("alone", "tests/integration", "tests/sabotage", "-m", "alone and not nightly"),
            containers_stage(),
            command_stage("combine", tool("coverage"), "combine", "--quiet"),
            command_stage("coverage", tool("coverage"), "report"),
            command_stage("gate", tool("harness"), "gate", CAMPAIGN),
        ]
    )


def lint() -> int:
    """ruff, strict mypy and the import contracts"""
    return summary([command_stage(name, tool(program), *options) for name, program, *options in LINTERS])


def bench(*options: str) -> int:
    """run the benchmarks"""
    return become(tool("python"), "-m", "pytest", "-s", "-o", "python_files=bench_*.py", "tests/performance", *options)


def soak(*options: str) -> int:
    """repeat the gate (N=10), also on one core, and compare the verdicts; all defects; one story over several speeds"""
    numbers = [option.removeprefix("N=") for option in options if option.startswith("N=")]
    others = [option for option in options if not option.startswith("N=")]
    env = {"SOAK_GATES": numbers[-1] if numbers else "10"}
    nightly = ("tests/soak", "tests/sabotage", "-m", "nightly")
    return run(tool("python"), "-m", "pytest", *nightly, "-v", "-s", *others, env=env)


def provision(*options: str) -> int:
    """find, download or build the real components, once per user"""
    return become(tool("harness"), "provision", *options)


def images(*options: str) -> int:
    """have the images of the containers backend ready: fetched, or stand-ins built from the real binaries"""
    return become(tool("harness"), "images", *options)


def containers(*options: str) -> int:
    """the tests on containers, the whole campaign among them; installs an engine where there is none (root, Debian)"""
    have_engine()
    return become(tool("python"), "-m", "pytest", "tests/containers", "tests/soak/test_on_containers.py", *options)


def docs() -> int:
    """check that every link leads somewhere and that generated pages and schemas say what the code says"""
    return become(tool("python"), "-m", "pytest", "-q", *DOCUMENT_TESTS)


def bare() -> int:
    """clone what is committed into an empty home, and run gate and test there"""
    folder = Path(tempfile.mkdtemp(prefix="harness-bare-"))
    env = {"HOME": str(folder / "home")}
    for name in [name for name in os.environ if name.startswith(("HARNESS_", "XDG_"))]:
        del os.environ[name]  # they name folders that are not in the empty home
    try:
        (folder / "home").mkdir()
        code = run("git", "clone", "--quiet", str(ROOT), str(folder / "clone"))
        for verb in ("gate", "test"):
            code = code or run(sys.executable, "bootstrap.py", verb, env=env, cwd=folder / "clone")
        return code
    finally:
        subprocess.run(["chmod", "-R", "u+w", folder], check=False)  # Go's module cache is read-only
        shutil.rmtree(folder)


def lock(*options: str) -> int:
    """resolve pyproject.toml and write requirements.lock anew (needs uv)"""
    if not shutil.which("uv"):
        raise TroubleError("uv is not installed", "pip install uv")
    universal = ("--universal", "--generate-hashes", "--all-extras", "--python-version", "3.11")
    quiet = ("--quiet", "--no-annotate", "--custom-compile-command", "make lock")
    return run("uv", "pip", "compile", *universal, *quiet, *options, "pyproject.toml", "-o", "requirements.lock")


def clean() -> int:
    """remove the environment and what builds and tests leave in this folder"""
    (ROOT / ".venv").unlink(missing_ok=True)
    for name in (".venv.d", "build", "dist", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".import_linter_cache"):
        shutil.rmtree(ROOT / name, ignore_errors=True)
    for path in ROOT.glob(".coverage*"):
        path.unlink()
    return 0


WITH_ENVIRONMENT: tuple[Callable[..., int], ...] = (
    gate,
    gate_wall,
    test,
    lint,
    bench,
    soak,
    provision,
    images,
    containers,
    docs,
)
WITHOUT: tuple[Callable[..., int], ...] = (bare, lock, clean)
VERBS = {verb.__name__.replace("_", "-"): verb for verb in WITH_ENVIRONMENT + WITHOUT}


def usage() -> str:
    """The verbs with a line each."""
    lines = [f"  {name:<10} {verb.__doc__}" for name, verb in VERBS.items()]
    return "\n".join(["make VERB, or python3 bootstrap.py VERB [OPTIONS]", *lines])


def perform(arguments: list[str]) -> int:
    """Do what ``arguments`` name, in the environment where one is needed; the exit code."""
    verb = VERBS.get(arguments[0]) if arguments else None
    if verb is None:
        print(usage())
        return 0 if arguments in ([], ["help"]) else 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if verb in WITH_ENVIRONMENT:
            ensure_environment()
        return verb(*arguments[1:])
    except TroubleError as trouble:
        print(f"bootstrap: {trouble}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
