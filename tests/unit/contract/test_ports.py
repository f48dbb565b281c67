"""Names of ports, helpers and streams that nothing has, told where they stand."""

from pathlib import Path

import pytest

from harness.contract import load_campaign
from harness.core.errors import ConfigError

FILES = {
    "campaign.yaml": "harness: campaign/1\nprofile: profile.yaml\ncontract: contract.yaml\n",
    "contract.yaml": """\
harness: contract/1
service: s
endpoints:
  e: {port: app, path: /, answers: {200: {}}}
""",
    "profile.yaml": """\
harness: profile/1
subject: s
start: {command: ["true"]}
ports: [app]
ready: {port: app}
metrics: {port: web, helper: push}
helpers:
  push: {command: ["true"], ports: [web], ready: {port: web}}
logs: {out: stdout}
stands_for:
  - {job: a, port: app}
  - {job: b, helper: push}
  - {logs: /x.log, stream: out}
faults:
  f: {inject: {port: app, path: /}, confirm: {helper: push, port: web, path: /}, heal: {port: app, path: /}}
""",
    "story.yaml": "harness: scenario/1\nstory: It runs.\nphases: [{name: all, lasts: 1m}]\n",
}


def load(folder: Path, before: str = "", after: str = "") -> None:
    for name, text in FILES.items():
        (folder / name).write_text(text.replace(before, after, 1) if before else text)
    load_campaign([folder])


def test_names_that_are_there(tmp_path: Path) -> None:
    load(tmp_path)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("ready: {port: app}", "ready: {port: ap}", "profile.yaml:5:15: there is no port 'ap'"),
        ("metrics: {port: web,", "metrics: {port: app,", "profile.yaml:6:17: there is no port 'app'"),
        ("helper: push}\nhelpers", "helper: pull}\nhelpers", "profile.yaml:6:30: there is no helper 'pull'"),
        ("ready: {port: web}", "ready: {port: w}", "profile.yaml:8:57: there is no port 'w'"),
        ("{job: a, port: app}", "{job: a, port: apps}", "profile.yaml:11:20: there is no port 'apps'"),
        ("{job: b, helper: push}", "{job: b, helper: psh}", "profile.yaml:12:22: there is no helper 'psh'"),
        ("stream: out", "stream: oit", "profile.yaml:13:28: there is no log stream 'oit'"),
        ("helper: push, port: web", "helper: push, port: app", "there is no port 'app'"),
        ("e: {port: app", "e: {port: admin", "contract.yaml:4:13: there is no port 'admin'"),
    ],
)
def test_a_slip_is_told_where_it_stands(tmp_path: Path, before: str, after: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, before, after)
    assert told in str(caught.value)
    assert "remedy: " in str(caught.value)
