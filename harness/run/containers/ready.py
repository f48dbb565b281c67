"""Waiting for a container: until it answers, no longer than it lives."""

from __future__ import annotations

import http.client
import time
from collections.abc import Collection
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from testcontainers.core.exceptions import ContainerStartException
from testcontainers.core.waiting_utils import WaitStrategy, WaitStrategyTarget

__all__ = ["ContainerDiedError", "HttpAnswers", "last_lines"]

_POLL_S: Final = 0.05
_ANSWER_S: Final = 1.0
_TAIL: Final = 20
_ENDED: Final = frozenset({"exited", "dead", "removing"})


class ContainerDiedError(ContainerStartException):
    """The container ended while it was waited for; the message holds its exit code and the end of its logs."""


class HttpAnswers(WaitStrategy):
    """Wait until an HTTP path answers with an expected status.

    Unlike a wait on a port or on a log line it asks what users will ask, it looks every 50 ms, and it ends at once
    when the container does: a mistake in a configuration is told in the words of the program within a second, not
    after the timeout.

    Args:
        port: The port inside the container.
        path: What is asked for.
        statuses: Every status that says "ready".

    Example:

        .. doctest::

            >>> HttpAnswers(9090, "/-/ready").with_startup_timeout(30).path
            '/-/ready'
    """

    def __init__(self, port: int, path: str = "/", statuses: Collection[int] = (200,)) -> None:
        super().__init__()
        self.port, self.path, self.statuses = port, path, frozenset(statuses)
        self._poll_interval = _POLL_S

    def wait_until_ready(self, container: WaitStrategyTarget) -> None:
        """Return once the path answers.

        Raises:
            ContainerDiedError: The container ended first.
            TimeoutError: It did not answer in time; the message says what was seen last, and the end of its logs.
        """
        ends = time.monotonic() + self._startup_timeout
        while True:
            seen = self._ask(container)
            if not seen:
                return
            refuse_the_dead(container)
            if time.monotonic() >= ends:
                raise TimeoutError(
                    f"{self.path} on port {self.port} was not ready within {self._startup_timeout:g} s: {seen}\n"
                    f"{last_lines(container)}"
                )
            time.sleep(self._poll_interval)

    def _ask(self, container: WaitStrategyTarget) -> str:
        """What was seen instead of an expected answer; empty when it came."""
        try:
            url = f"http://{container.get_container_host_ip()}:{container.get_exposed_port(self.port)}{self.path}"
            with urlopen(url, timeout=_ANSWER_S) as answer:
                status = int(answer.status)
        except HTTPError as error:
            status = error.code
            error.close()
        except (URLError, OSError, http.client.HTTPException) as error:
            return str(error)
        return "" if status in self.statuses else f"it answered {status}"


def refuse_the_dead(container: WaitStrategyTarget) -> None:
    """Raise ``ContainerDiedError`` if ``container`` has ended."""
    container.reload()
    if container.status in _ENDED:
        state = container.get_wrapped_container().attrs["State"]
        why = "was killed for its memory" if state.get("OOMKilled") else f"exited with code {state['ExitCode']}"
        raise ContainerDiedError(
            f"the container {why}{': ' + state['Error'] if state.get('Error') else ''}\n{last_lines(container)}"
        )


def last_lines(container: WaitStrategyTarget, lines: int = _TAIL) -> str:
    """The end of what a container wrote, standard output before standard error."""
    text = "\n".join(part.decode("utf-8", "replace").rstrip() for part in container.get_logs() if part)
    kept = text.splitlines()[-lines:]
    return "its last lines:\n  " + "\n  ".join(kept) if kept else "it wrote nothing"
