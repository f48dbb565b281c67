"""Which model serves a request: seven strategies over the loaded models."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from reference_router.errors import NoModelAvailable
from reference_router.models import ModelSpec

__all__ = ["DEFAULT_STRATEGY", "STRATEGIES", "ModelRouter"]

DEFAULT_STRATEGY = "balanced"


class ModelRouter:
    """Chooses among loaded models; ``in_flight`` is the live count of requests per model name."""

    def __init__(self, in_flight: Mapping[str, int], seed: int) -> None:
        self._in_flight = in_flight
        self._random = random.Random(seed)  # noqa: S311 - a reproducible choice, not a secret
        self._turn = 0

    def choose(self, strategy: str, loaded: Sequence[ModelSpec], wanted: str | None = None) -> ModelSpec:
        """The model for one request. Raises ``NoModelAvailable`` when none can serve it."""
        if wanted is not None:
            loaded = [model for model in loaded if model.name == wanted]
        if not loaded:
            raise NoModelAvailable("no loaded model can serve the request")
        return _CHOICES[strategy](self, loaded)

    def _best_quality(self, loaded: Sequence[ModelSpec]) -> ModelSpec:
        return max(loaded, key=lambda model: model.quality)

    def _cheapest(self, loaded: Sequence[ModelSpec]) -> ModelSpec:
        return min(loaded, key=lambda model: model.cost)

    def _fastest(self, loaded: Sequence[ModelSpec]) -> ModelSpec:
        return max(loaded, key=lambda model: model.tokens_per_s)

    def _balanced(self, loaded: Sequence[ModelSpec]) -> ModelSpec:
        return max(loaded, key=lambda model: model.quality - 0.2 * model.cost - 0.1 * self._in_flight[model.name])

    def _any(self, loaded: Sequence[ModelSpec]) -> ModelSpec:
        return self._random.choice(loaded)

    def _next(self, loaded: Sequence[ModelSpec]) -> ModelSpec:
        self._turn += 1
        return loaded[(self._turn - 1) % len(loaded)]

    def _idlest(self, loaded: Sequence[ModelSpec]) -> ModelSpec:
        return min(loaded, key=lambda model: self._in_flight[model.name])


_CHOICES: dict[str, Callable[[ModelRouter, Sequence[ModelSpec]], ModelSpec]] = {
    "quality-first": ModelRouter._best_quality,
    "cost-optimised": ModelRouter._cheapest,
    "speed-priority": ModelRouter._fastest,
    "balanced": ModelRouter._balanced,
    "random": ModelRouter._any,
    "round-robin": ModelRouter._next,
    "least-loaded": ModelRouter._idlest,
}
STRATEGIES = tuple(_CHOICES)
