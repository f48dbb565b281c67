"""Marks such as ``{{value}}`` in what is sent: one that is almost a known one is a slip, others are left alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from harness.contract.campaign import Campaign
from harness.contract.subject import HookCall, RequestKind
from harness.core.errors import ConfigError
from harness.core.source import DocumentPath, nearest

__all__ = ["SECRET", "check_placeholders"]

SECRET: Final = re.compile(r"\{\{secret\.([A-Za-z_]\w*)\}\}")
"""Stands in a header for what a variable of the caller holds."""

_MARK: Final = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
_OF_REQUESTS: Final = ("seq", "request_id", "random", "prompt")
_OF_FAULTS: Final = ("value",)


def check_placeholders(campaign: Campaign) -> None:
    """Raise ``ConfigError`` at the first mark in a request or a fault's call that is a misspelt one."""
    profile = campaign.profile
    for name, kind in profile.requests.items():
        _check(campaign, _texts_of(kind), _OF_REQUESTS, ("requests", name))
    for name, hook in profile.faults.items():
        for key, call in (("inject", hook.inject), ("confirm", hook.confirm), ("heal", hook.heal)):
            if call is not None:
                _check(campaign, _texts_of(call), _OF_FAULTS, ("faults", name, key))


def _check(campaign: Campaign, texts: Iterator[str], known: tuple[str, ...], path: DocumentPath) -> None:
    for mark in (found for text in texts for found in _MARK.finditer(text)):
        name = mark[1]
        exact = f"{{{{{name}}}}}"
        if name in known and mark[0] == exact:
            continue
        hint = f"write {exact}" if name in known else nearest(name, known)
        if hint and not name.startswith(("canary.", "secret.")):
            where = campaign.profile_source.document.locate(path)
            raise ConfigError(f"{mark[0]} has no value here", location=where, remedy=hint)


def _texts_of(sent: RequestKind | HookCall) -> Iterator[str]:
    yield sent.path
    if isinstance(sent, RequestKind):
        yield from sent.headers.values()
    yield from _strings(sent.body)


def _strings(body: Any) -> Iterator[str]:
    if isinstance(body, str):
        yield body
    elif isinstance(body, dict):
        for key, value in body.items():
            yield from (*_strings(key), *_strings(value))
    elif isinstance(body, list):
        for value in body:
            yield from _strings(value)
