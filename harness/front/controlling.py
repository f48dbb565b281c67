"""The controller of pytest-xdist collects nothing: it starts what its workers say that they have selected."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.front.placing import PlacedClause
from harness.front.proof import Proof

__all__ = ["Controller", "selected"]


def selected(proof: Proof, root: Path, ids: Iterable[str]) -> list[PlacedClause]:
    """The clauses that the node ids ``ids``, relative to ``root``, stand for; others are passed over."""
    files: dict[str, dict[str, PlacedClause]] = {}
    found: list[PlacedClause] = []
    for name in ids:
        file, _, rest = name.partition("::")
        if file not in files:
            files[file] = _known(proof, root / file)
        if rest in files[file]:
            found.append(files[file][rest])
    return found


def _known(proof: Proof, path: Path) -> dict[str, PlacedClause]:
    if path.suffix not in {".yaml", ".yml"}:
        return {}
    try:
        return {"::".join(item.nodes): item for item in proof.library.clauses_in(path)}
    except HarnessError:
        return {}


class Controller:
    """Conducts the campaigns in the background while the workers follow; a plugin of the controller's session.

    With ``-x`` or ``--maxfail`` the campaigns are cancelled as soon as enough has failed: a worker that
    waits for a verdict could not be stopped otherwise.
    """

    def __init__(self, proof: Proof, maxfail: int) -> None:
        self._maxfail, self._failures = maxfail, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=proof.conduct, args=(self._stop,), name="campaigns", daemon=True)
        self._thread.start()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count failures as pytest-xdist does."""
        self._failures += report.failed
        if self._maxfail and self._failures >= self._maxfail:
            self._stop.set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Wait for the end of the campaigns, cancelling what still runs."""
        self._stop.set()
        self._thread.join()
