"""The tiny subject with a monitoring that watches itself: a watchdog, alerts on hops, a story that cuts each hop."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.integration.tiny.gates import Story

__all__ = ["watched"]

_WATCHED = Path(__file__).parent / "watched"
_PARTS = "  - {job: prometheus, part: prometheus}\n  - {job: alertmanager, part: alertmanager}\n"


def watched(folder: Path, *stories: str) -> Story:
    """A copy of it below ``folder``, with these ``stories`` alone (without any: with all that cut a hop)."""
    story = Story(folder)
    for file in _WATCHED.rglob("*.y*ml"):
        if file.name != "contract-more.yaml":
            shutil.copyfile(file, story.path(str(file.relative_to(_WATCHED))))
    story.replace("contract.yaml", ("\nbudgets:", f"\n{(_WATCHED / 'contract-more.yaml').read_text()}\nbudgets:"))
    story.replace("profile.yaml", ("  - {job: tiny, port: app}\n", "  - {job: tiny, port: app}\n" + _PARTS))
    story.path("failing.yaml").unlink()
    for file in folder.glob("*_*.yaml"):
        if stories and file.stem not in stories:
            file.unlink()
    return story
