"""The body of ``POST /api/generate``, checked."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import orjson

from reference_router.errors import BadRequest
from reference_router.routing import DEFAULT_STRATEGY, STRATEGIES

__all__ = ["MAX_BODY_BYTES", "GenerateRequest", "parse_request"]

MAX_BODY_BYTES = 10 * 1024 * 1024
MAX_TOKENS = 4096
DEFAULT_MAX_TOKENS = 64
OPTIONS = frozenset({"model", "strategy", "max_tokens", "stream", "cache", "seed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """What the client asked for, defaults filled in."""

    prompt: str
    model: str | None = None
    strategy: str = DEFAULT_STRATEGY
    max_tokens: int = DEFAULT_MAX_TOKENS
    stream: bool = False
    cache: bool = True
    seed: int = 0

    @property
    def cache_key(self) -> tuple[object, ...]:
        """Equal for requests that may share an answer."""
        return (self.model, self.strategy, self.max_tokens, self.seed, self.prompt)

    @property
    def loggable_options(self) -> dict[str, Any]:
        """The checked options; a client cannot add keys. ``model`` is an object, as in every line."""
        return {
            "model": {"name": self.model or "any"},
            "strategy": self.strategy,
            "max_tokens": self.max_tokens,
            "stream": self.stream,
            "cache": self.cache,
            "seed": self.seed,
        }


def parse_request(body: bytes, models: Collection[str]) -> GenerateRequest:
    """The request in ``body``; ``models`` are the names that may be asked for. Raises ``BadRequest``."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadRequest("the body is not JSON") from None
    if not isinstance(document, dict):
        raise BadRequest("the body must be an object with prompt and options")
    if not document.keys() <= {"prompt", "options"}:
        raise BadRequest("the body has keys other than prompt and options")
    prompt = document.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise BadRequest("prompt must be a text that is not empty")
    return GenerateRequest(prompt=prompt, **_options(document.get("options"), models))


def _options(options: Any, models: Collection[str]) -> dict[str, Any]:
    if options is None:
        return {}
    if not isinstance(options, dict) or not options.keys() <= OPTIONS:
        raise BadRequest(f"options must be an object of {', '.join(sorted(OPTIONS))}")
    _require(options, "model", lambda value: isinstance(value, str) and value in models, "a model of this router")
    _require(options, "strategy", lambda value: value in STRATEGIES, f"one of {', '.join(STRATEGIES)}")
    whole_tokens = f"a whole number from 1 to {MAX_TOKENS}"
    _require(options, "max_tokens", lambda value: _whole(value, 1, MAX_TOKENS), whole_tokens)
    _require(options, "seed", lambda value: _whole(value, 0, 2**63 - 1), "a whole number from 0")
    for name in ("stream", "cache"):
        _require(options, name, lambda value: isinstance(value, bool), "true or false")
    return options


def _require(options: dict[str, Any], name: str, holds: Callable[[Any], bool], wanted: str) -> None:
    if name in options and not holds(options[name]):
        raise BadRequest(f"options.{name} must be {wanted}")


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
