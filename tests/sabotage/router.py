"""A copy of the reference router, its contract and one story, for tests that break one thing in it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.integration.tiny.gates import ROOT

__all__ = ["PRODUCTION", "Router"]

PRODUCTION = "fixtures/llm_router/production"


class Router:
    """A copy of everything that a story stands on, the router included; ``story`` is a file of ``scenarios/``."""

    def __init__(self, folder: Path, story: str = "inference_errors.yaml", text: str = "") -> None:
        self.folder = folder
        shutil.copytree(ROOT / "fixtures" / "llm_router", folder / "fixtures" / "llm_router")
        shutil.copytree(ROOT / "reference_router", folder / "reference_router")
        shutil.copytree(ROOT / "scenarios", folder / "scenarios")
        if text:
            (folder / "scenarios" / story).write_text(text, encoding="utf-8")
        self._play_alone(story)

    def _play_alone(self, story: str) -> None:
        """One defect is seen in one story: the whole campaign would cost a minute a defect."""
        path = self.folder / "scenarios" / "campaign.yaml"
        text, found = re.subn(r"(?m)^scenarios:\n(?:  .*\n)+", f"scenarios:\n  - {story}\n", path.read_text("utf-8"))
        assert found == 1
        path.write_text(text, encoding="utf-8")

    def replace(self, name: str, before: str, after: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{before!r} stands {text.count(before)} times in {name}"
        path.write_text(text.replace(before, after), encoding="utf-8")
