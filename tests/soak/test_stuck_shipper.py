"""A shipper that lives and ships nothing is noticed like one that is gone, and ships every line once it goes on."""

from __future__ import annotations

from pathlib import Path

from tests.integration.tiny.gates import Home
from tests.integration.tiny.hops import shipping


def test_a_filebeat_that_is_stuck_is_noticed_and_loses_nothing(tmp_path: Path) -> None:
    home, story = Home(tmp_path / "home"), shipping(tmp_path / "tiny", "filebeat_hung")
    story.replace("contract.yaml", ("cut_in: filebeat_killed", "cut_in: filebeat_hung"))
    ended = home.gate(story.folder, "-k", "filebeat_hung")
    hop = "filebeat_hung::monitoring::filebeat::"
    assert ended.verdicts[f"{hop}noticed"] == "held", ended.out
    assert "chat was told by slack" in ended.words(f"{hop}noticed")
    assert ended.verdicts[f"{hop}recovers"] == "held", ended.out
    assert ended.verdicts["filebeat_hung::logs::requests::arrives"] == "held", ended.out
    home.assert_clean(sorted(ended.ports), within_s=0.5)
