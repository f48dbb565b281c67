"""A rule group whose evaluation fails: the running copy of its file is replaced, and Prometheus reads it anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from signal import SIGHUP
from typing import Any, Final

from harness.artefacts.edits import Editor
from harness.artefacts.rules import read_rules
from harness.core.source import load_yaml
from harness.run.stack.surface import Process
from harness.run.stack.wait import NotYet

__all__ = ["RulesFault", "failing"]

_FAILS: Final = 'vector(1) + on () (vector(1) or label_replace(vector(1), "copy", "2", "", ""))'
"""Two series on one side of a one-to-one match: parsed without a word, and an error at every evaluation."""


def failing(file: Path, group: str) -> str:
    """The text of a rule file in which no expression of ``group`` can be evaluated; everything else stays as it is."""
    editor = Editor(load_yaml(file))
    for each in read_rules(load_yaml(file)).groups:
        for rule in each.rules if each.name == group else ():
            editor.set((*rule.path, "expr"), _FAILS, "cut on purpose")
    return editor.finish("").text


class RulesFault:
    """``groups`` asks Prometheus for the groups of the name ``group``: the file of each, the health of its rules."""

    def __init__(
        self, name: str, group: str, process: Process, groups: Callable[[], Sequence[Any]], *, within_s: float
    ) -> None:
        self.name, self.within_s = name, within_s
        self._group, self._process, self._groups = group, process, groups
        self._originals: dict[Path, str] = {}

    def inject(self) -> str:
        """Put the failing copies in place."""
        for file in {Path(each["file"]) for each in self._groups()}:
            self._originals[file] = file.read_text(encoding="utf-8")
            file.write_text(failing(file, self._group), encoding="utf-8")
        self._process.signal(SIGHUP)
        return f"{self._group} fails"

    def confirm(self) -> str:
        """Every rule of the group has failed."""
        return self._all("err")

    def heal(self) -> str:
        """Put the copies back that were there."""
        for file, text in self._originals.items():
            file.write_text(text, encoding="utf-8")
        self._process.signal(SIGHUP)
        return f"{self._group} is as before"

    def confirm_healed(self) -> str:
        """Every rule of the group was evaluated."""
        return self._all("ok")

    def _all(self, wanted: str) -> str:
        for group in self._groups():
            for rule in group["rules"]:
                if rule["health"] != wanted:
                    raise NotYet(f"the rule {rule['name']} of {self._group} is {rule['health']}")
        return f"every rule of {self._group} is {wanted}"
