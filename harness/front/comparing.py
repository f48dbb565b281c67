"""``harness diff``: what changed between two recorded campaigns."""

from __future__ import annotations

from pathlib import Path

from harness.core.errors import HarnessError, Location
from harness.front.follow import EventFile
from harness.front.replaying import opened
from harness.report.account import Account
from harness.report.comparison import changes, comparison, got_worse

__all__ = ["diff_bundles"]


def diff_bundles(before: Path, after: Path, *, verbose: bool) -> int:
    """Print what differs; 1 where a clause fails in ``after`` that did not before, else 0.

    Raises ``HarnessError`` for a bundle whose campaign gave no verdicts: nothing can be said about it.
    """
    old, new = _account(before), _account(after)
    print(*comparison(old, new, verbose=verbose), sep="\n")  # noqa: T201 (what the verb is for)
    return int(got_worse(changes(old, new)))


def _account(path: Path) -> Account:
    account = Account()
    with opened(path) as folder:
        for event in EventFile(folder).read():
            account.handle(event)
    if not account.judged:
        raise HarnessError(
            "its campaign ended without verdicts",
            location=Location(str(path)),
            remedy="harness replay judges what was recorded",
        )
    return account
