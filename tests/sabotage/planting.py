"""Plants defects in a copy of the reference router, plays the story that shows them, and says what differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.integration.tiny.gates import Ended, Home
from tests.sabotage.defects import HERE, Defect, Sheet, matching, plant
from tests.sabotage.router import Router

__all__ = ["differences", "played"]


def played(folder: Path, sheet: Sheet, defects: Sequence[Defect]) -> Ended:
    """The gate on a router with all of ``defects``; whatever it leaves running or lying about fails here."""
    home, router = Home(folder / "home", measured=False), _router(folder / "router", sheet)
    for defect in defects:
        plant(router.folder, defect)
    # whether a loaded machine keeps the schedule is not what is asked here
    router.replace("fixtures/llm_router/contract.yaml", "lateness_p99: 50ms wall", "lateness_p99: 2s wall")
    selected = ("-k", f"not {sheet.without}") if sheet.without else ()
    ended = home.gate(router.folder / "scenarios", *selected, within_s=120)
    home.assert_clean(sorted(ended.ports))
    return ended


def _router(folder: Path, sheet: Sheet) -> Router:
    story = Path(sheet.story)
    text = (HERE / story).read_text(encoding="utf-8") if story.parent.name == "data" else ""
    return Router(folder, story.name, text)


def differences(sheet: Sheet, defects: Sequence[Defect], ended: Ended) -> list[str]:
    """Where the verdicts are not exactly those that ``defects`` are to bring about."""
    either = _meant((pattern for each in defects for pattern in each.either), ended)
    expected = _expected(defects, ended)
    surplus = ended.of("violated") - expected.keys() - either
    left = (*sheet.undecided, *(pattern for each in defects for pattern in each.undecided))
    undecided = ended.of("inconclusive") - expected.keys() - _meant(left, ended) - either
    return [
        *(f"{name}: there is no clause {pattern}" for name, pattern in _unknown(defects, ended)),
        *(f"violated by nothing planted: {_told(each, ended)}" for each in sorted(surplus)),
        *(f"undecided: {_told(each, ended)}" for each in sorted(undecided) if not _is_because(each, ended)),
        *(f"not violated: {_told(each, ended)}" for each in sorted(expected.keys() - ended.of("violated"))),
        *(
            f"other words than {words}: {_told(clause, ended)}"
            for clause, words in sorted(expected.items())
            if not any(each in ended.words(clause) for each in words)
        ),
    ]


def _expected(defects: Sequence[Defect], ended: Ended) -> dict[str, set[str]]:
    """Clauses that are to be violated, with what they may say: where two defects share one, it tells of the first."""
    found: dict[str, set[str]] = {}
    for defect in defects:
        for pattern, words in defect.violated.items():
            for clause in matching(pattern, ended.verdicts):
                found.setdefault(clause, set()).add(words)
    return found


def _unknown(defects: Sequence[Defect], ended: Ended) -> list[tuple[str, str]]:
    return [(each.name, pattern) for each in defects for pattern in each.violated if not _meant([pattern], ended)]


def _meant(patterns: Iterable[str], ended: Ended) -> set[str]:
    return {clause for pattern in patterns for clause in matching(pattern, ended.verdicts)}


def _is_because(clause: str, ended: Ended) -> bool:
    """Whether it says itself which other clause left it undecided."""
    return ended.words(clause).startswith("because of ")


def _told(clause: str, ended: Ended) -> str:
    return f"{clause}\n  {ended.words(clause)}"
