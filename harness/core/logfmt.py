"""Lines of ``key=value`` pairs, as Go's logfmt writers and readers understand them."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["parse_logfmt"]

_PAIR: Final = re.compile(
    r"""[\x00-\x20]*+
    (?P<key>[^\x00-\x20="\ufffd]++)
    (?: = (?: "(?P<quoted>(?:[^"\\]|\\.)*+)"
            | (?P<plain>[^\x00-\x20="]*+) (?=[\x00-\x20]|\Z) )
      | (?=[\x00-\x20]|\Z) )
    [\x00-\x20]*+""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_MEANT: Final = {'"': '"', "\\": "\\", "/": "/", "'": "'", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def parse_logfmt(line: bytes) -> dict[str, str] | None:
    """The fields of a line, all text; ``None`` where it is not logfmt.

    What is read is what ``go-logfmt`` reads, of a line that begins with a pair: a sentence would else be one too, of
    keys alone. A key without a value is ``true``, one with an empty value is the empty text; of one that occurs twice
    the last counts.
    """
    text = line.decode("utf-8", "replace")
    fields: dict[str, str] = {}
    at, end = 0, len(text)
    while at < end:
        found = _PAIR.match(text, at)
        value = None if found is None else _value(found)
        if found is None or value is None or (not fields and text[found.end("key") : found.end("key") + 1] != "="):
            return None
        fields[found["key"]] = value
        at = found.end()
    return fields or None


def _value(found: re.Match[str]) -> str | None:
    plain, quoted = found["plain"], found["quoted"]
    if plain is not None:
        return plain
    if quoted is None:
        return "true"
    return _unquoted(quoted) if "\\" in quoted else quoted


def _unquoted(quoted: str) -> str | None:
    """What a quoted value means; ``None`` where it holds an escape that JSON does not know (but for ``\\'``)."""
    try:
        text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _MEANT[found[2]], quoted)
    except KeyError:
        return None
    # a character beyond the basic plane is written as two halves; half a one is no text that could be kept
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
