"""The catalogue of models, and which of them are loaded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from reference_router.errors import ModelLoadFailed

__all__ = ["CATALOGUE", "FORMATS", "SIZE_CATEGORIES", "ModelSpec", "Models", "size_category"]

FORMATS = ("gguf", "safetensors")
SIZE_CATEGORIES = ("small", "medium", "large", "xlarge")


def size_category(size_bytes: int) -> str:
    """``small`` below 1e9 bytes, ``medium`` below 10e9, ``large`` below 50e9, else ``xlarge``."""
    for limit, name in ((1e9, "small"), (10e9, "medium"), (50e9, "large")):
        if size_bytes < limit:
            return name
    return "xlarge"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model: where it prefers to run, and what routing weighs it by.

    ``quality`` and ``cost`` are relative (0 to 1, and price per thousand tokens); ``tokens_per_s`` is what
    the simulated engine plans with on the preferred pool.
    """

    name: str
    format: str
    size_bytes: int
    pool: str
    quality: float
    cost: float
    tokens_per_s: float

    @property
    def id(self) -> str:
        """Stable identifier for logs."""
        return f"mdl-{self.name}"

    @property
    def size_category(self) -> str:
        """The ``size_category`` label of this model."""
        return size_category(self.size_bytes)


CATALOGUE = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="ember-7b",
            format="safetensors",
            size_bytes=4_200_000_000,
            pool="gpu",
            quality=0.8,
            cost=0.6,
            tokens_per_s=20.0,
        ),
        ModelSpec(
            name="spark-1b",
            format="gguf",
            size_bytes=700_000_000,
            pool="cpu",
            quality=0.5,
            cost=0.1,
            tokens_per_s=24.0,
        ),
        ModelSpec(
            name="forge-34b",
            format="safetensors",
            size_bytes=19_000_000_000,
            pool="gpu",
            quality=0.95,
            cost=2.0,
            tokens_per_s=12.0,
        ),
        ModelSpec(
            name="titan-110b",
            format="safetensors",
            size_bytes=60_000_000_000,
            pool="gpu",
            quality=0.98,
            cost=5.0,
            tokens_per_s=6.0,
        ),
    )
}

Loader = Callable[[ModelSpec], Awaitable[float]]
"""Makes a model ready and returns the production seconds that it took."""


class Models:
    """The loaded models of one instance, in load order, with the requests each one has in flight.

    ``on_loaded`` and ``on_unloaded`` are told after the fact; they must not raise.
    """

    def __init__(
        self,
        known: Iterable[ModelSpec],
        load: Loader,
        *,
        on_loaded: Callable[[ModelSpec, float], None],
        on_unloaded: Callable[[ModelSpec], None],
    ) -> None:
        self.known = {spec.name: spec for spec in known}
        self.in_flight = dict.fromkeys(self.known, 0)
        self._load = load
        self._on_loaded = on_loaded
        self._on_unloaded = on_unloaded
        self._loaded: dict[str, ModelSpec] = {}

    @property
    def loaded(self) -> tuple[ModelSpec, ...]:
        """Models that can serve now."""
        return tuple(self._loaded.values())

    def know(self, spec: ModelSpec) -> None:
        """Take ``spec`` into what may be loaded."""
        if self.known.setdefault(spec.name, spec) is spec:
            self.in_flight.setdefault(spec.name, 0)

    async def load(self, name: str) -> None:
        """Load a known model; nothing happens when it is loaded already. Raises ``ModelLoadFailed``."""
        spec = self.known[name]
        if name in self._loaded:
            return
        try:
            duration_s = await self._load(spec)
        except Exception as error:
            raise ModelLoadFailed(f"model {name} could not be loaded: {error}") from error
        self._loaded[name] = spec
        self._on_loaded(spec, duration_s)

    def unload(self, name: str) -> bool:
        """Take a model out of service; requests already running on it finish. True if it was loaded."""
        spec = self._loaded.pop(name, None)
        if spec is None:
            return False
        self._on_unloaded(spec)
        return True
