"""Which clauses a command line names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.core.errors import ConfigError, MachineError
from harness.front.bundles import bundle_name, new_bundle
from harness.front.choosing import choose, load_chosen
from harness.front.gate import worst
from harness.front.keyword import keyword_matcher
from harness.front.placing import Library

ROOT = Path(__file__).parents[3]
TINY = ROOT / "fixtures" / "tiny"


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ("", True),
        ("fires", True),
        ("FIRES and alerts", True),
        ("logs or alerts", True),
        ("not alerts", False),
        ("not (logs or metrics) and fires", True),
        ("logs or not not alerts", True),
    ],
)
def test_keyword_expressions(expression: str, matches: bool) -> None:
    assert keyword_matcher(expression)("story::alerts::A::fires") is matches


@pytest.mark.parametrize("expression", ["and", "a or", "(a", "a b", "a )", "not", "sum(x)"])
def test_an_expression_that_cannot_be_read_is_refused(expression: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        keyword_matcher(expression)


def test_everything_is_chosen_without_a_wish() -> None:
    assert [chosen.ids for chosen in choose([TINY])] == [()]
    assert [chosen.ids for chosen in choose([TINY], "failing or not failing")] == [()]


def test_expression_and_ids_narrow_the_choice() -> None:
    fires, pages = "failing::alerts::TinyFailing::fires", "failing::alerts::TinyFailing::pages"
    (chosen,) = choose([TINY / "failing.yaml"], "not pages", [fires, pages])
    assert chosen.ids == (fires,)


def test_paths_of_one_campaign_are_one_choice() -> None:
    chosen = load_chosen([TINY / "failing.yaml", TINY, ROOT / "scenarios"])
    assert [item.campaign.name for item in chosen] == ["tiny", "llm-router"]


def test_an_unknown_clause_has_a_nearest_match() -> None:
    with pytest.raises(ConfigError) as caught:
        choose([TINY], wanted=["failing::alerts::TinyFailing::fire"])
    assert "TinyFailing::fires" in caught.value.remedy


def test_nothing_selected_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no clause is selected"):
        choose([TINY], "nothing_like_it")


def test_the_campaign_of_this_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TINY)
    assert [item.campaign.name for item in load_chosen([])] == ["tiny"]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="neither"):
        load_chosen([])


def test_a_story_is_placed_in_its_own_file_and_the_rest_in_the_campaign() -> None:
    library = Library()
    story = library.clauses_in(TINY / "failing.yaml")
    over_all = library.clauses_in(TINY / "campaign.yaml")
    assert {item.clause.scope for item in story} == {"failing"}
    assert {item.clause.scope for item in over_all} == {"campaign"}
    (loaded,) = load_chosen([TINY])
    assert len(story) + len(over_all) == len(loaded.clauses)
    assert all(item.campaign == TINY / "campaign.yaml" for item in (*story, *over_all))


def test_labels_follow_the_promise_as_parameters_do() -> None:
    nodes = [item.nodes for item in Library().clauses_in(TINY / "failing.yaml")]
    assert ("alerts", "TinyFailing", "fires") in nodes
    assert ("logs", "requests", "one_per_failed_work[error]") in nodes


def test_brackets_of_an_expression_become_parentheses(tmp_path: Path) -> None:
    folder = shutil.copytree(TINY, tmp_path / "tiny")
    story = folder / "failing.yaml"
    story.write_text(
        story.read_text().replace("metric sum(tiny_requests_total):", "metric max_over_time(x_total[1m:]):")
    )
    nodes = [item.nodes for item in Library().clauses_in(story)]
    assert ("metrics", "max_over_time(x_total(1m:))", "one_per_work") in nodes


def test_a_story_without_a_campaign_is_a_configuration_error(tmp_path: Path) -> None:
    story = tmp_path / "story.yaml"
    story.write_text((TINY / "failing.yaml").read_text())
    with pytest.raises(ConfigError, match=r"no campaign\.yaml beside it"):
        Library().clauses_in(story)


def test_bundles_lie_below_the_current_folder_and_are_never_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bundle = new_bundle("my gate / 1")
    assert bundle.parent == tmp_path / ".harness" / "bundles"
    assert bundle.name.startswith("my-gate-1-")
    assert (tmp_path / ".harness" / ".gitignore").read_text() == "*\n"
    assert new_bundle("my gate / 1") != bundle
    assert bundle_name("", "x") == "campaign-x"


def test_bundles_elsewhere_leave_no_mark(tmp_path: Path) -> None:
    bundle = new_bundle("gate", tmp_path / "there")
    assert [path.name for path in (tmp_path / "there").iterdir()] == [bundle.name]


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match="the bundle cannot be written: File exists"):
        new_bundle("gate", tmp_path / "file")


@pytest.mark.parametrize(("codes", "code"), [([0, 4], 4), ([4, 1, 0], 1), ([1, 2], 2), ([0], 0), ([2, 130], 130)])
def test_the_worst_campaign_decides(codes: list[int], code: int) -> None:
    assert worst(codes) == code
