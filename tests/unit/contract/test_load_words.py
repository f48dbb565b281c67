"""Load as a story writes it: every course, traces, users; each mistake at its place; and what the driver is told."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest

from harness.contract import Campaign, load_campaign
from harness.core.errors import ConfigError
from harness.run.inputs import copy_inputs
from harness.run.load.curve import RateCurve
from harness.run.load.plan import Ceiling
from harness.run.load.schedule import Flow, LoadPhase, Replay, Users, expected_count, lay_out
from harness.run.load.written import ceilings_of, kinds_of, load_phase

TINY = Path("fixtures/tiny")
PLAIN = "{name: baseline, lasts: 10s, load: {rate: 0.5/s, mix: {work: 1}}}"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    shutil.copytree(TINY, folder)
    return folder


def write(folder: Path, load: str, end: str = "lasts: 10m") -> Path:
    """The story's first phase, with this load."""
    path = folder / "failing.yaml"
    path.write_text(path.read_text().replace(PLAIN, f"{{name: baseline, {end}, load: {load}}}"))
    return path


def read(folder: Path, load: str, end: str = "lasts: 10m") -> Campaign:
    write(folder, load, end)
    return load_campaign([folder])


def told(folder: Path, load: str, end: str = "lasts: 10m", bound_s: float = 600.0) -> LoadPhase:
    return load_phase(read(folder, load, end).scenarios[0].phases[0], bound_s, folder)


def rates(phase: LoadPhase, *at: float) -> list[float]:
    (flow,) = phase.traffic
    assert isinstance(flow, Flow)
    curve = RateCurve(flow.pieces)
    return [(curve.amount(t + 1e-3) - curve.amount(t)) / 1e-3 for t in at]


COURSES = [
    ("rate: 30/m", (0, 300, 640), (0.5, 0.5, 0.5), 300),
    ("ramp: {from: 0/s, to: 2/s}", (0, 300, 600, 640), (0, 1, 2, 2), 600),
    ("ramp: {from: 2/s, to: 0/s, over: 5m}", (0, 150, 300, 640), (2, 1, 0, 0), 300),
    ("step: {from: 1/s, to: 4/s}", (0, 149, 151, 451, 640), (1, 1, 2, 4, 4), 1500),
    ("step: {from: 1/s, to: 2/s, steps: 2, over: 2m}", (0, 61, 121, 640), (1, 2, 2, 2), 1140),
    ("sine: {from: 1/s, to: 3/s, period: 5m}", (0, 75, 150, 300, 600), (1, 2, 3, 1, 1), 1200),
    ("spike: {from: 1/s, to: 9/s, at: 2m, lasts: 30s}", (0, 119, 121, 149, 151, 640), (1, 1, 9, 9, 1, 1), 840),
    ("spike: {from: 1/s, to: 2/s, at: 0s, lasts: 1m}", (0, 59, 61), (2, 2, 1), 660),
    (
        "sequence: [{rate: 1/s, lasts: 2m}, {ramp: {from: 1/s, to: 3/s}, lasts: 2m}, {ramp: {from: 3/s, to: 0/s}}]",
        (0, 119, 180, 240, 420, 600, 640),
        (1, 1, 2, 3, 1.5, 0, 0),
        120 + 240 + 540,
    ),
    (
        "sequence: [{sine: {from: 0/s, to: 2/s, period: 1m}, lasts: 1m}, {rate: 1/s}]",
        (0, 30, 60, 640),
        (0, 2, 1, 1),
        600,
    ),
]


@pytest.mark.parametrize(("load", "at", "expected", "count"), COURSES, ids=lambda value: str(value)[:20])
def test_a_course_is_told_as_it_is_written(
    tiny: Path, load: str, at: tuple[float, ...], expected: tuple[float, ...], count: float
) -> None:
    phase = told(tiny, f"{{{load}, mix: {{work: 1}}}}")
    assert rates(phase, *at) == pytest.approx(expected, abs=0.02)
    within = LoadPhase("p", 600.0, phase.traffic)
    assert expected_count(within) == pytest.approx(count)
    assert len(list(lay_out(within))) == round(count)
    assert LoadPhase.from_json(phase.to_json()) == phase


def test_what_a_phase_ends_with_goes_on_until_its_condition_is_decided(tiny: Path) -> None:
    phase = told(tiny, "{ramp: {from: 0/s, to: 2/s, over: 1m}, mix: {work: 1}}", "until: TinyFailing paged", 900.0)
    assert phase.duration_s == 960.0
    assert rates(phase, 30, 61, 950) == pytest.approx([1, 2, 2], abs=0.01)


def test_users_and_sums_and_warm_up_reach_the_driver(tiny: Path) -> None:
    load = "{sum: [{rate: 1/s, mix: {work: 1}, arrivals: poisson}, {users: 3, think: 2s, mix: {work: 2}}], warm_up: 1m}"
    phase = told(tiny, load)
    flow, users = phase.traffic
    assert isinstance(flow, Flow)
    assert flow.arrivals == "poisson"
    assert users == Users(3, {"work": 2.0}, 2.0)
    assert phase.warm_up_s == 60.0


@pytest.mark.parametrize("name", ["traffic.csv", "traffic.csv.gz"])
def test_a_trace_is_read_beside_its_story_and_goes_into_the_bundle(name: str, tiny: Path, tmp_path: Path) -> None:
    data = b"seconds,kind\n0.5,work\n2,work\n"
    (tiny / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    campaign = read(tiny, f"{{trace: {name}}}")
    scenario = campaign.scenarios[0]
    phase = load_phase(scenario.phases[0], 600.0, scenario.source.folder)
    assert phase.traffic == (Replay(str(tiny / name)),)
    assert [item.offset_s for item in lay_out(phase)] == [0.5, 2.0]
    assert kinds_of(scenario.phases[0], tiny) == {"work"}
    copy_inputs(campaign, tmp_path / "bundle")
    assert load_campaign([tmp_path / "bundle" / "inputs" / "campaign.yaml"]).scenarios[0].phases == scenario.phases


MISTAKES = {
    "none": ("{mix: {work: 1}}", "load", "write exactly one of rate, ramp, step, sine, spike, trace, users"),
    "two": ("{rate: 1/s, users: 3, mix: {work: 1}}", "load", "there is rate and users"),
    "no mix": ("{rate: 1/s}", "load", "load without a mix"),
    "empty mix": ("{rate: 1/s, mix: {}}", "{}}", "at least 1"),
    "negative": ("{rate: -1/s, mix: {work: 1}}", "-1/s", "a rate is written per unit of production time"),
    "too much": ("{rate: 9999/s, mix: {work: 1}}", "{rate: 9999", "9999/s at speed"),
    "too much later": (
        "{sequence: [{rate: 1/s, lasts: 1m}, {rate: 9999/s}], mix: {work: 1}}", "{rate: 9999", "9999/s at speed",
    ),
    "unknown kind": ("{rate: 1/s, mix: {wrk: 1}}", "wrk", "there is no request kind 'wrk'"),
    "unknown kind in a sum": (
        "{sum: [{rate: 1/s, mix: {work: 1}}, {rate: 1/s, mix: {wrk: 1}}]}", "wrk", "there is no request kind 'wrk'",
    ),
    "typo": ("{ramp: {form: 1/s, to: 2/s}, mix: {work: 1}}", "form:", "unknown key 'form'"),
    "spelling of python": ("{ramp: {from_: 1/s, to: 2/s}, mix: {work: 1}}", "from_", "unknown key 'from_'"),
    "never": ("{spike: {from: 1/s, to: 2/s, at: 11m, lasts: 1s}, mix: {work: 1}}", "11m", "when the phase is over"),
    "thinking rate": ("{rate: 1/s, think: 1s, mix: {work: 1}}", "{rate", "only users think"),
    "random users": ("{users: 1, arrivals: poisson, mix: {work: 1}}", "{users", "leave out arrivals"),
    "no user": ("{users: 0, mix: {work: 1}}", "0, mix", "greater than or equal to 1"),
    "endless part": ("{sequence: [{rate: 1/s}, {rate: 2/s}], mix: {work: 1}}", "{seq", "needs lasts"),
    "mixed trace": ("{trace: t.csv, mix: {work: 1}}", "{trace", "a trace names its own kinds"),
    "mixed sum": ("{sum: [{rate: 1/s, mix: {work: 1}}], mix: {work: 1}}", "{sum", "each part of a sum has its own mix"),
    "warm part": ("{sum: [{rate: 1/s, mix: {work: 1}, warm_up: 1s}]}", "{sum", "write warm_up once"),
    "missing trace": ("{trace: none.csv}", "none.csv", "no file none.csv"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_at_its_place(tiny: Path, name: str) -> None:
    load, where, problem = MISTAKES[name]
    path = write(tiny, load)
    with pytest.raises(ConfigError) as caught:
        load_campaign([tiny])
    assert problem in caught.value.problem
    text = path.read_text()
    start = text.index("load: ")
    before = text[: text.index(load) if where == "load" else text.index(where, start)]
    place = caught.value.location
    assert place is not None
    assert (place.line, place.column) == (before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)


@pytest.mark.parametrize(
    "load",
    [
        "{ramp: {from: 0/s, to: 2/s}, mix: {work: 1}}",
        "{sequence: [{rate: 1/s, lasts: 1m}, {step: {from: 0/s, to: 2/s}}], mix: {work: 1}}",
        "{sum: [{ramp: {from: 0/s, to: 2/s}, mix: {work: 1}}]}",
    ],
)
def test_a_course_over_a_length_that_nobody_knows_is_refused(tiny: Path, load: str) -> None:
    write(tiny, load, "until: TinyFailing paged")
    with pytest.raises(ConfigError, match=r"say over how long the load changes, as in over: 5m"):
        load_campaign([tiny])


TRACES = {
    "not a number": ("0,work\nsoon,work\n", ":2:1", "'soon' is not a number of seconds"),
    "infinite": ("0,work\ninf,work\n", ":2:1", "'inf' is not a number of seconds"),
    "negative": ("-1,work\n", ":1:1", "'-1' is not a number of seconds"),
    "no comma": ("0,work\n12\n", ":2:1", "not an arrival: '12'"),
    "no kind": ("0,\n", ":1:1", "not an arrival: '0,'"),
    "a third column": ("0,work,x\n", ":1:1", "not an arrival"),
    "backwards": ("5,work\n4,work\n", ":2:1", "4 s comes after 5 s"),
    "unknown kind": ("# c\n0,work\n1.5,wrk\n", ":3:5", "there is no request kind 'wrk'"),
    "header later": ("0,work\nseconds,kind\n", ":2:1", "'seconds' is not a number"),
    "nothing": ("# nothing\n", "failing.yaml:5", "holds no arrival"),
}


@pytest.mark.parametrize("name", TRACES)
def test_a_line_that_is_no_arrival_is_told_with_its_place(tiny: Path, name: str) -> None:
    text, place, problem = TRACES[name]
    (tiny / "t.csv").write_text(text)
    write(tiny, "{trace: t.csv}")
    with pytest.raises(ConfigError) as caught:
        load_campaign([tiny])
    assert problem in caught.value.problem
    assert place in str(caught.value.location)


@pytest.mark.parametrize(
    "data",
    [b"\x1f\x8b\x08 not really", gzip.compress(b"0,work\n" * 99, mtime=0)[:-9], b"\xff\xfe"],
    ids=["junk", "cut short", "not packed"],
)
def test_a_damaged_trace_is_refused(tiny: Path, data: bytes) -> None:
    (tiny / "t.csv.gz").write_bytes(data)
    write(tiny, "{trace: t.csv.gz}")
    with pytest.raises(ConfigError, match=r"t\.csv\.gz: the trace cannot be read"):
        load_campaign([tiny])


def test_a_kind_on_a_port_that_nobody_opens_is_refused(tiny: Path) -> None:
    profile = tiny / "profile.yaml"
    text = profile.read_text()
    profile.write_text(text.replace("work:\n    port: app", "work:\n    port: nowhere"))
    with pytest.raises(ConfigError, match="there is no port 'nowhere'"):
        load_campaign([tiny])


def bounded(folder: Path, bounds: str) -> Campaign:
    path = folder / "profile.yaml"
    path.write_text(path.read_text() + f"load: {bounds}\n")
    return load_campaign([folder])


def test_a_profile_names_the_hosts_that_load_may_go_to(tiny: Path) -> None:
    assert ceilings_of(load_campaign([tiny]).profile) == ()
    campaign = bounded(tiny, "{allow: {staging.example.com: {requests: 100, for: 2m wall}}}")
    assert ceilings_of(campaign.profile) == (Ceiling("staging.example.com", 100, 120.0),)


@pytest.mark.parametrize(
    ("bounds", "problem"),
    [
        ("{allow: {staging: {requests: 0, for: 1m wall}}}", "requests: Input should be greater than or equal to 1"),
        ("{allow: {staging: {requests: 9}}}", "lacks the key 'for'"),
        ("{allow: {staging: {requests: 9, for: 1m}}}", "write it as in '1s wall'"),
        ("{allow: {'http://staging': {requests: 9, for: 1m wall}}}", "leave out scheme, port and path"),
        ("{allow: {'staging:80': {requests: 9, for: 1m wall}}}", "leave out scheme, port and path"),
    ],
)
def test_a_ceiling_is_whole_or_an_error_at_its_place(tiny: Path, bounds: str, problem: str) -> None:
    lines = (tiny / "profile.yaml").read_text().count("\n") + 1
    with pytest.raises(ConfigError, match=rf"^profile\.yaml:{lines}:\d+: .*{problem}"):
        bounded(tiny, bounds)
