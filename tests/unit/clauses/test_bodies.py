"""What answers to the load hold, by kind and status."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.model import Clause
from harness.contract import load_campaign
from harness.core.errors import ConfigError
from harness.evidence.records import CellFinished, CellStarted, Request
from harness.evidence.store import Evidence

T = 1_800_000_000.0
TINY = Path(__file__).parents[3] / "fixtures" / "tiny"


def compiled(folder: Path, answers: str) -> dict[str, Clause]:
    shutil.copytree(TINY, folder, dirs_exist_ok=True)
    with (folder / "contract.yaml").open("a") as contract:
        contract.write(f"answers: {answers}\n")
    return {f"{each.name} {each.promise}": each for each in compile_campaign(load_campaign([folder]))}


def request(answer: str = "", status: int = 500, kind: str = "work") -> Request:
    return Request("failing", "p", kind, 1, "r-1", "tiny-0", T, T, T, None, T + 1, status, False, answer=answer)


def judge(clause: Clause, *records: Any, completed: bool = True) -> Any:
    frame = [CellStarted("failing", T, 1.0, 1.0, 1.0, ("tiny-0",)), CellFinished("failing", T + 60, completed)]
    return clause.judge(Evidence([*frame, *records], planned=("failing",)))


@pytest.mark.parametrize(
    ("records", "verdict", "words"),
    [
        ([request('{"error": {"code": "X"}}')], "held", "1 answers as declared"),
        ([request('{"error": {"code": "Y"}}')], "violated", "answer 500 to work r-1: error.code is 'Y', not one of X"),
        ([request('{"error": "X"}')], "violated", "error.code is absent"),
        ([request("[1]")], "violated", "error.code is absent"),
        ([request("<html>")], "violated", "it is no JSON: <html>"),
        ([request(), request("<html>", 200), request("<html>", 500, "other")], "open", "was never answered with 500"),
    ],
)
def test_answers_hold_what_is_declared(tmp_path: Path, records: list[Request], verdict: str, words: str) -> None:
    clause = compiled(tmp_path, "{work: {500: {error.code: [X]}}}")["work body_500"]
    found = judge(clause, *records)
    assert (found.verdict, words in found.message) == (verdict, True)
    assert judge(clause, *records, completed=False).verdict == ("open" if verdict == "held" else verdict)


def test_a_kind_that_is_none_is_an_error_and_one_that_no_story_sends_promises_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'works', which is no request kind") as error:
        compiled(tmp_path, "{works: {200: {id: string}}}")
    assert "work" in error.value.remedy
    profile = tmp_path / "profile.yaml"
    shutil.copytree(TINY, tmp_path, dirs_exist_ok=True)
    profile.write_text(profile.read_text().replace("  work:\n", "  idle: {port: app, path: /}\n  work:\n"))
    with (tmp_path / "contract.yaml").open("a") as contract:
        contract.write("answers: {idle: {200: {id: string}}}\n")
    assert not [each for each in compile_campaign(load_campaign([tmp_path])) if each.promise.startswith("body_")]
