"""All cells of one load process: the Locust users that drive them, and the orders that they take.

Only the load process uses this module.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gevent
from gevent.event import Event

from harness.core.errors import ConfigError, HarnessError
from harness.run.load.control import Line
from harness.run.load.dispatch import CellDrive, RowSink, Surroundings
from harness.run.load.ledger import Request
from harness.run.load.locust_core import Environment, StopUser, User, task
from harness.run.load.plan import CellPlan, DriverPlan
from harness.run.load.schedule import LoadPhase, traced
from harness.run.load.tally import Allowance, Stripe
from harness.run.load.wire import Target, entry_of

__all__ = ["Cells", "clock_of", "targets_of"]

_FLUSH_EVERY_S = 0.05


def clock_of(plan: DriverPlan) -> Callable[[], float]:
    """Epoch seconds that never step, by the clock of whoever made ``plan``."""
    given = plan.clock_offset_s
    offset_s = time.time() - time.monotonic() if given is None else given
    return lambda: offset_s + time.monotonic()


class Cells:
    """Every cell of ``plan``, each driven by one Locust user of ``environment``; ``sink`` gives each its ledger."""

    def __init__(
        self,
        environment: Environment,
        plan: DriverPlan,
        addresses: Mapping[str, str],
        sink: Callable[[CellPlan], RowSink],
        emit: Callable[[Line], None],
        fail: Callable[[BaseException], None],
        *,
        stripe: Stripe | None = None,
        worker: str = "",
    ) -> None:
        self.quitting = False
        for path in plan.traces:
            traced(path)
        self._fire: Callable[..., None] = environment.events.request.fire
        self._fail = fail
        clock = clock_of(plan)
        around = Surroundings(
            run_id=plan.run_id,
            clock=clock,
            cpu_s=time.process_time,
            allowance=Allowance(plan.ceilings),
            emit=emit,
            report=self._report,
            fail=fail,
            stripe=stripe or Stripe(),
            worker=worker,
        )
        self._cells = {
            cell.name: CellDrive(cell, targets_of(cell, addresses, clock), sink(cell), around) for cell in plan.cells
        }
        self._waiting = iter(self._cells.values())
        environment.user_classes = [_user_class(self._waiting, fail)]
        self._ops: dict[str, Callable[[Line], None]] = {
            "phase": self._op_phase,
            "stop_phase": self._op_stop_phase,
            "drain": self._op_drain,
            "quit": self._op_quit,
        }

    @property
    def names(self) -> list[str]:
        """The names of the cells; one user drives each."""
        return sorted(self._cells)

    @property
    def drained(self) -> bool:
        """Nothing is scheduled and nothing is in flight, in any cell."""
        return all(cell.drained for cell in self._cells.values())

    def obey(self, order: Line) -> None:
        """Carry out an order. Raises ``ConfigError`` or ``LookupError`` for one that cannot be."""
        self._ops[order["op"]](order)

    def flush_often(self, done: Event) -> None:
        """Hand rows over every now and then until ``done``."""
        while not done.is_set():
            for cell in self._cells.values():
                cell.ledger.flush()
            gevent.sleep(_FLUSH_EVERY_S)

    def stop(self) -> None:
        """Leave what is in flight, write its rows, close every ledger."""
        for cell in self._cells.values():
            try:
                cell.stop()
                cell.ledger.close()
            except HarnessError as error:
                self._fail(error)

    def _cell(self, order: Line) -> CellDrive:
        if order.get("cell") not in self._cells:
            raise ConfigError(f"no cell {order.get('cell')!r}", remedy=f"cells: {', '.join(self._cells)}")
        return self._cells[order["cell"]]

    def _op_phase(self, order: Line) -> None:
        self._cell(order).start_phase(LoadPhase.from_json(order["load"]), order.get("at"))

    def _op_stop_phase(self, order: Line) -> None:
        self._cell(order).stop_phase(order["phase"], order.get("at"))

    def _op_drain(self, order: Line) -> None:
        self._cell(order).cut()

    def _op_quit(self, _: Line) -> None:
        self.quitting = True
        for cell in self._cells.values():
            cell.cut()

    def _report(self, row: Request, method: str) -> None:
        """Into Locust's own statistics: response time from the intended instant, and the first token."""
        name, fire = f"{row.cell} {row.kind}", self._fire
        fire(
            request_type=method,
            name=name,
            response_time=_milliseconds(row, row.end_t),
            response_length=row.bytes_in,
            exception=None if row.expected else Exception(f"{row.error_kind} {row.status or ''}".strip()),
            context={"cell": row.cell, "phase": row.phase},
        )
        if row.first_token_t is not None:
            fire(
                request_type="first token",
                name=name,
                response_time=_milliseconds(row, row.first_token_t),
                response_length=0,
                exception=None,
                context={"cell": row.cell, "phase": row.phase},
            )


def _milliseconds(row: Request, instant: float | None) -> float | None:
    return None if instant is None else (instant - row.intended_t) * 1000


def targets_of(
    cell: CellPlan, addresses: Mapping[str, str], clock: Callable[[], float]
) -> dict[tuple[str, str], Target]:
    """A target for each instance and port of ``cell``, by their names; ``addresses`` are numeric, by host."""
    return {
        (item.name, port): Target(
            (addresses[item.host], item.port(port)),
            item.authority(port),
            idle_s=cell.idle_s,
            clock=clock,
            entry=entry_of(item.entered(port), item.host),
        )
        for item in cell.instances
        for port in {kind.port for kind in cell.kinds}
    }


def _user_class(waiting: Iterator[CellDrive], fail: Callable[[BaseException], None]) -> Any:
    class CellUser(User):
        """Locust's view of a cell: one user that drives it for the whole run."""

        @task
        def drive(self) -> None:
            try:
                next(waiting).run()
            except Exception as error:  # Locust would log it and ask for the next task
                fail(error)
            raise StopUser

    return CellUser
