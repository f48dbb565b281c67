"""A small transformer over bytes with seeded weights: it says nothing sensible, but it really computes it.

Parameterised by an array module, so that the same arithmetic runs on NumPy and on anything with NumPy's
interface. Shapes: ``d`` is the width, ``v`` the vocabulary (256 bytes), ``t`` the tokens so far.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Decoder", "LanguageModel"]

VOCABULARY = 128
CONTEXT = 256
FIRST_PRINTABLE = 32


@dataclass(frozen=True, slots=True)
class Layer:
    """One attention block and one feed-forward block; every matrix maps ``d`` to ``d`` or ``4d``."""

    query: Any
    key: Any
    value: Any
    out: Any
    up: Any
    down: Any


class LanguageModel:
    """Weights drawn from ``seed``; ``width`` and ``layers`` decide how long a token takes."""

    def __init__(self, xp: Any, seed: int, *, width: int, layers: int) -> None:
        self.xp = xp
        chance = xp.random.RandomState(seed % 2**32)

        def matrix(rows: int, columns: int) -> Any:
            return (chance.standard_normal((rows, columns)) / rows**0.5).astype(xp.float32)

        self.width = width
        self.embedding = matrix(VOCABULARY, width) * width**0.5
        self.position = matrix(CONTEXT, width) * width**0.5 * 0.3

        def layer() -> Layer:
            query, key, value, out = (matrix(width, width) for _ in range(4))
            return Layer(query, key, value, out, up=matrix(width, 4 * width), down=matrix(4 * width, width))

        self.layers = [layer() for _ in range(layers)]
        self.head = matrix(width, VOCABULARY - FIRST_PRINTABLE - 1)

    @property
    def size_bytes(self) -> int:
        """Bytes of all weights."""
        weights = [self.embedding, self.position, self.head]
        for layer in self.layers:
            weights += [layer.query, layer.key, layer.value, layer.out, layer.up, layer.down]
        return sum(int(weight.nbytes) for weight in weights)


@dataclass(slots=True)
class Decoder:
    """One generation: keys and values of all tokens so far are kept, so that each step costs one token."""

    model: LanguageModel
    seed: int
    keys: list[list[Any]] = field(init=False)
    values: list[list[Any]] = field(init=False)
    chance: Any = field(init=False)
    position: int = 0
    last: int = FIRST_PRINTABLE

    def __post_init__(self) -> None:
        self.keys = [[] for _ in self.model.layers]
        self.values = [[] for _ in self.model.layers]
        self.chance = self.model.xp.random.RandomState(self.seed % 2**32)

    def read(self, prompt: str) -> None:
        """Take in the end of the prompt, leaving room to write."""
        for byte in prompt.encode()[-CONTEXT // 2 :]:
            self._step(self.last)
            self.last = byte % VOCABULARY

    def write(self, count: int) -> str:
        """The next ``count`` tokens, sampled."""
        written = []
        for _ in range(count):
            self.last = self._sample(self._step(self.last))
            written.append(chr(self.last))
        return "".join(written)

    def _step(self, token: int) -> Any:
        model, xp = self.model, self.model.xp
        state = model.embedding[token] + model.position[self.position % CONTEXT]
        for layer, keys, values in zip(model.layers, self.keys, self.values, strict=True):
            state = state + self._attend(layer, keys, values, _normal(xp, state))
            state = state + xp.maximum(_normal(xp, state) @ layer.up, 0) @ layer.down
        self.position += 1
        return _normal(xp, state) @ model.head

    def _attend(self, layer: Layer, keys: list[Any], values: list[Any], state: Any) -> Any:
        xp = self.model.xp
        keys.append(state @ layer.key)
        values.append(state @ layer.value)
        del keys[:-CONTEXT], values[:-CONTEXT]
        scores = xp.stack(keys) @ (state @ layer.query) / self.model.width**0.5
        return _softmax(xp, scores) @ xp.stack(values) @ layer.out

    def _sample(self, logits: Any) -> int:
        cumulated = self.model.xp.cumsum(_softmax(self.model.xp, logits))
        choice = int((cumulated < float(self.chance.random_sample()) * float(cumulated[-1])).sum())
        return FIRST_PRINTABLE + choice


def _normal(xp: Any, state: Any) -> Any:
    centred = state - state.mean()
    return centred / xp.sqrt((centred * centred).mean() + 1e-5)


def _softmax(xp: Any, logits: Any) -> Any:
    raised = xp.exp(logits - logits.max())
    return raised / raised.sum()
