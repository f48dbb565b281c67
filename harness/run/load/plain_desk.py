"""What the users of one plain Locust process share: what was asked for, where it may go, and how it is told.

Only ``plain`` uses this module.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import count
from typing import Any

from locust import events
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

from harness.contract import Campaign
from harness.core.errors import ConfigError, HarnessError
from harness.run.canaries import canaries_of
from harness.run.entering import tls_of
from harness.run.load.courses import PLAIN, Course, offered, plain_course, story_course
from harness.run.load.ledger import Request
from harness.run.load.plan import Ceiling, CellPlan, DriverPlan, Instance, resolved
from harness.run.load.tally import Allowance
from harness.run.load.written import ceilings_of, request_kind

__all__ = ["PlainDesk", "clock"]

_LONGEST_S = 6 * 3600.0
"""How long a load is laid out for that nobody gave an end."""
_OFFSET_S = time.time() - time.monotonic()
_log = logging.getLogger("harness")
_events: Any = events


def clock() -> float:
    """Epoch seconds that never step."""
    return _OFFSET_S + time.monotonic()


class PlainDesk:
    """What all users of one Locust process share."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.run_id = f"locust-{time.time_ns()}"
        canaries = canaries_of(self.run_id, campaign.profile.canaries)
        self.kinds = {name: request_kind(name, campaign, canaries) for name in campaign.profile.requests}
        self.stories = offered(campaign.scenarios)
        self.ceilings = ceilings_of(campaign.profile)
        self.allowance = Allowance(self.ceilings)
        self.numbers = {name: count() for name in self.kinds}
        self.options: Any = None
        self._environment: Any = None
        self._fire: Callable[..., None] = _events.request.fire

    # --- options

    def add_options(self, parser: Any) -> None:
        """What can be said on the command line, in the environment and on the web page."""
        # not in a group of their own: the web page shows only what the parser itself was given
        parser.add_argument(
            "--shape",
            choices=[*PLAIN, *self.stories],
            default="steady",
            env_var="LOCUST_SHAPE",
            help="course of the load: of that many users at most, or that of a story, with its mix of users",
        )
        parser.add_argument("--shape-period", type=float, default=60.0, help="seconds that a shape takes to unfold")
        parser.add_argument("--speed", type=float, default=1.0, help="production seconds of a story in one second")
        parser.add_argument(
            "--open-end", type=float, default=300.0, help="production seconds of a phase that ends by a condition"
        )
        parser.add_argument("--seed", type=int, default=1, help="seed of bodies and random arrivals")
        parser.add_argument("--ports", default="", help="ports beside that of the host: admin=3001,metrics=9090")

    def begin(self, environment: Any, **_: Any) -> None:
        """Keep the users that were asked for, weighed as in the story; refuse at once a host that is not allowed."""
        self.options = environment.parsed_options
        self.run_id = f"{self.run_id}-{os.getpid()}"  # Locust forks its processes after it has read the locustfile
        try:
            if environment.host:
                self.opened(environment.host)
            self._check_sharing(environment)
        except HarnessError as error:
            raise SystemExit(str(error)) from None
        kept = [user for user in environment.user_classes if self._wanted(user)]
        picked = self.options.user_classes or self.options.class_picker
        environment.user_classes = kept if picked else [user for user in kept if user.kind]
        self._environment = environment

    @property
    def only_open(self) -> bool:
        """Whether no user waits for answers."""
        return not any(user.kind for user in self._environment.user_classes)

    def _check_sharing(self, environment: Any) -> None:
        if self.ceilings and isinstance(environment.runner, MasterRunner | WorkerRunner):
            raise ConfigError(
                "a ceiling is kept by one process alone: it would be passed by several", remedy="run without workers"
            )

    def _wanted(self, user: Any) -> bool:
        """Locust filters tasks by tag and keeps users without any, which then fail; a story names its own kinds."""
        wanted, unwanted = set(self.options.tags or ()), set(self.options.exclude_tags or ())
        names = {user.kind} if user.kind else set(self.kinds)
        if (wanted and not wanted & names) or not names - unwanted:
            return False
        if self.options.shape in self.stories and user.kind:
            user.weight = round(1000 * self.course().shares.get(user.kind, 0.0))
            return bool(user.weight)
        return True

    def course(self) -> Course:
        """The course that was asked for, as the options stand now."""
        options = self.options
        if options.shape in self.stories:
            return story_course(self.stories[options.shape], options.speed, options.open_end)
        kinds = set(options.tags or self.kinds) - set(options.exclude_tags or ())
        lasts_s = float(options.run_time or _LONGEST_S)
        return plain_course(
            options.shape, float(options.num_users or 1), options.shape_period, lasts_s, dict.fromkeys(sorted(kinds), 1)
        )

    # --- where to

    def opened(self, host: str) -> tuple[CellPlan, dict[str, str]]:
        """A plan for ``host``, and the addresses to dial. Raises ``ConfigError`` for a host that may not be sent to."""
        profile = self.campaign.profile
        if not host:
            raise ConfigError("nobody said where to send to", remedy="add --host http://127.0.0.1:PORT")
        first = Instance("host", host.rstrip("/"))
        ports = {profile.ports[0]: first.port(), **_ports(self.options.ports)}
        kinds = {name: kind for name, kind in self.kinds.items() if kind.port in ports}
        tls = {name: each for name, each in tls_of(self.campaign).items() if name in ports}
        if (entry := first.entered()) is None:  # as the host says
            tls.pop(profile.ports[0], None)
        else:
            tls.setdefault(profile.ports[0], entry)
        plan = CellPlan(
            "plain",
            "",
            (Instance("host", first.url, ports=ports, tls=tls),),
            tuple(kinds.values()),
            speed=self.course().speed,
            seed=self.options.seed,
        )
        try:
            return plan, _resolved(plan.instances[0].host, self.ceilings)
        except ConfigError as error:
            where = self.campaign.profile_source.document.locate(("load",))
            remedy = f"in the profile, as in load: {{allow: {{{first.host}: {{requests: 1000, for: 1m wall}}}}}}"
            raise ConfigError(error.problem, location=where, remedy=f"{error.remedy or 'write it'}, {remedy}") from None

    def admit(self, host: str, now: float) -> None:
        """Count one request; ``StopUser``, and a word of it, where the host's ceiling is reached."""
        if not self.allowance.admit(host, now):
            if words := self.allowance.reached(host):
                _log.error(words)
            raise StopUser

    @lru_cache(maxsize=64)  # noqa: B019 - one desk lives as long as the process
    def say(self, words: str) -> None:
        """Log ``words``, the first time."""
        _log.error(words)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """What cannot be done is said once, and ends the user instead of filling a table with exceptions."""
        try:
            yield
        except HarnessError as error:
            self.say(str(error))
            raise StopUser from error

    # --- what came back

    def report(self, row: Request, method: str) -> None:
        """Into Locust's tables and charts, a row of each sort that ``row`` has a time for."""
        if row.error_kind == "aborted":
            return  # the end of the run is no failure of the service
        problem = None if row.expected else Exception(f"{row.error_kind} {row.status or ''}".strip())
        if not row.dropped:
            self._tell(method, row, row.service_s, problem, row.bytes_in)
        if row.loop == "open":
            # an error stands in one row: the request's own, or this where there was none
            self._tell("OPEN", row, row.response_s, problem if row.dropped else None)
        if row.first_token_t is not None:
            self._tell("TTFT", row, row.first_token_t - row.intended_t, None)

    def _tell(self, sort: str, row: Request, seconds: float | None, problem: Exception | None, length: int = 0) -> None:
        self._fire(
            request_type=sort,
            name=row.kind,
            response_time=None if seconds is None else seconds * 1000,
            response_length=length,
            exception=problem,
            context={"loop": row.loop, "phase": row.phase, "request_id": row.request_id},
        )


@lru_cache(maxsize=16)
def _resolved(host: str, ceilings: tuple[Ceiling, ...]) -> dict[str, str]:
    instance = Instance("host", f"http://[{host}]" if ":" in host else f"http://{host}")
    plan = DriverPlan((CellPlan("plain", "", (instance,), ()),), ceilings=ceilings)
    return resolved(plan, lambda name: [str(found[4][0]) for found in socket.getaddrinfo(name, None)])


def _ports(written: str) -> dict[str, int]:
    pairs = [pair.partition("=") for pair in written.replace(" ", "").split(",") if pair]
    if wrong := [name for name, _, number in pairs if not number.isdecimal()]:
        raise ConfigError(f"--ports: {wrong[0]!r} has no number", remedy="write it as in admin=3001,metrics=9090")
    return {name: int(number) for name, _, number in pairs}
