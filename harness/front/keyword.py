"""``-k EXPRESSION``: words with ``and``, ``or``, ``not`` and parentheses, as in pytest."""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.core.errors import ConfigError

__all__ = ["Matcher", "keyword_matcher"]

Matcher = Callable[[str], bool]
_TOKEN = re.compile(r"\s*(\(|\)|[^\s()]+)")


def keyword_matcher(expression: str) -> Matcher:
    """Tells whether a clause id matches: a word is found anywhere in it, whatever its case.

    Raises ``ConfigError`` for an expression that cannot be read. An empty one matches everything.
    """
    tokens = _TOKEN.findall(expression)
    if not tokens:
        return lambda _: True
    reader = _Reader(tokens, expression)
    matcher = reader.either()
    if reader.tokens:
        raise reader.wrong()
    return matcher


class _Reader:
    def __init__(self, tokens: list[str], expression: str) -> None:
        self.tokens, self.expression = tokens, expression

    def either(self) -> Matcher:
        parts = [self.both()]
        while self._next("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else lambda text: any(part(text) for part in parts)

    def both(self) -> Matcher:
        parts = [self.single()]
        while self._next("and"):
            parts.append(self.single())
        return parts[0] if len(parts) == 1 else lambda text: all(part(text) for part in parts)

    def single(self) -> Matcher:
        if self._next("not"):
            negated = self.single()
            return lambda text: not negated(text)
        if self._next("("):
            inner = self.either()
            if not self._next(")"):
                raise self.wrong()
            return inner
        if not self.tokens or self.tokens[0] in {"and", "or", ")"}:
            raise self.wrong()
        word = self.tokens.pop(0).lower()
        return lambda text: word in text.lower()

    def wrong(self) -> ConfigError:
        rest = f" at {' '.join(self.tokens)!r}" if self.tokens else ", it ends too early"
        return ConfigError(
            f"the expression {self.expression!r} cannot be read{rest}",
            remedy="write words with 'and', 'or', 'not' and parentheses",
        )

    def _next(self, token: str) -> bool:
        if self.tokens and self.tokens[0] == token:
            self.tokens.pop(0)
            return True
        return False
