"""Stories beside a recorded bundle, and pytest with the plugin in processes of their own. No component is started."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.evidence.bundle import BundleWriter
from harness.evidence.records import Reading
from harness.front import process

ROOT = Path(__file__).parents[2]
HELD = ROOT / "tests" / "unit" / "replay" / "data" / "tiny"
STUB = ROOT / "tests" / "unit" / "front" / "campaign_stub.py"
WAIVERS = """
waivers:
  - {clause: "failing::logs::requests::arrives", reason: shipper drops one, owner: ops, expires: "9999-01-01"}
  - {clause: "failing::alerts::TinyFailing::fires", reason: was late once, owner: ops, expires: "9999-01-01"}
"""

RunPytest = Callable[..., pytest.RunResult]


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with verdicts of many kinds: a document is missing, no endpoint was asked, two clauses are waived."""
    bundle = tmp_path_factory.mktemp("recorded") / "mixed"
    shutil.copytree(HELD, bundle)
    documents = bundle / "records" / "document.ndjson"
    lines = documents.read_bytes().splitlines(keepends=True)
    lost = next(i for i, line in enumerate(lines) if json.loads(line)["source"].get("level") == "error")
    documents.write_bytes(b"".join(lines[:lost] + lines[lost + 1 :]))
    (bundle / "records" / "answer.ndjson").unlink()
    with (bundle / "inputs" / "campaign.yaml").open("a", encoding="utf-8") as campaign:
        campaign.write(WAIVERS)
    return bundle


@pytest.fixture(scope="session")
def unfit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose machine clock was set during the story: all its verdicts are invalid."""
    bundle = tmp_path_factory.mktemp("recorded") / "unfit"
    shutil.copytree(HELD, bundle)
    readings = (bundle / "records" / "reading.ndjson").read_bytes().splitlines()
    t = json.loads(readings[-1])["t"]
    with BundleWriter(bundle) as writer:
        writer.add(Reading("failing", t, "harness", "clock_step_s", 3600.0))
    return bundle


@pytest.fixture
def stories(pytester: pytest.Pytester) -> Path:
    """The recorded campaign's files in ``stories/`` of an empty project that also has one plain test."""
    folder = pytester.path / "stories"
    shutil.copytree(HELD / "inputs", folder)
    (pytester.path / "test_plain.py").write_text("def test_plain():\n    pass\n")
    return folder


@pytest.fixture
def run_pytest(run_apart: RunPytest, pytester: pytest.Pytester, plugin_options: list[str]) -> RunPytest:
    """pytest with the plugin, in this process unless it has workers."""

    def run(*arguments: str) -> pytest.RunResult:
        if "-n" in arguments:
            return run_apart(*arguments)
        return pytester.runpytest_inprocess(*plugin_options, *arguments)

    return run


@pytest.fixture
def run_apart(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, plugin_options: list[str]) -> RunPytest:
    """pytest with the plugin, in a process of its own."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return lambda *arguments: pytester.runpytest_subprocess(*plugin_options, *arguments, timeout=60)


@pytest.fixture
def stub(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replace the campaign process by one that starts nothing; ``mode`` and ``verdicts`` say what it tells."""
    command = sys.executable, str(STUB)
    monkeypatch.setattr(process, "COMMAND", command)
    pytester.makeconftest(f"import harness.front.process as p\np.COMMAND = {command!r}\n")

    def stub(mode: str = "judge", verdicts: dict[str, str] | None = None) -> None:
        monkeypatch.setenv("STUB_MODE", mode)
        monkeypatch.setenv("STUB_VERDICTS", json.dumps(verdicts or {}))

    return stub


@pytest.fixture
def plugin_options() -> list[str]:
    """Options that load the plugin where it is not installed, and keep that of the load generator away."""
    installed = any(point.name == "harness" for point in importlib.metadata.entry_points(group="pytest11"))
    return ["-p", "no:locust", *([] if installed else ["-p", "harness.pytest_plugin"])]
