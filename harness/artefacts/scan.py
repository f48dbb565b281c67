"""The last look at a bound document: nothing in it may name an address or a secret file that is not ours.

Default is refusal: every text that looks like an address is one, unless its key is known to hold
content for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from harness.artefacts.edits import Editor
from harness.artefacts.topology import Topology
from harness.core.source import DocumentPath

__all__ = ["refuse_unbound"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_HOST_PORT = re.compile(r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:]+\]):\d{1,5}(?:/.*)?")
_REFERENCE = re.compile(r"\$\{(?!path\.)[^}]*\}")
_SECRET_FILE = re.compile(r"_file$|_ref$|^kubeconfig")
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


def refuse_unbound(editor: Editor, topology: Topology, content: frozenset[str]) -> None:
    """Note a problem for every address, secret file or reference left that the topology does not know.

    ``content`` are keys whose values are never dialled: texts, links and labels for people.
    """
    own_files = topology.client_files
    for path, key, value in _texts(editor.data, (), "", content):
        name = key.rpartition(".")[2]
        if _SECRET_FILE.search(name) and value not in own_files:
            editor.problem(path, f"{key} names the file {value!r}, which nothing binds")
        for address in _addresses(value):
            if not _is_allowed(address, topology):
                editor.problem(path, f"{key} names the address {address!r}, which nothing binds")
        if _REFERENCE.search(value):
            editor.problem(path, f"{key} refers to {value!r}, which nothing resolves")


def _addresses(value: str) -> Iterator[str]:
    yield from (found[0] for found in _URL.finditer(value))
    if _HOST_PORT.fullmatch(value):
        yield value


def _is_allowed(address: str, topology: Topology) -> bool:
    bare = _SCHEME.sub("", address).rstrip("/")
    ours = (_SCHEME.sub("", one).rstrip("/") for one in topology.allowed)
    return any(bare == one or bare.startswith(one + "/") for one in ours)


def _texts(
    value: Any, path: DocumentPath, key: str, content: frozenset[str]
) -> Iterator[tuple[DocumentPath, str, str]]:
    if isinstance(value, dict) and value.get("enabled") is not False:
        for name, inner in value.items():
            if str(name) not in content:
                yield from _texts(inner, (*path, name), str(name), content)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*path, index), key, content)
    elif isinstance(value, str):
        yield path, key, value
