# ruff: noqa: ARG002 - hooks of many small classes share one signature
"""What every fault is, and how its parameters are read from JSON."""

from __future__ import annotations

import dataclasses
import random
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from reference_router.log_fields import utc_now

if TYPE_CHECKING:
    from reference_router.instance import Router

__all__ = ["FAULTS", "Fault", "FaultError", "Portions"]

PARTS = 1_000_000
FAULTS: dict[str, type[Fault]] = {}


class FaultError(Exception):
    """A fault that does not exist or cannot be injected as asked; nothing was changed."""


@dataclass(eq=False)
class Fault(ABC):
    """One failure: ``inject`` brings it about, ``heal`` undoes it, ``applied`` counts how often it took effect.

    Subclasses are dataclasses whose fields are the parameters; they register themselves by ``name``.
    """

    name: ClassVar[str] = ""
    applied: int = field(default=0, init=False)
    first_applied: str | None = field(default=None, init=False)
    since: str = field(default="", init=False)

    def __init_subclass__(cls) -> None:
        if cls.name:
            FAULTS[cls.name] = cls

    @abstractmethod
    async def inject(self, router: Router) -> None:
        """Bring the failure about. Raises ``FaultError`` where this machine cannot."""

    @abstractmethod
    async def heal(self, router: Router) -> None:
        """Undo all of it."""

    async def replace(self, previous: Fault, router: Router) -> None:
        """Take the place of ``previous``, a fault of the same name with other parameters."""
        await previous.heal(router)
        await self.inject(router)

    def check(self, router: Router) -> None:
        """Raise ``FaultError`` if a parameter makes no sense."""
        if not 0 <= getattr(self, "ratio", 0.0) <= 1:
            raise FaultError(f"{self.name}: ratio must lie between 0 and 1")

    def evidence(self, router: Router) -> dict[str, Any]:
        """What else confirms that the fault holds."""
        return {}

    def hit(self) -> None:
        """Count one effect."""
        self.applied += 1
        self.first_applied = self.first_applied or utc_now()

    def parameters(self) -> dict[str, Any]:
        """Parameters as they hold."""
        return {item.name: getattr(self, item.name) for item in _parameters(type(self))}

    def report(self, router: Router) -> dict[str, Any]:
        """State for the admin port."""
        return {
            "parameters": self.parameters(),
            "since": self.since,
            "applied": self.applied,
            "first_applied": self.first_applied,
            "evidence": self.evidence(router),
        }

    @classmethod
    def from_json(cls, document: Any) -> Fault:
        """A fault with the given parameters; a bare number is its ``ratio``. Raises ``FaultError``."""
        if document is None:
            document = {}
        known = {item.name: item for item in _parameters(cls)}
        if isinstance(document, (int, float)) and not isinstance(document, bool) and "ratio" in known:
            document = {"ratio": document}
        if not isinstance(document, dict):
            raise FaultError(f"{cls.name}: parameters must be an object")
        for key, value in document.items():
            if key not in known:
                raise FaultError(f"{cls.name}: no parameter {key}; it has {', '.join(known) or 'none'}")
            if not _fits(value, known[key]):
                raise FaultError(f"{cls.name}: {key} must be of type {known[key].type}")
        try:
            return cls(**document)
        except TypeError as error:
            raise FaultError(f"{cls.name}: a parameter is missing: {', '.join(known)}") from error


def _parameters(kind: type[Fault]) -> list[dataclasses.Field[Any]]:
    return [item for item in dataclasses.fields(kind) if item.init]


def _fits(value: Any, item: dataclasses.Field[Any]) -> bool:
    wanted = str(item.type)
    if wanted == "bool":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    kinds: dict[str, tuple[type, ...]] = {"float": (int, float), "int": (int,), "str": (str,)}
    if wanted in kinds:
        return isinstance(value, kinds[wanted])
    if wanted == "list[str]":
        return isinstance(value, list) and all(isinstance(entry, str) for entry in value)
    return isinstance(value, dict) and all(isinstance(entry, (int, float)) for entry in value.values())


class Portions:
    """Which of several kinds, if any, is due next: each gets exactly its share, spread as evenly as can be.

    Every kind saves up its ratio per step and is due at one whole; the seed sets only where in the pattern the
    sequence begins. After n steps a kind with ratio r was due n·r times, give or take one.
    """

    def __init__(self, ratios: dict[str, float], seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - a reproducible pattern
        self._share = {kind: round(ratio * PARTS) for kind, ratio in ratios.items()}
        self._saved = {kind: chance.randrange(PARTS) for kind in ratios}

    def next(self) -> str | None:
        """The kind that is due at this step."""
        for kind, share in self._share.items():
            self._saved[kind] += share
        due = max(self._saved, key=self._saved.__getitem__)
        if self._saved[due] < PARTS or not self._share[due]:
            return None
        self._saved[due] -= PARTS
        return due
