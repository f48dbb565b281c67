"""Tell again what was recorded: ``harness replay`` judges a bundle anew, ``harness report`` repeats its events."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.clauses.replay import replay
from harness.core.errors import HarnessError, Location
from harness.evidence.bundle import open_bundle
from harness.front.follow import EventFile
from harness.front.gate import Audience
from harness.report import make_reporter

__all__ = ["opened", "replay_bundle", "report_bundle"]


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The folder of the bundle at ``path``; one that is zipped lies in a scratch folder meanwhile."""
    if not path.exists():
        raise HarnessError("there is no such bundle", location=Location(str(path)))
    with tempfile.TemporaryDirectory(prefix="harness-") as scratch:
        yield open_bundle(path, Path(scratch))


def replay_bundle(path: Path, clauses: Sequence[str], json: Path | None, junit: Path | None, *, verbose: bool) -> int:
    """Judge the bundle at ``path`` again and tell it; answers the exit code of its verdicts."""
    with opened(path) as folder:
        audience = Audience(json=json, junit=junit, verbose=verbose)
        try:
            for event in replay(folder, clauses):
                audience.tell(event)
        finally:
            audience.close(path)
    return audience.exit_code


def report_bundle(path: Path, kind: str, *, verbose: bool) -> int:
    """Tell the events of the bundle at ``path`` as they were; answers 0."""
    with opened(path) as folder:
        reporter = make_reporter(kind, None, verbose=verbose)
        for event in EventFile(folder).read():
            reporter.handle(event)
        reporter.close()
    return 0
