"""Health that lies, in the reference router: exactly the verdicts change that it should.

The story is the one in which each check fails, alone and with each other one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.tiny.gates import Home
from tests.sabotage.router import Router

HEALTH = "health_states::health::overall::"


@dataclass(frozen=True)
class Sabotage:
    """A text of the router and what stands there instead; what it violates with words that must be told."""

    file: str
    before: str
    after: str
    violated: dict[str, str]


SABOTAGES = {
    "a check that weighs too little": Sabotage(
        "reference_router/checks.py",
        'Check(name="memory_usage", run=self.memory_usage, critical=True)',
        'Check(name="memory_usage", run=self.memory_usage)',
        {"campaign::health::overall::follows_checks": "degraded with memory_usage failed, not critical"},
    ),
    "a gauge that always says healthy": Sabotage(
        "reference_router/recorder.py",
        "1 if state == status else 0",
        '1 if state == "healthy" else 0',
        {f"{HEALTH}tells_one_story": "llm_router_health_overall says healthy, health said critical"},
    ),
    "a check that cannot fail": Sabotage(
        "reference_router/faults/service.py",
        "        if check not in self.checks:\n",
        '        if check not in self.checks or check == "disk_space":\n',
        {},
    ),
}


@pytest.mark.parametrize("sabotage", SABOTAGES.values(), ids=SABOTAGES)
def test_exactly_these_verdicts_change(tmp_path: Path, sabotage: Sabotage) -> None:
    home, router = Home(tmp_path / "home"), Router(tmp_path / "router", "health_states.yaml")
    router.replace(sabotage.file, sabotage.before, sabotage.after)
    # whether a loaded machine keeps the schedule is not what is asked here
    router.replace("fixtures/llm_router/contract.yaml", "lateness_p99: 50ms wall", "lateness_p99: 2s wall")
    # one short story does not fill every panel of a board
    ended = home.gate(router.folder / "scenarios", "-k", "not dashboards", within_s=120)
    changed = {clause: ended.words(clause) for clause in ended.of("violated")}
    assert changed.keys() == sabotage.violated.keys(), ended.out + ended.err
    for clause, words in sabotage.violated.items():
        assert words in changed[clause]
    unproved = ended.verdicts[f"{HEALTH}proves_pairs"]
    assert unproved == ("held" if sabotage.violated else "inconclusive")
    home.assert_clean(sorted(ended.ports))
