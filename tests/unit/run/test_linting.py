"""What binding refuses is told without starting anything; who is asked where."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.clauses.production import read_production
from harness.contract import Campaign, load_campaign
from harness.run import linting
from harness.run.cell import Cell
from harness.run.placement import CellPlace, InstancePlace, asked_paths

TINY = Path(__file__).parents[3] / "fixtures" / "tiny"
Made = Callable[..., Path]
JOB = "  - job_name: node\n    static_configs:\n      - targets: [node:9100]\n"


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """The smallest subject with more jobs, more that stands for them, and one more edit of a file."""

    def make(jobs: str = "", stands_for: str = "", edit: tuple[str, str, str] | None = None) -> Path:
        folder = tmp_path / "tiny"
        shutil.copytree(TINY, folder)
        prometheus, profile = folder / "production" / "prometheus.yml", folder / "profile.yaml"
        prometheus.write_text(prometheus.read_text() + jobs)
        profile.write_text(profile.read_text().replace("stands_for:\n", f"stands_for:\n{stands_for}"))
        (folder / "node.prom").write_text("# TYPE disk gauge\ndisk 5\n")
        if edit:
            file, before, after = edit
            text = (folder / file).read_text()
            assert before in text
            (folder / file).write_text(text.replace(before, after, 1))
        return folder

    return make


def told(folder: Path, capfd: pytest.CaptureFixture[str]) -> list[str]:
    assert linting.main([str(folder)]) == 2
    return capfd.readouterr().err.splitlines()


def test_what_can_be_bound_is_silent(made: Made, capfd: pytest.CaptureFixture[str]) -> None:
    assert linting.main([str(made())]) == 0
    assert capfd.readouterr() == ("", "")


def test_a_job_that_nothing_answers_is_told_with_its_place(made: Made, capfd: pytest.CaptureFixture[str]) -> None:
    first, remedy = told(made(JOB), capfd)
    assert first.endswith("production/prometheus.yml:18:7: the job 'node' scrapes 'node:9100', which nothing binds")
    assert remedy.startswith("  remedy: say in stands_for: of the profile")


def test_what_is_wrong_in_several_files_is_told_at_once(made: Made, capfd: pytest.CaptureFixture[str]) -> None:
    edit = ("production/filebeat.yml", "/var/log/tiny/*.log", "/var/log/other/*.log")
    lines = told(made(JOB, edit=edit), capfd)
    assert [line.split(":")[1].rpartition("/")[2] for line in lines if line.startswith("harness: ")] == [
        "prometheus.yml",
        "filebeat.yml",
    ]


def test_files_that_cannot_be_read_are_told_as_well(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "nowhere" in told(tmp_path / "nowhere", capfd)[0]


def test_secrets_need_not_be_here(
    made: Made, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.environ", {})
    entry = "  - {job: node, port: app, credentials: {bearer_from: TOKEN_OF_NODE}}\n"
    assert linting.main([str(made(JOB, entry))]) == 0, capfd.readouterr().err


def loaded(folder: Path) -> tuple[frozenset[str], Campaign]:
    campaign = load_campaign([folder])
    return asked_paths(campaign, read_production(campaign), "node.prom"), campaign


@pytest.mark.parametrize(
    ("job", "entry", "paths"),
    [
        ("", "{job: node, exposition: node.prom}", {"/metrics"}),
        ("    metrics_path: /probe?x=1\n", "{job: node, exposition: node.prom}", {"/probe"}),
        ("    metrics_path: /probe\n", '{address: "node:9100", exposition: node.prom}', {"/probe"}),
        ("    metrics_path: /probe\n", "{job: node, exposition: node.prom, path: /own}", {"/own"}),
        ("", "{job: node, exposition: node.prom, labels: {__meta_path: /pod}}", {"/metrics", "/pod"}),
    ],
)
def test_a_stand_in_answers_where_production_asks(made: Made, job: str, entry: str, paths: set[str]) -> None:
    assert loaded(made(JOB + job, f"  - {entry}\n"))[0] == paths


@pytest.mark.parametrize("named", ["job: prometheus", 'address: "localhost:9090"'])
def test_a_part_of_the_stack_answers_without_the_prefix_of_production(made: Made, tmp_path: Path, named: str) -> None:
    job = JOB.replace("node:9100", "localhost:9090").replace("node", "prometheus")
    path = "    metrics_path: /prefix/metrics\n"
    campaign = load_campaign([made(job + path, f"  - {{{named}, part: prometheus}}\n")])
    (plan,) = linting.select(campaign, linting.compile_campaign(campaign), ()).cells
    production = read_production(campaign)
    bind, *_rest = linting._steps(campaign, production, plan, tmp_path / "bound")
    rules = bind().artefacts[1].data["scrape_configs"][1]["relabel_configs"]  # type: ignore[attr-defined]
    assert [each["replacement"] for each in rules if each.get("target_label") == "__metrics_path__"] == ["/metrics"]


class Notes:
    """A recorder that keeps what is noted."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str, *, warning: bool) -> None:
        assert warning
        self.lines.append(text)


@pytest.mark.parametrize(
    ("url", "error", "final"),
    [
        ("http://127.0.0.1:1/metrics", "server returned HTTP status 404 Not Found", True),
        ("http://127.0.0.1:1/metrics", "sample limit exceeded", True),
        ("http://127.0.0.1:1/metrics", 'Get "http://127.0.0.1:1/metrics": dial tcp: connection refused', False),
        ("http://127.0.0.1:2/metrics", 'Get "http://127.0.0.1:2/metrics": dial tcp: connection refused', True),
        ("http://127.0.0.1:2/metrics", 'Get "http://127.0.0.1:2/metrics": context deadline exceeded', False),
        ("http://127.0.0.1:2/metrics", "", False),
    ],
)
def test_a_scrape_that_is_in_vain_for_good_keeps_nothing_from_being_ready(url: str, error: str, final: bool) -> None:
    """The port 2 is the subject's: it may refuse for good; what else refuses has yet to start."""
    cell: Any = Cell.__new__(Cell)
    cell.name, cell._began, cell.context = "story", {"prometheus": -100.0}, SimpleNamespace(recorder=Notes())
    instance = InstancePlace("shop-0", 0, {"app": 2}, Path(), Path())
    cell.place = CellPlace("story", Path(), 1.0, (instance,))
    down = [{"scrapeUrl": url, "lastError": error, "labels": {"job": "node"}}]
    assert cell._is_final(down) is final
    noted = [f"story: the job node scrapes in vain: {error}"] if final and ":1/" in url else []
    assert cell.context.recorder.lines == noted
