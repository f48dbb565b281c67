"""Marks that a template leaves where it did not render: what nobody should ever read in a notice."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["blemish"]

_UNRENDERED: Final = ("<no value>", "{{", "}}", "<error expanding template", "<nil>")
_FORMAT_ERROR: Final = re.compile(r"%!\w?\([^)]*\)")  # Go's fmt: %!d(string=many), %!(EXTRA …)


def blemish(text: str) -> str:
    """The first mark in ``text`` of a template that did not render, in words; or nothing."""
    mark = next((mark for mark in _UNRENDERED if mark in text), "")
    if mark:
        return f"it holds {mark!r}"
    return "a verb of its template got a value of the wrong type" if _FORMAT_ERROR.search(text) else ""
