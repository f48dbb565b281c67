"""What can go wrong on a machine, and the one line that says so."""

from __future__ import annotations

import contextlib
import errno
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["NEEDED_MB", "TroubleError", "explain", "one_line_for_os_errors"]

NEEDED_MB = 700
"""Disk space that building the environment takes, with pip's own copies."""

SPACE_REMEDY = f"free {NEEDED_MB} MB there and in {tempfile.gettempdir()}"

# What an installer says, what that means, and what to do about it; the first that matches counts.
KNOWN_FAILURES = (
    (
        r"No space left on device|Errno 28\b|Disk quota exceeded",
        "no space left on the disk",
        SPACE_REMEDY,
    ),
    (
        r"Permission denied|Read-only file system|Operation not permitted",
        "no permission to write here or in the folder for temporary files",
        f"make this folder and {tempfile.gettempdir()} writable",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED",
        "the certificate of the package index is not trusted here",
        "name its authority's file in PIP_CERT",
    ),
    (
        r"NewConnectionError|NameResolutionError|name resolution|Name or service not known|Failed to connect"
        r"|ConnectTimeoutError|ReadTimeoutError|ProxyError|Connection refused|Connection reset|timed out"
        r"|Network is unreachable|Max retries exceeded",
        "the package index cannot be reached",
        "check the network, or name a mirror in PIP_INDEX_URL or in pip's configuration",
    ),
    (
        r"DO NOT MATCH THE HASHES",
        "the package index serves other files than requirements.lock names",
        "use an index with the original files, or write a new lock: make lock",
    ),
    (
        r"No matching distribution found",
        "the package index lacks a package that requirements.lock names, or cannot be reached",
        "check the network, or name a complete index in PIP_INDEX_URL or in pip's configuration",
    ),
)


class TroubleError(Exception):
    """What stops a verb, in one line with its remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; remedy: {remedy}")


@contextlib.contextmanager
def one_line_for_os_errors(root: Path) -> Iterator[None]:
    """Turn what the machine refuses below ``root`` into a ``TroubleError``."""
    try:
        yield
    except OSError as error:
        where = error.filename or root
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise TroubleError(f"no permission to write {where}", "make it writable") from None
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TroubleError(f"no space left on the disk of {where}", SPACE_REMEDY) from None
        raise TroubleError(str(error), "mend that, then run this again") from None


def explain(output: str) -> TroubleError:
    """The trouble that an installer's ``output`` tells of; an unknown one is printed as it came."""
    for pattern, problem, remedy in KNOWN_FAILURES:
        if re.search(pattern, output):
            return TroubleError(problem, remedy)
    print(output[-4000:], file=sys.stderr)
    return TroubleError("the installation failed, its last words are above", "mend that, then run this again")
