"""What the stories of a campaign will take by plan, what they did take, and what later plans learn from it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping

from harness.clauses.fitness import unfit
from harness.core.events import CampaignPlanned, CampaignSpent
from harness.run.calibration import WORTH_S, Spent, calibrated, learn, place
from harness.run.context import Context
from harness.run.costs import plan_story, shared_cpu_s
from harness.run.spending import by_part, own_cpu_s

__all__ = ["account", "plan_campaign"]


def plan_campaign(context: Context, cores: int) -> CampaignPlanned:
    """What the selected stories will take on so many ``cores``, by what is known of this machine."""
    campaign, cells = context.campaign, context.selection.cells
    known = calibrated(place(campaign.profile.subject), time.time())
    return CampaignPlanned(
        time.time(),
        tuple(plan_story(campaign, context.production, cell, known.of(cell.name)) for cell in cells),
        shared_cpu_s(cells, known.factor),
        cores,
        campaign.spec.budget,
    )


def account(
    context: Context, planned: CampaignPlanned, before: tuple[float, float], peak_bytes: int, *, attempt: int
) -> None:
    """Say what one attempt did take, and remember it for the plans of later campaigns.

    ``before`` are the CPU seconds (own, of ended children) when it began. Only the first attempt teaches: the second
    is slower, and has the machine to itself.
    """
    subject, cpu_s = context.campaign.profile.subject, context.parts.cpu_s
    own_s, ended_s = (now - earlier for now, earlier in zip(own_cpu_s(), before, strict=True))
    parts = by_part(cpu_s, subject)
    parts |= {"harness": round(own_s, 2), "warden": round(max(0.0, ended_s - sum(parts.values())), 2)}
    context.recorder.say(CampaignSpent(time.time(), attempt, parts, peak_bytes))
    stories = {story.cell: story for story in planned.stories}
    expected_s = planned.shared_cpu_s + sum(story.cpu_s for story in planned.stories)
    if expected_s >= WORTH_S and attempt == 1 and not context.cancel.is_set():
        learn(place(subject), stories, planned.shared_cpu_s, Spent(sum(parts.values()), _by_story(context, cpu_s)))


def _by_story(context: Context, cpu_s: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """CPU seconds of its own processes and wall seconds of each story that was fit and came to its end."""
    evidence, limit_s = context.recorder.evidence, context.campaign.contract.budgets.lateness_p99
    by_cell: dict[str, float] = defaultdict(float)
    for id, spent_s in cpu_s.items():
        by_cell[id.partition("/")[0]] += spent_s
    return {
        name: (by_cell[name], took_s)
        for name, took_s in context.took_s.items()
        if evidence.completed(name) and not unfit(evidence, name, limit_s)
    }
