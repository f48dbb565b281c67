"""What a campaign took beside its plan: the story that decided its length, CPU seconds by part, memory, slack."""

from __future__ import annotations

from collections.abc import Iterator

from harness.core.events import CampaignPlanned, CampaignSpent
from harness.report.account import Account, CellAccount
from harness.report.words import counted, seconds, table

__all__ = ["cost", "plan"]

_GIB = 1024**3


def plan(planned: CampaignPlanned) -> list[str]:
    """The plan, story by story, before anything starts."""
    longest = max((story.length_s for story in planned.stories), default=0.0)
    total_s = _total_s(planned)
    rows = [
        ("story", "speed", "windows", "wall", "CPU"),
        *(
            (story.cell, f"{story.speed:g}", *(f"{s:.1f} s" for s in (story.wall_s, story.length_s, story.cpu_s)))
            for story in sorted(planned.stories, key=lambda story: -story.length_s)
        ),
        ("what they share", "", "", "", f"{planned.shared_cpu_s:.1f} s"),
    ]
    least_s = max(longest, total_s / planned.cores)
    said = f"{total_s:.1f} CPU-s on {counted(planned.cores, 'core')}: {least_s:.1f} s at the least"
    return [
        f"plan: {said}{_against(planned, least_s)}",
        *(f"  {line}" for line in table(rows, frozenset({1, 2, 3, 4}))),
    ]


def _total_s(planned: CampaignPlanned) -> float:
    return planned.shared_cpu_s + sum(story.cpu_s for story in planned.stories)


def _against(planned: CampaignPlanned, least_s: float) -> str:
    if planned.budget_s is None:
        return ""
    over = least_s > planned.budget_s
    return f", {'more than' if over else 'within'} the budget of {planned.budget_s:g} s"


def cost(account: Account) -> list[str]:
    """The lines about length, CPU time, memory and slack, as far as they were told."""
    return [*_critical(account), *_budget(account), *_spent(account), *_slack(account)]


def _critical(account: Account) -> Iterator[str]:
    """The story that ended last at the first attempt: everything else fitted beside it."""
    if account.started is None or account.planned_cost is None:
        return
    windows = {story.cell: story.wall_s for story in account.planned_cost.stories}
    played = [account.first_attempts.get(name, cell) for name, cell in account.cells.items() if name in windows]
    ended = {cell.name: (cell.started[0].t, max(p.t for p in cell.ended.values())) for cell in played if cell.ended}
    if not ended:
        return
    last = max(ended, key=lambda name: ended[name][1])
    began_s, ended_s = (t - account.started.t for t in ended[last])
    took_s, windows_s = ended_s - began_s, windows[last]
    yield (
        f"critical path: {last} began at {seconds(began_s)} and took {seconds(took_s)}; "
        f"its windows at this speed are {seconds(windows_s)} ({took_s - windows_s:+.2f} s)"
        f"{_after(account, next(cell for cell in played if cell.name == last), ended[last][1])}"
    )


def _after(account: Account, cell: CellAccount, over_t: float) -> str:
    """What came after its phases: until its evidence was whole, and until everything had ended."""
    if cell.end is None or not account.spent:
        return ""
    return f"; then {seconds(cell.end.t - over_t)} to settle and {seconds(account.spent[0].t - cell.end.t)} to end"


def _budget(account: Account) -> Iterator[str]:
    """The first attempt beside the budget: what an unfit cell takes once more does not count."""
    if account.started and account.planned_cost and account.planned_cost.budget_s and account.spent:
        took_s, budget_s = account.spent[0].t - account.started.t, account.planned_cost.budget_s
        yield f"budget: {seconds(took_s)} of {budget_s:g} s{' OVER' if took_s > budget_s else ''}"


def _spent(account: Account) -> Iterator[str]:
    for spent in account.spent:
        total_s = sum(spent.cpu_s.values())
        attempt = f", attempt {spent.attempt}" if spent.attempt > 1 else ""
        planned = f", planned {_total_s(account.planned_cost):.1f}" if account.planned_cost and not attempt else ""
        parts = ", ".join(f"{name} {cpu_s:.1f}" for name, cpu_s in _largest(spent))
        yield f"CPU{attempt}: {total_s:.1f} s{planned} ({parts}){_memory(spent)}"


def _largest(spent: CampaignSpent) -> list[tuple[str, float]]:
    return sorted(spent.cpu_s.items(), key=lambda item: -item[1])


def _memory(spent: CampaignSpent) -> str:
    return f"; memory {spent.peak_bytes / _GIB:.2f} GiB at most (PSS)" if spent.peak_bytes else ""


def _slack(account: Account) -> Iterator[str]:
    bounded = [verdict for verdict in account.judged.values() if verdict.slack_s is not None]
    if bounded:
        least = min(bounded, key=lambda verdict: verdict.slack_s or 0.0)
        yield f"smallest slack: {least.slack_s:.2f} s wall to the bound of {least.clause}"
