"""pytest nodes: a file of ours, the branches of its clause ids, and one test per clause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import HarnessError
from harness.core.events import ClauseJudged
from harness.front.placing import PlacedClause
from harness.front.proof import Proof

__all__ = ["ClauseItem", "StoryFile"]

Leaf = tuple[tuple[str, ...], PlacedClause]


class StoryFile(pytest.File):
    """A scenario, or a campaign with the clauses that hold over all its scenarios."""

    def __init__(self, *, proof: Proof, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.proof = proof

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """The planes of the clauses; a configuration error is told without a traceback."""
        try:
            placed = self.proof.library.clauses_in(self.path)
        except HarnessError as error:
            raise self.CollectError(str(error)) from None
        yield from _grow(self, self.proof, [(item.nodes, item) for item in placed])


class _Branch(pytest.Collector):
    def __init__(self, *, proof: Proof, leaves: list[Leaf], **arguments: Any) -> None:
        super().__init__(**arguments)
        self.proof, self.leaves = proof, leaves

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        yield from _grow(self, self.proof, self.leaves)


def _grow(parent: pytest.Collector, proof: Proof, leaves: Iterable[Leaf]) -> Iterator[pytest.Item | pytest.Collector]:
    branches: dict[str, list[Leaf]] = {}
    for names, placed in leaves:
        branches.setdefault(names[0], []).append((names[1:], placed))
    for name, below in branches.items():
        deeper = [leaf for leaf in below if leaf[0]]
        for rest, placed in below:
            if not rest:
                # told as text, so that a label becomes the parameters of the id, as when it is read back from a cache
                nodeid = f"{parent.nodeid}::{name}"
                yield ClauseItem.from_parent(parent, name=name, nodeid=nodeid, proof=proof, placed=placed)
        if deeper:
            yield _Branch.from_parent(parent, name=name, proof=proof, leaves=deeper)


class ClauseItem(pytest.Item):
    """One clause: waits for its verdict, and passes, fails, xfails or is skipped as the verdict says."""

    def __init__(self, *, proof: Proof, placed: PlacedClause, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.proof, self.placed = proof, placed
        self.judged: ClauseJudged | None = None
        self.add_marker(placed.clause.plane)
        if self.config.pluginmanager.hasplugin("timeout"):
            # the first of them waits for a whole campaign, which has bounds of its own and ends cleanly at them
            self.add_marker(pytest.mark.timeout(0))

    def setup(self) -> None:
        """Wait for the verdict. Without one, or with one on an unfit run, the test is in error."""
        if self.config.getoption("setuponly", False) or self.config.getoption("setupplan", False):
            return
        try:
            self.judged = self.proof.verdict(self.placed)
        except HarnessError as error:
            pytest.fail(str(error), pytrace=False)
        self.user_properties.append(("clause", self.judged.clause))
        self.user_properties.append(("verdict", self.judged.verdict))
        if self.judged.verdict == "invalid":
            pytest.fail(self._told(self.judged), pytrace=False)

    def runtest(self) -> None:
        """Turn the verdict into an outcome."""
        judged = self.judged
        assert judged is not None
        if judged.verdict == "held":
            return
        if judged.verdict == "not applicable":
            pytest.skip(judged.message)
        if judged.verdict == "waived":
            pytest.xfail(self._told(judged))
        pytest.fail(self._told(judged), pytrace=False)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The clause id heads what is told of a failure."""
        return self.path, None, self.placed.clause.id

    def _told(self, judged: ClauseJudged) -> str:
        clause = self.placed.clause
        where = f"promised: {clause.statement}", f"at: {clause.source}", f"again: pytest '{self.nodeid}'"
        return "\n  ".join([f"{judged.verdict}: {judged.message}", *judged.details, *where])
