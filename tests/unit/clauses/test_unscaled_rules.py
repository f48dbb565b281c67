"""Rules that no clock can scale: they are left out by name, and nothing else of the campaign is."""

import shutil
from pathlib import Path

import pytest

from harness.artefacts import bind_rules, undo
from harness.clauses.compiled import compile_campaign
from harness.clauses.model import Clause
from harness.clauses.production import clock_of, read_production
from harness.clauses.unscaled import unscaled_notes
from harness.contract import Campaign, load_campaign
from harness.core.errors import ConfigError

RULES = """
  - name: more
    rules:
      - record: tiny:age_seconds
        expr: time() - tiny_requests_total
      - alert: TinyStale
        expr: tiny:age_seconds > 86400
      - alert: TinyFills
        expr: predict_linear(tiny_requests_total[1m], 3600) > 9000
      - alert: TinyNightly
        expr: tiny_requests_total > 5 and on () hour() < 6
"""
STALE = "it reads tiny:age_seconds, which is left out as well"


def campaign(tmp_path: Path, quiet: str = "", expect: str = "", speed: str = "60") -> Campaign:
    folder = shutil.copytree("fixtures/tiny", tmp_path / "tiny", ignore=shutil.ignore_patterns("service"))
    with (folder / "production" / "rules.yml").open("a") as rules:
        rules.write(RULES)
    story = folder / "failing.yaml"
    story.write_text(story.read_text().replace("expect:\n", f"{quiet}expect:\n{expect}"))
    contract = folder / "contract.yaml"
    declared = "".join(f"  {name}: {{means: x}}\n" for name in ("TinyStale", "TinyNightly", "TinyFills"))
    contract.write_text(contract.read_text().replace("\nalerts:\n", f"\nalerts:\n{declared}"))
    with (folder / "campaign.yaml").open("a") as file:
        file.write(f"speed: {speed}\n")
    return load_campaign([folder])


def of(clauses: tuple[Clause, ...], alert: str) -> dict[str, str]:
    return {each.promise: each.not_applicable for each in clauses if each.plane == "alerts" and each.name == alert}


def test_what_is_promised_of_them_live_is_not_applicable_and_says_why(tmp_path: Path) -> None:
    clauses = compile_campaign(campaign(tmp_path))
    stale, nightly = of(clauses, "TinyStale"), of(clauses, "TinyNightly")
    assert stale
    assert all(why.endswith(f"TinyStale is left out of the cell: {STALE}") for why in stale.values())
    assert all("the calendar does not run faster" in why for why in nightly.values())
    assert set(of(clauses, "TinyFills").values()) == {""}
    assert set(of(clauses, "TinyFailing").values()) == {""}


def test_every_rule_is_named_once_with_its_place(tmp_path: Path) -> None:
    chosen = campaign(tmp_path)
    notes = unscaled_notes(chosen, read_production(chosen))
    assert [note.split(": ")[1].split()[0] for note in notes] == ["tiny:age_seconds", "TinyStale", "TinyNightly"]
    assert notes[0].startswith("production/rules.yml:16:9: ")
    assert all(note.endswith("; harness test runs it in virtual time") for note in notes)


def test_the_bound_file_is_the_original_without_them(tmp_path: Path) -> None:
    chosen = campaign(tmp_path)
    production = read_production(chosen)
    clock = clock_of(chosen, production, 60)
    (document,) = production.rule_documents.values()
    bound = bind_rules(document, clock, production.prometheus, production.left_out(clock))
    names = [rule.get("alert", rule.get("record")) for group in bound.data["groups"] for rule in group["rules"]]
    assert names == ["TinyFailing", "TinyFills"]
    assert undo(bound) == document.data
    assert sum("is left out of the cell" in warning for warning in bound.warnings) == 3


def test_a_story_that_is_to_make_one_fire_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TinyNightly is left out") as caught:
        compile_campaign(campaign(tmp_path, expect="  - alert TinyNightly: {pages: on-call}\n"))
    assert "speed" in caught.value.remedy


def test_at_the_speed_of_production_nothing_is_left_out(tmp_path: Path) -> None:
    chosen = campaign(tmp_path, speed="1")
    assert unscaled_notes(chosen, read_production(chosen)) == ()
    assert set(of(compile_campaign(chosen), "TinyStale").values()) == {""}
