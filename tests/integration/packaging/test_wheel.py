"""The wheel: only ``harness`` with its data, usable in an empty environment, silent in other people's pytest."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = ("pyproject.toml", "README.md", "harness", "reference_router", "habits", "fixtures", "scenarios")
LATER = ("pydantic", "yaml", "promql_parser", "orjson", "requests", "urllib3", "prometheus_api_client", "locust")


def run(*command: str | Path, cwd: Path) -> str:
    """Output of ``command``, run outside the repository and outside every setting of this test run."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COVERAGE"))}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, so that nothing is left in the repository and nothing left there gets in."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(ROOT / name, source / name)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps")
    run(*pip, "--no-build-isolation", "--wheel-dir", folder, source, cwd=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the wheel and what it asks for, in the locked versions."""
    folder = tmp_path_factory.mktemp("empty")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    locked = re.findall(r"^([\w.-]+==[^ \\]+.*?) \\$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    (folder / "constraints.txt").write_text("\n".join(locked))
    program = folder / "bin" / "python"
    pip = (program, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile")
    run(*pip, "--constraint", folder / "constraints.txt", wheel, cwd=folder)
    return program


def test_only_the_harness_is_inside(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"harness", f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}


def test_every_tracked_file_of_the_package_is_inside(wheel: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "harness"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git repository")
    tracked = {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    assert tracked <= set(zipfile.ZipFile(wheel).namelist())


def test_every_requirement_has_a_range(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    metadata = archive.read(next(name for name in archive.namelist() if name.endswith("METADATA"))).decode()
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist") and "'dev'" not in line]
    required = [line for line in required if '"dev"' not in line]
    assert required
    assert [line for line in required if not re.search(r"<\d", line) or not re.search(r">=\d", line)] == []
    assert re.findall(r"Provides-Extra: (\w+)", metadata) == ["load", "containers", "router", "dev"]


def test_the_command_runs_in_an_empty_environment(python: Path, tmp_path: Path) -> None:
    assert "gate" in run(python.with_name("harness"), "--help", cwd=tmp_path)


def gevent_modules() -> tuple[str, ...]:
    """The modules of the load process, as the import contracts list them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (found,) = (each for each in contracts if each["name"].startswith("What runs on gevent"))
    return ("harness.run.load.driver", *found["protected_modules"])


def test_no_module_needs_an_extra_to_be_imported(python: Path, tmp_path: Path) -> None:
    """Every module outside the load process and the containers can be imported without an extra."""
    code = (
        "import harness, importlib, pkgutil;"
        "names = [m.name for m in pkgutil.walk_packages(harness.__path__, 'harness.')];"
        f"load = {gevent_modules()!r};"
        "held_back = ('harness.run.containers.',);"
        "names = [n for n in names if n not in load and '__main__' not in n and not n.startswith(held_back)];"
        "print(len([importlib.import_module(n) for n in names]))"
    )
    assert int(run(python, "-c", code, cwd=tmp_path)) > 20


def test_a_pytest_run_without_a_file_of_ours_is_unaffected(python: Path, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("kind: something else\n")
    (tmp_path / "test_own.py").write_text(
        "import json, sys\n"
        f"LATER = {LATER!r}\n"
        "def test_loaded():\n"
        "    seen = sorted(n for n in sys.modules if n.split('.')[0] in LATER)\n"
        "    print(json.dumps([seen, 'harness.pytest_plugin' in sys.modules]))\n"
    )
    with_plugin = run(python, "-m", "pytest", "-qs", "-W", "error", cwd=tmp_path)
    assert json.loads(with_plugin.splitlines()[0]) == [[], True]
    without = run(python, "-m", "pytest", "-qs", "-W", "error", "-p", "no:harness", cwd=tmp_path)
    assert rest_of(with_plugin) == rest_of(without)


def rest_of(output: str) -> str:
    """What pytest printed after the first line, without its time."""
    return re.sub(r"in [\d.]+s", "", output.partition("\n")[2])
