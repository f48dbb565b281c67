"""Plain Locust for any campaign: its request kinds as user classes, its loads as shapes. A locustfile is two lines:

    from harness.run.load.plain import locust_classes
    globals().update(locust_classes(Path(__file__).parent))

The requests are those of the harness: same bodies from the same seed, sent once on the same wire, streams timed token
by token. Locust's own tables and charts show three kinds of rows: the method with the service time, ``TTFT`` with the
time to first token, and, of the user class ``OpenLoop``, ``OPEN`` with the response time from the intended instant.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from locust import LoadTestShape, User, constant_throughput, events, tag, task
from locust.exception import StopUser

from harness.contract import load_campaign
from harness.core.errors import ConfigError, HarnessError
from harness.run.load.cells import targets_of
from harness.run.load.courses import Course
from harness.run.load.dispatch import CellDrive, Surroundings
from harness.run.load.ledger import Request
from harness.run.load.plain_desk import PlainDesk, clock
from harness.run.load.plan import CellPlan
from harness.run.load.requests import RequestKind
from harness.run.load.rows import Due, sent_row
from harness.run.load.schedule import LoadPhase
from harness.run.load.tally import PhaseRun, Stripe
from harness.run.load.template import Template, request_id
from harness.run.load.wire import Target

__all__ = ["locust_classes"]

_events: Any = events


def locust_classes(folder: Path | str) -> dict[str, Any]:
    """What a locustfile adds to its own names: a user class for each request kind, ``OpenLoop``, and ``Shape``."""
    try:
        desk = PlainDesk(load_campaign([Path(folder)]))
    except HarnessError as error:
        raise SystemExit(str(error)) from None
    _events.init_command_line_parser.add_listener(desk.add_options)
    _events.init.add_listener(desk.begin)
    users = {_class_name(kind): _user_class(_class_name(kind), kind, desk) for kind in desk.kinds}
    return {**users, "OpenLoop": _open_loop(desk), "Shape": _shape(desk)}


def _class_name(kind: str) -> str:
    return "".join(part.capitalize() for part in re.split(r"[^0-9A-Za-z]+", kind)) + "User"


# --- users in a closed loop


class _KindUser(User):
    """Sends one kind of request, about one a second, and waits for each answer."""

    abstract = True
    wait_time = constant_throughput(1)
    kind = ""
    desk: PlainDesk

    def on_start(self) -> None:
        """Find the way to the host, as it is written now."""
        with self.desk.telling():
            plan, addresses = self.desk.opened(self.environment.host or self.host or "")
            self.way = _Way(self.desk, plan, targets_of(plan, addresses, clock), self.desk.kinds[self.kind])

    def on_stop(self) -> None:
        """Hang up."""
        if way := getattr(self, "way", None):
            way.target.close()


class _Way:
    """How one user sends its kind."""

    def __init__(
        self, desk: PlainDesk, plan: CellPlan, targets: Mapping[tuple[str, str], Target], kind: RequestKind
    ) -> None:
        instance = plan.instances[0]
        if (instance.name, kind.port) not in targets:
            raise ConfigError(
                f"{kind.name} is sent to the port {kind.port!r}", remedy=f"add --ports {kind.port}=NUMBER"
            )
        self.target = targets[instance.name, kind.port]
        self._desk, self._kind, self._instance = desk, kind, instance
        self._template = Template(kind, plan.seed)
        self._phase = PhaseRun(LoadPhase("users", 1.0), clock(), 0, speed=1.0, seed=plan.seed, stripe=Stripe())

    def send(self) -> None:
        """Send the next request of the kind, and report what became of it."""
        now, number = clock(), next(self._desk.numbers[self._kind.name])
        self._desk.admit(self._instance.host, now)
        name = request_id(self._desk.run_id, self._kind.name, number)
        exchange = self.target.exchange(self._template.fill(self.target.authority, number, name, number), self._kind)
        if exchange.error_kind == "aborted":
            raise gevent.GreenletExit  # Locust ends this user: the exchange only took note of it
        due = Due("plain", "", self._phase, self._kind, self._instance, number, number, now, "closed")
        named = name if self._template.names_request else None
        self._desk.report(sent_row(due, exchange, named), self._kind.method)


def _user_class(name: str, kind: str, desk: PlainDesk) -> type[User]:
    @tag(kind)
    @task
    def send(self: Any) -> None:
        self.way.send()

    doc = f"Sends requests of the kind {kind}."
    return type(name, (_KindUser,), {"kind": kind, "desk": desk, "send": send, "abstract": False, "__doc__": doc})


# --- the open loop


def _open_loop(desk: PlainDesk) -> type[User]:
    class OpenLoop(User):
        """Sends the whole course at its own times, whatever became of what went before; one such user is enough."""

        fixed_count = 1
        kind = ""

        @task
        def drive(self) -> None:
            with desk.telling():
                _drive(desk, self.environment.host or "")
            raise StopUser

    return OpenLoop


def _drive(desk: PlainDesk, host: str) -> None:
    plan, addresses = desk.opened(host)
    done = Event()
    broken: list[BaseException] = []

    def emit(line: Mapping[str, Any]) -> None:
        if line["event"] == "phase_drained" and drive.drained:
            done.set()

    def fail(error: BaseException) -> None:
        broken.append(error)
        done.set()

    around = Surroundings(desk.run_id, clock, time.process_time, desk.allowance, emit, desk.report, fail)
    drive = CellDrive(plan, targets_of(plan, addresses, clock), _NoLedger(), around)
    running = gevent.spawn(drive.run)
    try:
        _order(drive, desk.course())
        done.wait()
    finally:
        drive.stop()
        running.join()
    for error in broken:
        raise error


def _order(drive: CellDrive, course: Course) -> None:
    begin = clock()
    for stage in course.stages:
        if stage.load:
            drive.start_phase(stage.load, begin + stage.begins_s / course.speed)


class _NoLedger:
    """Rows that Locust's tables have taken in are not kept."""

    def append(self, row: Request) -> None:
        """Let it go."""

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""


# --- the shape


def _shape(desk: PlainDesk) -> type[LoadTestShape]:
    class Shape(LoadTestShape):  # type: ignore[misc, unused-ignore]
        """The number of users over time: that of ``--shape``."""

        use_common_options = True

        def tick(self) -> tuple[int, float] | None:
            """Users and spawn rate now, None at the end."""
            course, elapsed_s = desk.course(), time.perf_counter() - self.start_time
            if elapsed_s >= min(course.lasts_s, desk.options.run_time or course.lasts_s):
                return None
            if desk.only_open:
                return 1, 1.0  # the open loop goes by the course itself
            users = max(1, round(course.users(elapsed_s)))
            if desk.options.shape == "steady":  # rises as Locust's users expect it to
                users = min(users, max(1, round((desk.options.spawn_rate or 1) * (elapsed_s + 1))))
            return users, float(users)

    return Shape
