"""A monitoring that would not notice its own death: each defect violates the clause of its hop alone, and says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.tiny.gates import Home, Story
from tests.integration.tiny.hops import shipping, watched

RULES, ROUTES = "production/rules.yml", "production/alertmanager.yml"


@dataclass(frozen=True)
class Sabotage:
    """A defect, the story that shows it, the hop whose clause is violated, and words that must be told."""

    defect: Callable[[Story], object]
    story: str
    hop: str
    words: tuple[str, ...]


def change(file: str, *changes: tuple[str, str]) -> Callable[[Story], object]:
    return lambda story: story.replace(file, *changes)


MAIL = 'integration="email"}[40s])) > 0\n'
SABOTAGES = {
    "mail told by mail": Sabotage(
        change(
            ROUTES,
            ('|MailFailing"', '"'),
            ("alertname = ChatFailing", 'alertname =~ "MailFailing|ChatFailing"'),
        ),
        "mail_refused",
        "email",
        ("MailFailing is told through the dead hop itself: prometheus → rules monitoring → alertmanager → email",),
    ),
    "a counter of another integration": Sabotage(
        change(RULES, ('integration="email"', 'integration="webhook"')),
        "mail_refused",
        "email",
        ("first missing hop: expression", "ranged from 0 to 0; it was to be > 0"),
    ),
    "a waiting time beyond what the contract allows": Sabotage(
        lambda story: (
            story.replace("contract.yaml", ("noticed_by: MailFailing}", "noticed_by: MailFailing, within: 3m}")),
            story.replace(RULES, (MAIL, f"{MAIL}        for: 20m\n")),
        ),
        "mail_refused",
        "email",
        ("first missing hop: rule state", "it was pending at", "latest: 3m that the contract allows"),
    ),
    "a rule in the group that fails": Sabotage(
        change("rules_failing.yaml", ("rules: tiny", "rules: monitoring")),
        "rules_failing",
        "rules",
        ("RulesFailing is told through the dead hop itself", "first missing hop: rule"),
    ),
    "a dead Alertmanager that is to be told by Alertmanager": Sabotage(
        change(
            "contract.yaml",
            ("alertmanager_killed, noticed_by: Watchdog", "alertmanager_killed, noticed_by: RulesFailing"),
        ),
        "alertmanager_killed",
        "alertmanager",
        ("RulesFailing is told through the dead hop itself", "nobody noticed in"),
    ),
}


RECOVERY = "mail_refused::monitoring::email::recovers"
SAMPLE = {"a counter of another integration", "a rule in the group that fails"}


@pytest.mark.parametrize(
    "sabotage",
    [
        pytest.param(sabotage, id=name, marks=[] if name in SAMPLE else [pytest.mark.nightly])
        for name, sabotage in SABOTAGES.items()
    ],
)
def test_exactly_the_clause_of_the_hop_is_violated(tmp_path: Path, sabotage: Sabotage) -> None:
    story, home = watched(tmp_path / "tiny", sabotage.story), Home(tmp_path / "home", measured=False)
    story.write("campaign.yaml", f"{story.path('campaign.yaml').read_text()}scenarios: [{sabotage.story}.yaml]\n")
    sabotage.defect(story)
    ended = home.gate(story.folder)
    assert ended.code == 1, ended.out + ended.err
    clause = f"{sabotage.story}::monitoring::{sabotage.hop}::"
    assert ended.of("violated") == {f"{clause}noticed"}
    for words in sabotage.words:
        assert words in ended.words(f"{clause}noticed")
    others = {name for name in ended.of("inconclusive") if "::monitoring::" in name and name.startswith(sabotage.story)}
    assert others == {f"{clause}recovers"}
    assert "because of" in ended.words(f"{clause}recovers")
    home.assert_clean(sorted(ended.ports), within_s=0.5)


@pytest.mark.nightly
def test_an_alert_whose_end_nobody_is_told_of_does_not_recover(tmp_path: Path) -> None:
    """The death of the hop is noticed in time; that it is alive again, nobody hears."""
    story, home = watched(tmp_path / "tiny", "mail_refused"), Home(tmp_path / "home")
    story.replace(ROUTES, ('"#team", send_resolved: true', '"#team", send_resolved: false'))
    ended = home.gate(story.folder, "-k", "mail_refused")
    assert ended.of("violated") == {RECOVERY}, ended.out
    assert "MailFailing was not told to be over\n" in ended.words(RECOVERY)
    assert ended.verdicts["mail_refused::monitoring::email::noticed"] == "held"
    home.assert_clean(sorted(ended.ports), within_s=0.5)


def test_a_pipeline_that_cannot_tell_a_line_from_its_copy_stores_what_is_sent_again_twice(tmp_path: Path) -> None:
    """Without an id made of the line itself, a shipper that has lost its registry doubles every document."""
    story, home = shipping(tmp_path / "tiny", "filebeat_killed"), Home(tmp_path / "home")
    fields = "          fields: [pid, seq, log.file.path]\n"
    fingerprint = f'      - fingerprint:\n{fields}          target_field: "@metadata._id"\n'
    story.replace("production/filebeat.yml", (fingerprint, ""))
    ended = home.gate(story.folder, "-k", "filebeat_killed")
    lines = "filebeat_killed::logs::requests::"
    assert ended.of("violated") == {f"{lines}arrives", f"{lines}one_per_work"}, ended.out
    assert "surplus, by pid, seq" in ended.words(f"{lines}arrives")
    assert "first missing hop: Elasticsearch" in ended.words(f"{lines}arrives")
    home.assert_clean(sorted(ended.ports), within_s=0.5)


def test_a_hop_that_nobody_watches_is_violated_though_no_story_cuts_it(tmp_path: Path) -> None:
    """The rule, its route and its place in the contract are gone, as after a thoughtless clean-up."""
    story, home = watched(tmp_path / "tiny", "rules_failing"), Home(tmp_path / "home")
    rules = story.path(RULES).read_text().partition("      - alert: ChatFailing")[0]
    story.write(RULES, rules)
    story.replace("contract.yaml", ("  ChatFailing: {means: Chat cannot be delivered., reaches: mail}\n", ""),
                  ("    slack: {cut_in: chat_refused, noticed_by: ChatFailing}\n", ""))  # fmt: skip
    ended = home.gate(story.folder)
    assert ended.of("violated") == {"campaign::monitoring::slack::noticed"}, ended.out
    assert "nobody notices" in ended.words("campaign::monitoring::slack::noticed")
