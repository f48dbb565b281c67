"""Scripts of the conditions, and verdicts on what an alert did under them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.artefacts import read_alertmanager
from harness.artefacts.alertmanager_config import AlertmanagerConfig
from harness.core.source import parse_yaml
from harness.virtual.answers import FiredAlert
from harness.virtual.behaviour import Behaviour
from harness.virtual.command import exit_code
from harness.virtual.conditions import CONDITIONS, script
from harness.virtual.design import Design
from harness.virtual.reasons import NotApplicableError, NotGeneratedError
from harness.virtual.verdicts import Cell, Pair, default_word, judged, paired, resolved_problem

Designed = Callable[..., Design]
ALERTMANAGER = """
route: {receiver: a}
receivers: [{name: a}]
inhibit_rules: [{source_matchers: [severity="critical"], target_matchers: [severity="warning"]}]
"""


@pytest.fixture
def receivers() -> AlertmanagerConfig:
    return read_alertmanager(parse_yaml(ALERTMANAGER, "alertmanager.yml"))


@pytest.mark.parametrize("kind", ["gauge", "counter", "histogram"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_story_is_long_enough_to_fire_and_made_of_whole_evaluations(
    designed: Designed, condition: str, kind: str
) -> None:
    design = designed(kind=kind, range_s=300.0, for_s=100.0, keep_s=50.0)
    try:
        told = script(condition, design)
    except NotApplicableError:
        assert (condition, kind) == ("burst before first scrape", "gauge")
        return
    latest_s = 10 + 300 + 15 + 105
    assert told.healed_s - told.onset_s >= latest_s or told.length_s - told.onset_s >= latest_s
    assert 0 <= told.onset_s < told.healed_s <= told.length_s


@pytest.mark.parametrize(
    ("condition", "at", "error"),
    [
        ("at threshold", {"trigger": 1.0, "healthy": 0.0}, NotGeneratedError),
        ("just below", {"trigger": 1.0, "healthy": 0.0}, NotApplicableError),
        ("sibling", {}, NotApplicableError),
        ("single sample", {}, NotApplicableError),
    ],
)
def test_settings_that_are_lacking_are_named(designed: Designed, condition: str, at, error) -> None:
    with pytest.raises(error):
        script(condition, designed(at=at))


def test_an_alert_on_equality_has_no_other_threshold(designed: Designed) -> None:
    with pytest.raises(NotApplicableError, match="itself is the designed trigger"):
        script("at threshold", designed("foo == 0"))
    for condition in ("at threshold", "just below"):
        with pytest.raises(NotApplicableError, match="compares with no number"):
            script(condition, designed("foo > bar"))


def test_a_hang_of_the_target_itself_is_no_matter_of_samples(designed: Designed) -> None:
    with pytest.raises(NotApplicableError, match="live stories"):
        script("hang", designed("foo == 0", "up", at={"trigger": 0.0, "healthy": 1.0}))


def test_absence_is_triggered_by_absence(designed: Designed) -> None:
    told = script("designed trigger", designed("absent(foo)", at={}))
    assert [segment.seen for segment in told.segments] == ["scraped", "gone", "scraped"]


@pytest.mark.parametrize(
    ("expression", "kind", "condition", "word"),
    [
        ("foo > 10", "gauge", "at threshold", "quiet"),
        ("foo >= 10", "gauge", "at threshold", "any"),
        ("foo > 10", "gauge", "series at zero", "quiet"),
        ("foo < 10", "gauge", "series at zero", "fires"),
        ("foo < 10", "counter", "series at zero", "quiet"),
        ("foo == 0", "gauge", "series at zero", "fires"),
        ("foo > 10", "gauge", "series absent", "quiet"),
        ("absent(foo)", "gauge", "series absent", "fires"),
        ("foo > 10", "gauge", "single sample", "any"),
        ("foo > 10", "gauge", "decay", "no new page"),
    ],
)
def test_good_behaviour_follows_from_the_expression(designed, expression, kind, condition, word) -> None:
    assert default_word(condition, designed(expression, kind)) == word


LEAD_S = 60.0
FIRES = Behaviour(firing=((LEAD_S + 60, LEAD_S + 180),))


def verdict(design: Design, did: Behaviour, word: str = "fires in time") -> Cell:
    return judged(design, "designed trigger", script("designed trigger", design), word, did)


def test_in_time_is_held(designed: Designed) -> None:
    cell = verdict(designed(), FIRES)
    assert (cell.verdict, cell.does) == ("held", "fires 1m to 3m")


@pytest.mark.parametrize(
    ("did", "why"),
    [
        (Behaviour(), "it should fire"),
        (Behaviour(firing=((30.0, 240.0),)), "it already fires when the condition begins"),
        (Behaviour(firing=((LEAD_S + 15, 240.0),)), "too early: 15s"),
        (Behaviour(firing=((LEAD_S + 180, 250.0),)), "too late: 3m"),
        (Behaviour(firing=((LEAD_S + 60, 150.0), (180.0, 195.0))), "it fires 2 times"),
        (Behaviour(firing=((LEAD_S + 60, 900.0),)), "not resolved in time"),
        (Behaviour(firing=FIRES.firing, alerts=(FiredAlert({}, {"summary": "is <no value>"}),)), "summary does not"),
        (Behaviour(firing=FIRES.firing, alerts=(FiredAlert({}, {"summary": " "}),)), "does not render: empty"),
    ],
)
def test_anything_else_is_violated_and_says_why(designed: Designed, did: Behaviour, why: str) -> None:
    cell = verdict(designed(), did)
    assert cell.verdict == "violated"
    assert why in cell.why


def test_words_decide(designed: Designed) -> None:
    assert verdict(designed(), FIRES, "quiet").verdict == "violated"
    assert verdict(designed(), Behaviour(), "quiet").verdict == "held"
    assert verdict(designed(), FIRES, "any").verdict == "reported"
    assert verdict(designed(), FIRES, "fires").verdict == "held"
    assert verdict(designed(), FIRES, "fires between 50s and 1m").verdict == "held"
    assert verdict(designed(), FIRES, "fires between 2m and 3m").why == "it fires 1m after the condition began"


def test_the_end_is_counted_from_the_beginning(designed: Designed) -> None:
    told = script("designed trigger", designed())
    end_s = told.length_s
    ended = Behaviour(firing=((told.onset_s + 60, told.onset_s + 225),))
    assert resolved_problem(told, "", 15, ended) == ""
    assert resolved_problem(told, "between 4m and 5m", 15, ended) == ""
    assert "resolves 4m after" in resolved_problem(told, "between 5m and 6m", 15, ended)
    assert resolved_problem(told, "between 5m and 6m", 15, Behaviour()) == ""
    endless = Behaviour(firing=((told.onset_s + 60, end_s - 15),))
    assert resolved_problem(told, "between 5m and 6m", 15, endless) == "it does not resolve"


def test_only_the_failing_rule_is_to_blame(designed: Designed) -> None:
    own = verdict(designed(), Behaviour(error="rule: A, time: 1m, err: x"))
    other = verdict(designed(), Behaviour(error="rule: AB, time: 1m, err: x"))
    assert (own.verdict, other.verdict) == ("violated", "inconclusive")


CRITICAL = Behaviour(firing=((90.0, 300.0),), labels=({"severity": "critical"},))


def pair(design: Design, receivers: AlertmanagerConfig | None, word: str, warning: Behaviour) -> Cell:
    told = script("decay", design)
    return paired(design, "decay", told, word, Pair(warning, CRITICAL), receivers, {"region": "eu"})


@pytest.mark.parametrize(
    ("spans", "verdict"),
    [
        (((120.0, 285.0),), "held"),
        (((120.0, 330.0),), "violated"),
        (((75.0, 330.0),), "held"),
        (((75.0, 100.0), (330.0, 345.0)), "violated"),
    ],
    ids=["gone before", "outlasts", "had paged before", "comes again"],
)
def test_a_new_page_goes_out_when_the_warning_outlives_the_critical(designed, receivers, spans, verdict) -> None:
    warning = Behaviour(firing=spans, labels=({"severity": "warning"},))
    assert pair(designed(), receivers, "no new page", warning).verdict == verdict
    assert pair(designed(), receivers, "inhibited", warning).verdict == "held"
    assert pair(designed(), receivers, "any", warning).verdict == "reported"


def test_pairs_that_prove_nothing(designed: Designed, receivers: AlertmanagerConfig) -> None:
    warning = Behaviour(firing=((120.0, 285.0),), labels=({"severity": "warning"},))
    assert "do not fire together" in pair(designed(), receivers, "inhibited", Behaviour()).why
    assert "names no alertmanager.yml" in pair(designed(), None, "inhibited", warning).why
    assert pair(designed(), receivers, "inhibited", Behaviour(error="rule: B, err")).verdict == "inconclusive"


def test_inhibition_must_spare_the_critical_one(designed: Designed, receivers: AlertmanagerConfig) -> None:
    unlike = Behaviour(firing=((120.0, 285.0),), labels=({"severity": "info"},))
    assert "no inhibition rule" in pair(designed(), receivers, "inhibited", unlike).why
    back = '{source_matchers: [severity="warning"], target_matchers: [severity="critical"]}'
    text = ALERTMANAGER.replace("inhibit_rules: [", f"inhibit_rules: [{back}, ")
    mutual = read_alertmanager(parse_yaml(text, "alertmanager.yml"))
    warning = Behaviour(firing=((120.0, 285.0),), labels=({"severity": "warning"},))
    assert "critical sibling is silenced as well" in pair(designed(), mutual, "inhibited", warning).why


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [(["held", "reported"], 0), (["held", "violated", "inconclusive"], 1), (["held", "inconclusive"], 4),
     (["reported"], 4), ([], 4)],
)  # fmt: skip
def test_exit_codes(verdicts: list, code: int) -> None:
    assert exit_code([Cell("A", str(i), verdict, "") for i, verdict in enumerate(verdicts)]) == code
