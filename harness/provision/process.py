"""Run a foreign command: a line every few seconds while it works, one clear error when it fails."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from harness.core.errors import MachineError
from harness.provision.work import Work

__all__ = ["CancelledError", "run"]

_REPORT_EVERY_S = 5.0
_LISTEN_EVERY_S = 0.2
_TAIL_BYTES = 64_000
_TAIL_LINES = 6
_STOP_GRACE_S = 5.0

_LINE_LENGTH = 300
_RETRY = "run `harness doctor`; what was finished is kept, so a second try resumes"
_CAUSES = tuple(
    (cause, re.compile(pattern, re.IGNORECASE), remedy)
    for cause, pattern, remedy in (
        (
            "the disk is full",
            r"no space left on device|not enough space|disk quota exceeded",
            "free space, or set HARNESS_CACHE to a larger disk",
        ),
        (
            "the certificate of the package registry is not trusted",
            r"certificate.verify.failed|x509: certificate|PKIX path building failed",
            "set PIP_CERT, REQUESTS_CA_BUNDLE and SSL_CERT_FILE to the file of trusted certificates",
        ),
        (
            "the package registry cannot be reached",
            r"no such host|dial tcp|i/o timeout|connection refused|network is unreachable|name resolution|"
            r"NewConnectionError|Max retries exceeded|Unknown host|Could not transfer artifact|"
            r"No matching distribution|TLS handshake timeout|client error \(Connect\)|module lookup disabled",
            "check network and proxy settings, or restore the cache from another machine",
        ),
    )
)


class CancelledError(MachineError):
    """Work was given up because something else failed or the user interrupted; never the first cause."""


def run(
    argv: Sequence[str],
    *,
    doing: str,
    folder: Path,
    work: Work,
    environment: Mapping[str, str] | None = None,
    text: str = "",
) -> str:
    """Run ``argv`` in ``folder`` with ``text`` on standard input and return all that it printed.

    ``doing`` opens each progress line (``building prometheus … 35 s``). Raises ``MachineError`` with the
    cause in words when the command cannot be started or fails.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as given:
        given.write(text.encode())
        given.seek(0)
        child = _start(argv, doing, folder, environment, output, given)
        try:
            _wait(child, doing, work)
        finally:
            _stop(child)
        printed = _read_tail(output)
    if child.returncode:
        raise _explain(doing, argv, child.returncode, printed)
    return printed


def _start(
    argv: Sequence[str],
    doing: str,
    folder: Path,
    environment: Mapping[str, str] | None,
    output: IO[bytes],
    given: IO[bytes],
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(argv),
            cwd=folder,
            env=None if environment is None else dict(environment),
            stdin=given,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        problem = f"{doing}: {argv[0]} cannot be started: {error.strerror}"
        raise MachineError(problem, remedy="check that it is installed and executable") from None


def _wait(child: subprocess.Popen[bytes], doing: str, work: Work) -> None:
    started = reported = time.monotonic()
    while True:
        try:
            child.wait(timeout=_LISTEN_EVERY_S)
        except subprocess.TimeoutExpired:
            now = time.monotonic()
            if work.cancelled.is_set():
                raise CancelledError(f"{doing} was cancelled") from None
            if now - reported >= _REPORT_EVERY_S:
                work.progress(f"{doing} … {now - started:.0f} s")
                reported = now
        else:
            return


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is not None:
        return
    os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(timeout=_STOP_GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _read_tail(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _TAIL_BYTES))
    return output.read().decode(errors="replace")


def _explain(doing: str, argv: Sequence[str], code: int, printed: str) -> MachineError:
    lines = [line.strip()[:_LINE_LENGTH] for line in printed.splitlines() if line.strip()]
    for cause, pattern, remedy in _CAUSES:
        telling = [line for line in lines if pattern.search(line)]
        if telling:
            return MachineError(f"{doing}: {cause} ({telling[-1]})", remedy=remedy)
    tail = " | ".join(lines[-_TAIL_LINES:]) or "it said nothing"
    return MachineError(f"{doing}: {Path(argv[0]).name} ended with status {code}: {tail}", remedy=_RETRY)
