"""``bootstrap.py`` as people run it: real interpreters, a real pip, no network, a package of three files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]

BACKEND = '''
"""A build backend of its own: an editable wheel that holds one command."""
import os, pathlib, select, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    gate = os.environ.get("TEST_HOLD_AT")
    if gate:
        with open(gate, "w") as pipe:  # a named pipe: whoever opens it knows that the build stands here
            poller = select.poll()
            poller.register(pipe, 0)
            poller.poll(30_000)  # until the other side has closed it
    name = "tiny-1-py3-none-any.whl"
    files = {
        "tiny.py": "def main(): print('hello from', __file__)\\n",
        "tiny-1.dist-info/METADATA": "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n",
        "tiny-1.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "tiny-1.dist-info/entry_points.txt": "[console_scripts]\\nharness = tiny:main\\n",
        "tiny-1.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name
'''

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "tiny"
version = "1"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository whose lock is empty and whose command is ``harness``."""
    folder = tmp_path / "a repository"
    folder.mkdir()
    for name in ("bootstrap.py", "Makefile"):
        shutil.copy(REPOSITORY / name, folder / name)
    shutil.copytree(REPOSITORY / "habits", folder / "habits", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "backend.py").write_text(textwrap.dedent(BACKEND))
    (folder / "requirements.lock").write_text("# nothing\n")
    return folder


Bootstrap = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(root: Path) -> Iterator[Bootstrap]:
    """Start ``python3 bootstrap.py`` with the given words and settings; no package index is named."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str, program: tuple[str, ...] = (), **settings: str) -> subprocess.Popen[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "COVERAGE_"))}
        command = program or (sys.executable, "bootstrap.py")
        env |= {"PIP_NO_INDEX": "1", "PIP_RETRIES": "0", **settings}
        started.append(
            subprocess.Popen(
                [*command, *words], cwd=root, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        )
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str]) -> tuple[int, list[str], list[str]]:
    """Exit code, lines of output, lines of errors."""
    output, errors = process.communicate(timeout=120)
    return process.returncode, output.splitlines(), errors.splitlines()


def test_one_command_builds_the_environment_and_becomes_the_tool(root: Path, start: Bootstrap) -> None:
    code, output, errors = finish(start("gate"))
    assert (code, errors) == (0, [])
    assert output[-2] == "$ .venv/bin/harness gate scenarios/campaign.yaml"
    assert output[-1].startswith("hello from")
    assert finish(start("gate"))[1] == output[-2:]


def test_two_at_once_build_one_environment(root: Path, start: Bootstrap, tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    os.mkfifo(hold)
    first = start("gate", TEST_HOLD_AT=str(hold))
    with hold.open():
        second = start("gate")
        assert second.stdout is not None
        assert second.stdout.readline() == "bootstrap: another bootstrap builds the environment, waiting for it\n"
    assert "building the environment" in finish(first)[1][0]
    code, output, _ = finish(second)
    assert (code, len(output)) == (0, 2)


def test_an_install_cut_short_again_and_again_is_built_again(root: Path, start: Bootstrap, tmp_path: Path) -> None:
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        hold = tmp_path / f"hold-{number}"
        os.mkfifo(hold)
        cut = start("gate", TEST_HOLD_AT=str(hold))
        with hold.open():
            cut.send_signal(number)
            assert finish(cut)[0] != 0
        assert not (root / ".venv").exists()
    code, output, _ = finish(start("gate"))
    assert code == 0
    assert "building the environment" in output[0]


def test_no_network_is_one_line(root: Path, start: Bootstrap) -> None:
    (root / "requirements.lock").write_text(f"absent==1 --hash=sha256:{'0' * 64}\n")
    nobody = "http://127.0.0.1:9/simple"
    code, _, errors = finish(start("gate", PIP_NO_INDEX="0", PIP_RETRIES="1", PIP_INDEX_URL=nobody))
    assert code == 2
    assert errors == [
        "bootstrap: the package index cannot be reached; remedy: check the network, "
        "or name a mirror in PIP_INDEX_URL or in pip's configuration"
    ]


def test_make_is_the_same_as_bootstrap_and_turns_failures_into_2(root: Path, start: Bootstrap) -> None:
    # under another make it would tell which folder it enters
    make = ("make", "--no-print-directory", f"PYTHON={sys.executable}")
    assert finish(start(program=make)) == finish(start())
    (root / ".venv").mkdir()
    code, _, errors = finish(start("gate", program=make))
    assert code == 2
    assert "is a folder that bootstrap.py did not make; remedy: move it away" in errors[0]


def test_terminating_a_verb_terminates_what_it_runs(root: Path, start: Bootstrap) -> None:
    finish(start("gate"))
    pid_file = root / "pid"
    coverage = root / ".venv" / "bin" / "coverage"
    coverage.write_text(
        f"#!/bin/sh\necho $$ > {pid_file.name}.new\nmv {pid_file.name}.new {pid_file.name}\nexec sleep 60\n"
    )
    coverage.chmod(0o755)
    running = start("test")
    deadline = time.monotonic() + 20
    while not pid_file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.terminate()
    assert finish(running)[0] == 143
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
