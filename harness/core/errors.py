"""Errors that tell a user which file, line and column is wrong and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ConfigError", "HarnessError", "Location", "MachineError"]


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file that a person can open: line and column count from 1, 0 means unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


class HarnessError(Exception):
    """Anything that ends a command with exit code 2: what is wrong, where, and what to do about it.

    ``str()`` is the whole message for a person: ``file:line:column: problem`` and, on a second
    line, ``remedy: …``.
    """

    def __init__(self, problem: str, *, location: Location | None = None, remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.location = location
        self.remedy = remedy

    def __str__(self) -> str:
        head = f"{self.location}: {self.problem}" if self.location else self.problem
        return f"{head}\n  remedy: {self.remedy}" if self.remedy else head


class ConfigError(HarnessError):
    """What a person wrote (YAML, PromQL, an option) cannot be used as it stands."""


class MachineError(HarnessError):
    """The machine cannot do what was asked: missing tool, full disk, refused permission, no network."""
