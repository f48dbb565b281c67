"""The command ``harness`` with a campaign process that starts nothing."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from harness import cli
from harness.front import process as process_module

ROOT = Path(__file__).parents[3]
TINY = ROOT / "fixtures" / "tiny"
STUB = (sys.executable, str(Path(__file__).with_name("campaign_stub.py")))
FIRES = "failing::alerts::TinyFailing::fires"
PAGES = "failing::alerts::TinyFailing::pages"
HARNESS = (
    "import sys, harness.front.process as p, harness.cli; p.COMMAND = tuple(sys.argv[1:3]);"
    "sys.exit(harness.cli.main(sys.argv[3:]))"
)
Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``harness`` in an empty folder; ``mode`` and ``verdicts`` go to the stub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(process_module, "COMMAND", STUB)

    def run(*arguments: str | Path, mode: str = "judge", **verdicts: str) -> int:
        monkeypatch.setenv("STUB_MODE", mode)
        monkeypatch.setenv(
            "STUB_VERDICTS", json.dumps({f"failing::alerts::TinyFailing::{k}": v for k, v in verdicts.items()})
        )
        return cli.main([str(argument) for argument in arguments])

    return run


def bundles(folder: Path) -> list[Path]:
    """In the order in which they were made; two of one second are not told apart by their names."""
    return sorted((folder / ".harness" / "bundles").glob("*"), key=lambda each: each.stat().st_mtime_ns)


def test_a_gate_that_holds(run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("gate", TINY) == 0
    (bundle,) = bundles(tmp_path)
    assert capfd.readouterr().out.splitlines()[-1] == str(bundle)
    request = json.loads((bundle / "request.json").read_bytes())
    assert request["paths"] == [str(TINY)]
    assert request["clauses"] == []


def test_it_says_which_version_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capfd.readouterr().out.startswith(f"harness {version('observability-harness')} ")


@pytest.mark.parametrize(("verdict", "code"), [("violated", 1), ("inconclusive", 4)])
def test_the_exit_code_is_that_of_the_verdicts(run: Run, verdict: str, code: int) -> None:
    assert run("gate", TINY, fires=verdict) == code


def test_a_selection_reaches_the_campaign(run: Run, tmp_path: Path) -> None:
    code = run("gate", TINY, "-k", "pages or fires", "--clause", FIRES, "--speed", "20", "--hold", "--bundle-dir", "b")
    assert code == 0
    (bundle,) = (tmp_path / "b").iterdir()
    request = json.loads((bundle / "request.json").read_bytes())
    assert request["clauses"] == [FIRES]
    assert request["speed"] == 20
    assert request["hold"] is True


def test_a_speed_may_be_measured(run: Run, tmp_path: Path) -> None:
    assert run("gate", TINY, "--speed", "auto") == 0
    (bundle,) = bundles(tmp_path)
    assert json.loads((bundle / "request.json").read_bytes())["speed"] == "auto"


def test_reports_are_written(run: Run, tmp_path: Path) -> None:
    assert run("gate", TINY, "--json", "r.json", "--junit", "r.xml", fires="violated") == 1
    assert "seen as violated" in (tmp_path / "r.json").read_text()
    assert "seen as violated" in (tmp_path / "r.xml").read_text()


def test_two_campaigns_are_gated_one_after_the_other(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("gate", TINY, ROOT / "scenarios", fires="inconclusive") == 4
    assert {bundle.name.split("-20")[0] for bundle in bundles(tmp_path)} == {"tiny", "llm-router"}
    assert "llm-router" in capfd.readouterr().out.splitlines()[-1]


def test_one_report_cannot_hold_two_campaigns(run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("gate", TINY, ROOT / "scenarios", "--json", "r.json") == 2
    assert "one report holds one campaign" in capfd.readouterr().err
    assert not bundles(tmp_path)


@pytest.mark.parametrize("mode", ["die", "fail", "silent"])
def test_no_verdicts_is_exit_code_2(run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str], mode: str) -> None:
    assert run("gate", TINY, mode=mode) == 2
    (bundle,) = bundles(tmp_path)
    out = capfd.readouterr().out
    assert out.splitlines()[-1] == str(bundle)
    assert {"die": "the stub dies", "fail": "no stack today", "silent": "nothing to say"}[mode] in out


@pytest.mark.parametrize("verb", [("gate", TINY), ("load", TINY, "--mix", "work=1", "--rate", "1/s")])
def test_what_the_campaign_refuses_is_told_like_every_other_mistake_in_a_file(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str], verb: tuple[str | Path, ...]
) -> None:
    assert run(*verb, "--json", "r.json", mode="refuse") == 2
    told = capfd.readouterr()
    assert told.err == "harness: rules.yml:3:1: no such alert\n  remedy: name another\n"
    assert told.out == ""
    assert "no such alert" in (tmp_path / "r.json").read_text()
    assert not bundles(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gate",), "neither scenarios/campaign.yaml nor campaign.yaml"),
        (("gate", "nowhere.yaml"), "nowhere.yaml"),
        (("gate", TINY, "--clause", FIRES + "s"), f"did you mean '{FIRES}'"),
        (("gate", TINY, "-k", "and"), "cannot be read"),
        (("gate", TINY / "contract.yaml"), "neither a campaign nor a scenario"),
        (("lint", "nowhere"), "nowhere"),
        (("schema", "scenari"), "did you mean 'scenario'"),
        (("replay", "nowhere"), "there is no such bundle"),
        (("report", "nowhere"), "there is no such bundle"),
        (("diff", "nowhere", "nowhere"), "there is no such bundle"),
        (("explain", "x"), "neither scenarios/campaign.yaml"),
    ],
)
def test_configuration_errors_start_nothing(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: tuple[str | Path, ...], message: str
) -> None:
    assert run(*arguments) == 2
    told = capfd.readouterr()
    assert message in told.err
    assert told.err.startswith("harness: ")
    assert "Traceback" not in told.err
    assert told.out == ""
    assert not bundles(tmp_path)


@pytest.mark.parametrize("speed", ["0", "-1", "inf", "fast"])
def test_a_speed_is_a_positive_number(run: Run, speed: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run("gate", TINY, "--speed", speed)
    assert caught.value.code == 2
    assert "--speed" in capfd.readouterr().err


def test_a_bundle_folder_that_cannot_be_written(run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert run("gate", TINY, "--bundle-dir", "file") == 2
    assert "the bundle cannot be written: File exists" in capfd.readouterr().err


def test_lint_counts_and_lists(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("lint", TINY, "-v") == 0
    lines = capfd.readouterr().out.splitlines()
    assert FIRES in lines
    assert lines[-2:] == [
        f"tiny: 1 scenario, {len(lines) - 2} clauses, no findings",
        "  no story shows that these alerts stay quiet: TinyFailing",
    ]


def test_lint_tells_what_the_gate_could_not_bind(run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(TINY, folder)
    prometheus = folder / "production" / "prometheus.yml"
    prometheus.write_text(prometheus.read_text().replace("job_name: tiny", "job_name: other"))
    assert run("lint", folder) == 2
    told = capfd.readouterr()
    assert told.out.startswith("tiny: 1 scenario")
    assert "prometheus.yml:15:7: the job 'other' scrapes 'tiny:8080', which nothing binds" in told.err


def test_lint_tells_findings_of_a_campaign(run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(TINY, folder)
    rules = folder / "production" / "rules.yml"
    rules.write_text(rules.read_text().replace("tiny_failures_total", "tiny_failurez_total"))
    assert run("lint", folder) == 3
    told = capfd.readouterr().out
    assert "finding" in told.splitlines()[0]
    assert "[not-declared]" in told
    assert "did you mean 'tiny_failures_total'" in told


def test_lint_looks_at_files_without_a_campaign(run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rules, routes = tmp_path / "rules.yml", tmp_path / "alertmanager.yml"
    rules.write_text("groups: [{name: g, rules: [{record: 'a:b', expr: sum(a)}, {alert: A, expr: sum(a)}]}]\n")
    routes.write_text("route: {receiver: d}\nreceivers: [{name: d}, {name: e}]\n")
    assert run("lint", rules, routes, TINY / "production" / "prometheus.yml") == 3
    told = capfd.readouterr().out
    assert told.startswith("3 files: 2 findings\n")
    assert "[no-condition]" in told
    assert "[unused-receiver]" in told
    rules.write_text("groups: []\n")
    assert run("lint", rules) == 0
    assert capfd.readouterr().out == "1 file: no findings\n"
    rules.write_text("a: b\n")
    assert run("lint", rules) == 2
    assert "neither a file of the harness nor rules" in capfd.readouterr().err


def test_explain_says_what_a_finding_means(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("explain", "empty-label") == 0
    told = capfd.readouterr().out
    assert told.startswith("empty-label: ")
    assert "# harness: allow empty-label: REASON" in told


def test_explain_says_what_a_clause_promises(
    run: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(TINY)
    assert run("explain", PAGES) == 0
    told = capfd.readouterr().out
    assert told.splitlines()[0] == PAGES
    assert "promises:" in told
    assert "needs:    pages" in told
    assert run("explain", PAGES + "x") == 2


def test_schema_is_json(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("schema", "scenario") == 0
    assert json.loads(capfd.readouterr().out)["title"]


@pytest.mark.parametrize("kind", ["console", "json", "junit", "ndjson"])
def test_a_report_tells_a_bundle_again(run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str) -> None:
    assert run("gate", TINY, fires="violated") == 1
    (bundle,) = bundles(tmp_path)
    (bundle / "manifest.json").write_text("{}")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for name in ("manifest.json", "events.ndjson"):
            archive.write(bundle / name, f"{bundle.name}/{name}")
    capfd.readouterr()
    assert run("report", tmp_path / "b.zip", "--format", kind) == 0
    assert "seen as violated" in capfd.readouterr().out


def test_a_diff_fails_where_something_got_worse(run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run("gate", TINY)
    run("gate", TINY, fires="violated")
    before, after = bundles(tmp_path)
    for bundle in (before, after):
        (bundle / "manifest.json").write_text("{}")
    assert run("diff", before, after) == 1
    assert f"WORSE held → violated: {FIRES}" in capfd.readouterr().out
    assert run("diff", after, before) == 0
    assert run("diff", after, after) == 0
    assert "none differs" in capfd.readouterr().out


def test_a_diff_with_a_campaign_that_failed_is_refused(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run("gate", TINY)
    (bundle,) = bundles(tmp_path)
    (bundle / "manifest.json").write_text("{}")
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "manifest.json").write_text("{}")
    (empty / "events.ndjson").write_text("")
    assert run("diff", bundle, empty) == 2
    assert f"{empty}: its campaign ended without verdicts" in capfd.readouterr().err


def test_provisioning_verbs_parse_their_own_options(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run("provision", "--help")
    assert caught.value.code == 0
    assert "harness provision" in capfd.readouterr().out


def test_a_reader_that_went_away_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "harness.cli", "lint", str(TINY), "-v"]
    done = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def interrupted(tmp_path: Path, mode: str, times: int, number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HARNESS, *STUB, "gate", str(TINY)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "STUB_MODE": mode},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: any((bundle / "events.ndjson").exists() for bundle in bundles(tmp_path)))
    process.send_signal(number)
    assert process.stderr is not None
    first = "".join(iter(process.stderr.readline, "")) if times == 1 else process.stderr.readline()
    if times > 1:
        while "cancelling" not in first:
            first += process.stderr.readline()
        process.send_signal(number)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, first + err


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_judges_what_was_seen(tmp_path: Path, number: signal.Signals) -> None:
    code, out, err = interrupted(tmp_path, "wait", 1, number)
    assert code == 4
    assert "cancelling" in err
    assert "Traceback" not in err
    assert out.splitlines()[-1] == str(bundles(tmp_path)[0])


def test_with_nohup_the_end_of_the_terminal_ends_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        ["nohup", sys.executable, "-c", HARNESS, *STUB, "gate", str(TINY)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "STUB_MODE": "wait"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: any((bundle / "events.ndjson").exists() for bundle in bundles(tmp_path)))
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)  # of the two this alone cancels: a second interrupt would end it at once
    out, err = process.communicate(timeout=20)
    assert process.returncode == 4
    assert err.count("cancelling") == 1
    assert out.splitlines()[-1] == str(bundles(tmp_path)[0])


def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    code, out, err = interrupted(tmp_path, "deaf", 2)
    assert code == 130
    assert "Traceback" not in err
    assert "ended by a second interrupt" in out
    assert out.splitlines()[-1] == str(bundles(tmp_path)[0])


def test_help_loads_no_dependency() -> None:
    code = "import sys, harness.cli\ntry: harness.cli.main(['--help'])\nexcept SystemExit: pass\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & {"pydantic", "yaml", "orjson", "urllib3", "pytest", "harness.contract", "harness.provision"}
    assert "exit codes" in done.stdout


def test_an_unknown_verb_is_refused(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run("gait")
    assert caught.value.code == 2
    assert "gait" in capfd.readouterr().err


def test_output_survives_a_plain_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    assert run("gate", TINY, fires="violated") == 1
    assert b"seen as violated" in raw.getvalue()
