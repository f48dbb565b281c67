"""Loading is strict: each error names file, line and column, and says how to mend it; nothing else is ever raised."""

import contextlib
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from harness.clauses.compiled import compile_campaign
from harness.contract import Campaign, file_kind, load_campaign, schema
from harness.core.errors import ConfigError

TINY = Path("fixtures/tiny")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A copy of the tiny campaign that a test may spoil."""
    folder = tmp_path / "tiny"
    shutil.copytree(TINY, folder)
    return folder


def load(folder: Path) -> Campaign:
    campaign = load_campaign([folder])
    compile_campaign(campaign)
    return campaign


def place_of(path: Path, text: str) -> tuple[int, int]:
    """Line and column of the first ``text`` in a file."""
    before = path.read_text().split(text)[0]
    return before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1


def test_the_tiny_campaign_loads() -> None:
    campaign = load(TINY)
    assert [scenario.name for scenario in campaign.scenarios] == ["failing"]
    assert campaign.shown(campaign.artefact("prometheus") or Path()) == "production/prometheus.yml"
    assert str(campaign.promise("alerts", "TinyFailing")).startswith("contract.yaml:")


# file, what is replaced, by what, where the error stands (a text), the problem, the remedy
ERRORS: dict[str, tuple[str, str, str, str, str, str]] = {
    "unknown key": (
        "contract.yaml",
        "means: Requests answered.",
        "meens: x",
        "meens",
        "unknown key 'meens'",
        "did you mean 'means'?",
    ),
    "unknown key, nothing near": (
        "campaign.yaml",
        "name: tiny",
        "zzz: 1",
        "zzz",
        "unknown key 'zzz'",
        "known keys here: budget, contract",
    ),
    "unknown key in a phase": (
        "failing.yaml",
        "lasts: 10s",
        "last: 10s",
        "last:",
        "unknown key 'last'",
        "did you mean 'lasts'?",
    ),
    "unknown key in an expectation": (
        "failing.yaml",
        "pages: on-call",
        "page: on-call",
        "page: on",
        "unknown key 'page'",
        "did you mean 'pages'?",
    ),
    "wrong type": ("contract.yaml", "means: Requests answered.", "means: 7", "7", "valid string", "put quotes"),
    "list for mapping": (
        "contract.yaml",
        'labels: {code: ["200", "500"]}',
        "labels: [a]",
        "[a]",
        "valid dictionary",
        "{key: value}",
    ),
    "text for number": (
        "profile.yaml",
        "subject: tiny",
        "subject: tiny\ninstances: many",
        "many",
        "valid integer",
        "whole number",
    ),
    "missing key": ("contract.yaml", "service: tiny\n", "", "harness: contract", "lacks the key 'service'", "add it"),
    "duplicate key": (
        "contract.yaml",
        "service: tiny\n",
        "service: tiny\nservice: other\n",
        "service: other",
        "'service' appears twice",
        "keep one",
    ),
    "misspelt option": (
        "contract.yaml",
        "type: histogram",
        "type: histogramm",
        "histogramm",
        "Input should be",
        "did you mean 'histogram'?",
    ),
    "unknown option": (
        "contract.yaml",
        "type: histogram",
        "type: zzz",
        "zzz",
        "Input should be",
        "write one of: counter, gauge",
    ),
    "unknown fault": (
        "failing.yaml",
        "failures: 100%",
        "failure: 100%",
        "failure:",
        "no fault 'failure'",
        "did you mean 'failures'?",
    ),
    "unknown kind": (
        "failing.yaml",
        "mix: {work: 1}",
        "mix: {wrk: 1}",
        "wrk",
        "no request kind 'wrk'",
        "did you mean 'work'?",
    ),
    "unknown alert": (
        "failing.yaml",
        "alert TinyFailing:",
        "alert Zzz:",
        "alert Zzz",
        "no alert 'Zzz'",
        "known: TinyFailing",
    ),
    "unknown stream": (
        "failing.yaml",
        "log requests:",
        "log request:",
        "log request",
        "no log 'request'",
        "did you mean 'requests'?",
    ),
    "unknown health": (
        "failing.yaml",
        "health service:",
        "health servce:",
        "health servce",
        "no health 'servce'",
        "did you mean 'service'?",
    ),
    "unknown phase": (
        "failing.yaml",
        "during: failing",
        "during: failin",
        "health service",
        "no phase 'failin'",
        "did you mean 'failing'?",
    ),
    "unknown expectation": (
        "failing.yaml",
        "health service:",
        "heath service:",
        "heath service",
        "'heath service' is not an expectation",
        "did you mean 'health'?",
    ),
    "expectation without a name": (
        "failing.yaml",
        "log requests:",
        "log:",
        "log:",
        "'log' is not an expectation",
        "did you mean 'log'?",
    ),
    "load with a name": (
        "failing.yaml",
        "- load: {",
        "- load it: {",
        "load it",
        "'load it' is not an expectation",
        "did you mean 'load'?",
    ),
    "two expectations in one": (
        "failing.yaml",
        "- load: {",
        "- load: {}\n    log requests: {",
        "load: {}",
        "each expectation has one key",
        "",
    ),
    "two phases of one name": (
        "failing.yaml",
        "name: recovery",
        "name: baseline",
        "baseline, until: all",
        "two phases are named 'baseline'",
        "rename one",
    ),
    "bad duration": ("failing.yaml", "lasts: 10s", "lasts: ten", "ten", "'ten' is not a duration", ""),
    "number for duration": ("failing.yaml", "lasts: 10s", "lasts: 10", "10,", "written with its unit", ""),
    "wall for production": ("failing.yaml", "lasts: 10s", "lasts: 10s wall", "10s wall", "this is production time", ""),
    "production for wall": ("campaign.yaml", "name: tiny", "budget: 40s", "40s", "real time on the wall", ""),
    "bad rate": ("failing.yaml", "rate: 0.5/s", "rate: 0.5", "0.5", "such as 0.5/s", ""),
    "bad share": ("failing.yaml", "{all_answered: true,", "{fails: 140%,", "140%", "in percent", ""),
    "weight of nothing": ("failing.yaml", "mix: {work: 1}", "mix: {work: 0}", "0}", "greater than 0", ""),
    "speed without end": ("campaign.yaml", "name: tiny", "speed: .inf", ".inf", "finite number", ""),
    "neither lasts nor until": ("failing.yaml", "lasts: 10s, ", "", "{name: baseline", "either lasts or until", ""),
    "buckets that fall": (
        "contract.yaml",
        "[0.001, 0.01, 0.1, 1]",
        "[1, 0.1]",
        "{type: histogram",
        "buckets must rise",
        "",
    ),
    "buckets of a counter": (
        "contract.yaml",
        "{type: counter, means",
        "{type: counter, buckets: [1], means",
        "{type: counter, buckets",
        "only a histogram has buckets",
        "",
    ),
    "bad pattern": (
        "contract.yaml",
        '{code: ["200", "500"]}',
        "{code: {pattern: '('}}",
        "'('",
        "not a regular expression",
        "",
    ),
    "health of no endpoint": ("contract.yaml", "endpoint: health", "endpoint: helth", "", "which is not declared", ""),
    "missing artefact": (
        "contract.yaml",
        "production/filebeat.yml",
        "production/filebaet.yml",
        "production/filebaet",
        "no file production/filebaet.yml",
        "did you mean 'filebeat.yml'?",
    ),
    "an artefact no file can be named": (
        "contract.yaml",
        "production/filebeat.yml",
        '"a\\0b"',
        '"a\\0b"',
        "cannot be the path of a file",
        "",
    ),
    "missing profile": (
        "campaign.yaml",
        "profile: profile.yaml",
        "profile: profil.yaml",
        "profil.yaml",
        "no file profil.yaml",
        "did you mean 'profile.yaml'?",
    ),
    "missing scenario": (
        "campaign.yaml",
        "name: tiny",
        "scenarios: [nowhere/x.yaml]",
        "nowhere",
        "no file nowhere/x.yaml",
        "paths are relative",
    ),
    "waiver without a date": (
        "campaign.yaml",
        "name: tiny",
        "waivers: [{clause: a, reason: b, owner: c, expires: soon}]",
        "soon",
        "'soon' is not a date",
        "2027-01-31",
    ),
    "waiver of no clause": (
        "campaign.yaml",
        "name: tiny",
        "waivers: [{clause: 'failing::alerts::TinyFailing::page', reason: b, owner: c, expires: 2027-01-31}]",
        "'failing::",
        "there is no clause 'failing::alerts::TinyFailing::page'",
        "did you mean",
    ),
    "another version": ("failing.yaml", "scenario/1", "scenario/2", "scenario/2", "Input should be 'scenario/1'", ""),
    "not YAML": ("contract.yaml", "service: tiny", "service: [tiny", "", "not valid YAML", ""),
    "a tab": ("profile.yaml", "subject: tiny", "subject:\n\t- tiny", "\t- tiny", "not valid YAML", ""),
    "a condition that is none": (
        "failing.yaml",
        "until: all resolved",
        "until: all resolve",
        "all resolve,",
        "no condition to wait for",
        "did you mean 'resolved'?",
    ),
    "a condition on no alert": (
        "failing.yaml",
        "until: TinyFailing paged",
        "until: Tiny paged",
        "Tiny paged",
        "no rule file defines the alert Tiny",
        "defined: TinyFailing",
    ),
    "the same expectation twice": (
        "failing.yaml",
        "  - load: {all",
        "  - load: {all_answered: true, during: baseline}\n  - load: {all",
        "load: {all",
        "two clauses have the id",
        "make them differ",
    ),
    "alerts without Prometheus": (
        "contract.yaml",
        "  prometheus: production/prometheus.yml\n",
        "",
        "",
        "names no prometheus artefact",
        "prometheus",
    ),
    "pages without Alertmanager": (
        "contract.yaml",
        "  alertmanager: production/alertmanager.yml\n",
        "",
        "",
        "names no alertmanager artefact",
        "alertmanager",
    ),
    "quiet for too short": (
        "failing.yaml",
        "may_fire:",
        "quiet: [TinyFailing]\nmay_fire:",
        "TinyFailing]",
        "too short to claim",
        "",
    ),
    "quiet of no alert": (
        "failing.yaml",
        "may_fire:",
        "quiet: [Zzz]\nmay_fire:",
        "Zzz]",
        "no rule file defines the alert Zzz",
        "",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_says_where_and_what_to_do(tiny: Path, name: str) -> None:
    file, old, new, marked, problem, remedy = ERRORS[name]
    path = tiny / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load(tiny)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy
    assert bool(caught.value.remedy) >= bool(remedy)
    where = caught.value.location
    assert where is not None
    assert where.line > 0
    assert where.column > 0
    if marked:
        assert Path(where.file).name == file
        assert (where.line, where.column) == place_of(path, marked)


def test_all_problems_of_a_file_are_told_at_once(tiny: Path) -> None:
    path = tiny / "contract.yaml"
    path.write_text(path.read_text().replace("means:", "meens:"))
    with pytest.raises(ConfigError) as caught:
        load(tiny)
    assert caught.value.problem.count("unknown key 'meens'") == 4
    assert "lacks the key 'means'" in caught.value.problem


FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "neither a campaign nor a scenario"),
    "binary": (bytes(range(256)), "neither a campaign nor a scenario"),
    "another first key": (b"name: x\nharness: campaign/1\n", "neither a campaign nor a scenario"),
    "a contract": (b"harness: contract/1\n", "neither a campaign nor a scenario"),
    "only its first key": (b"harness: campaign/1\n", "lacks the key"),
    "binary further down": (b"harness: campaign/1\n" + b"# padding\n" * 5000 + b"\xff", "not UTF-8"),
    "two documents": (b"harness: campaign/1\n---\na: 1\n", "not valid YAML"),
    "a list": (b"harness: campaign/1\n- a\n", "not valid YAML"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_campaign_is_refused(tmp_path: Path, name: str) -> None:
    content, problem = FILES[name]
    (tmp_path / "campaign.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=problem) as caught:
        load_campaign([tmp_path])
    assert str(tmp_path / "campaign.yaml") in str(caught.value)


def test_what_is_named_must_be_there_and_be_one(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file") as caught:
        load_campaign([tmp_path / "nowhere.yaml"])
    assert caught.value.remedy
    with pytest.raises(ConfigError, match="there is no such file"):
        load_campaign([tmp_path])
    shutil.copytree(TINY, tmp_path / "other")
    with pytest.raises(ConfigError, match="one campaign is gated at a time") as caught:
        load_campaign([tiny, tmp_path / "other"])
    assert caught.value.remedy == "name one of them"
    with pytest.raises(ConfigError, match="named were: none"):
        load_campaign([])
    (tiny / "campaign.yaml").unlink()
    with pytest.raises(ConfigError, match=r"no campaign\.yaml beside it") as caught:
        load_campaign([tiny / "failing.yaml"])
    assert caught.value.remedy


def test_scenarios_are_selected_by_their_files(tiny: Path) -> None:
    second = (tiny / "failing.yaml").read_text()
    (tiny / "second.yaml").write_text(second)
    assert [s.name for s in load_campaign([tiny]).scenarios] == ["failing", "second"]
    assert [s.name for s in load_campaign([tiny / "second.yaml"]).scenarios] == ["second"]
    campaign = tiny / "campaign.yaml"
    campaign.write_text(campaign.read_text() + "scenarios: [failing.yaml]\n")
    with pytest.raises(ConfigError, match="does not list it") as caught:
        load_campaign([tiny / "second.yaml"])
    assert caught.value.remedy == "add it to scenarios in campaign.yaml"


def test_two_stories_of_one_name_are_refused(tiny: Path) -> None:
    (tiny / "more").mkdir()
    shutil.copy(tiny / "failing.yaml", tiny / "more/failing.yaml")
    campaign = tiny / "campaign.yaml"
    campaign.write_text(campaign.read_text() + "scenarios: [failing.yaml, more/failing.yaml]\n")
    with pytest.raises(ConfigError, match=r"the same name as failing\.yaml") as caught:
        load_campaign([tiny])
    assert str(caught.value.location) == "more/failing.yaml:1:1"


def test_a_date_needs_no_quotes_and_a_waiver_of_an_unloaded_story_is_left_alone(tiny: Path) -> None:
    campaign = tiny / "campaign.yaml"
    waived = "failing::alerts::TinyFailing::pages"
    campaign.write_text(
        campaign.read_text() + f"waivers:\n  - {{clause: '{waived}', reason: r, owner: o, expires: 2027-01-31}}\n"
        "  - {clause: 'other::alerts::A::pages', reason: r, owner: o, expires: '2027-01-31'}\n"
    )
    assert [w.expires for w in load(tiny).waivers] == ["2027-01-31"] * 2


@pytest.mark.parametrize("path", sorted(TINY.glob("*.yaml")), ids=lambda path: path.name)
def test_the_schema_refuses_a_typo(path: Path) -> None:
    kind = file_kind(path)
    assert kind
    data = yaml.safe_load(path.read_text())
    checker = jsonschema.Draft202012Validator(schema(kind))
    assert not list(checker.iter_errors(data))
    assert list(checker.iter_errors({**data, "typo": 1}))
    assert list(checker.iter_errors({key: value for key, value in data.items() if key != "harness"}))


def test_a_schema_of_no_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="no file kind 'scenaro'") as caught:
        schema("scenaro")
    assert caught.value.remedy == "did you mean 'scenario'?"


# --- hostile input


HOSTILE: dict[str, str] = {
    "deep": "a: " + "[" * 3000 + "]" * 3000,
    "deep mapping": "".join(f"{' ' * i}a:\n" for i in range(1500)),
    "cycle": "name: &a [*a]",
    "laughs": "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    + "\n".join(f"{b}: &{b} [{','.join(['*' + a] * 10)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    "merge of a list": "<<: [1]",
    "merge of a cycle": "a: &a\n  <<: *a",
    "bool tag": "name: !!bool maybe",
    "int tag": "name: !!int ''",
    "float tag": "name: !!float x",
    "time tag": "name: !!timestamp 2001-99-99",
    "python tag": "name: !!python/object/apply:os.system [ls]",
    "binary": "name: !!binary '*'",
    "list as key": "? [a]\n: b",
    "number as key": "1: a\n.nan: b\n~: c",
    "long number": f"speed: {'9' * 5000}",
    "unknown alias": "a: *nowhere",
    "control": 'name: "\\0\\x07\\ud800"',
    "a path of blanks": 'profile: " "\ncontract: ""',
    "a long path": f"profile: {'x' * 5000}\ncontract: c",
    "nothing but a key": "?",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_is_refused_in_words(tmp_path: Path, name: str) -> None:
    (tmp_path / "campaign.yaml").write_text(f"harness: campaign/1\n{HOSTILE[name]}\n")
    with pytest.raises(ConfigError) as caught:
        load_campaign([tmp_path])
    assert str(caught.value)


VALUES: list[Callable[[random.Random], Any]] = [
    lambda _: None,
    lambda r: r.randint(-2, 99),
    lambda r: r.random(),
    lambda r: r.choice([True, False]),
    lambda r: r.choice(["", "x", "10s", "1s wall", "40%", "TinyFailing", "a\0b", "../..", "{{", "0.5/s", "9" * 400]),
    lambda r: [r.choice(VALUES[:5])(r) for _ in range(r.randint(0, 3))],
    lambda r: {r.choice(["a", "name", "type", 3, None]): r.choice(VALUES[:6])(r) for _ in range(r.randint(0, 3))},
]


def _spoil(data: Any, chance: random.Random) -> Any:
    """``data`` with something in it replaced, removed or added."""
    if not isinstance(data, (dict, list)) or not data or chance.random() < 0.15:
        return chance.choice(VALUES)(chance)
    key = chance.choice(list(data)) if isinstance(data, dict) else chance.randrange(len(data))
    what = chance.random()
    if isinstance(data, dict) and what < 0.1:
        return {k: v for k, v in data.items() if k != key}
    if isinstance(data, dict) and what < 0.2:
        return {**data, chance.choice(["odd", 7, None, "names"]): chance.choice(VALUES)(chance)}
    copy = dict(data) if isinstance(data, dict) else list(data)
    copy[key] = _spoil(data[key], chance)
    return copy


@pytest.mark.parametrize("file", ["campaign.yaml", "contract.yaml", "profile.yaml", "failing.yaml"])
def test_whatever_is_written_only_config_errors_come_out(tiny: Path, file: str) -> None:
    original = yaml.safe_load((tiny / file).read_text())
    refused = 0
    for seed in range(40):
        spoilt = _spoil(original, random.Random(seed))
        (tiny / file).write_text(yaml.safe_dump(spoilt, sort_keys=False))
        with contextlib.suppress(ConfigError):
            load(tiny)
            continue
        refused += 1
    assert refused > 10
