"""The faults of one story: injected when a phase begins, confirmed while it runs, healed when none asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from harness.contract.fault_values import parse_value
from harness.contract.files import Phase
from harness.contract.stand_ins import changes_of
from harness.contract.subject import FaultHook, HookCall
from harness.core.tls import Tls
from harness.evidence.records import FaultAction
from harness.run.cell import Cell
from harness.run.clients.http import Http, HttpFault
from harness.run.cutting import blinded_by, cut_of, link_fault
from harness.run.entering import opened
from harness.run.faults.descriptors import DescriptorFault
from harness.run.faults.fault import Fault, FaultControl
from harness.run.faults.hook import Call, HookFault
from harness.run.faults.signals import SignalFault
from harness.run.faults.stand_in import StandInFault
from harness.run.faults.together import Together
from harness.run.placement import InstancePlace

__all__ = ["FaultDesk"]

Written = str | int | float
Kind = Literal["hook", "signal", "cut", "stand_in"]


class FaultDesk:
    """Keeps what a phase asks for in force.

    A value that changes is healed and injected anew, unless its hook says that a new value replaces the old one.
    """

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self._active: dict[str, tuple[Written, FaultControl]] = {}
        self._healing: list[FaultControl] = []
        self._blinding: dict[str, str] = {}

    def change_to(self, phase: Phase) -> None:
        """Heal what ``phase`` does not ask for, inject what it asks for anew."""
        wanted = phase.disturbances
        for name, (value, control) in list(self._active.items()):
            if wanted.get(name) == value:
                continue
            if name in wanted and self._replaces(name):
                control.give_way()
                del self._active[name]
            else:
                self._heal(name)
        for name, value in phase.fault.items():
            if name not in self._active:
                hook = self.cell.context.campaign.profile.faults[name]
                kind: Kind = "stand_in" if hook.stand_in else "signal" if hook.befalls_process else "hook"
                self._inject(self._fault(name, hook, value), kind, value, phase.name)
        for hop, manner in phase.cut.items():
            if f"cut {hop}" not in self._active:
                self._blinding[f"cut {hop}"] = blinded_by(hop, manner)
                self._inject(cut_of(self.cell, hop, manner), "cut", manner, phase.name)

    def _replaces(self, name: str) -> bool:
        hook = self.cell.context.campaign.profile.faults.get(name)
        return hook is not None and hook.replaces

    @property
    def blind(self) -> frozenset[str]:
        """Parts of the stack that cannot be asked: cut, or not seen alive again yet."""
        return frozenset(part for name, part in self._blinding.items() if part and self._is_open(name))

    def _is_open(self, name: str) -> bool:
        return name in self._active or any(control.name == name for control in self._healing)

    def _inject(self, fault: Fault, kind: Kind, value: Written, phase: str) -> None:
        def sink(action: FaultAction) -> None:
            shown = f"{value}" if action.action == "inject" else action.detail
            self.cell.context.recorder.add(replace(action, kind=kind, detail=shown))

        control = FaultControl(self.cell.name, phase, fault, sink)
        self._active[fault.name] = (value, control)
        control.inject()

    def _heal(self, name: str) -> None:
        control = self._active.pop(name)[1]
        control.heal()
        self._healing.append(control)

    def heal_all(self) -> None:
        """Heal everything that is in force."""
        for name in list(self._active):
            self._heal(name)

    def poll(self) -> None:
        """Look once for every confirmation that is awaited."""
        for _, control in self._active.values():
            control.poll()
        for control in self._healing:
            control.poll()
        self._healing = [control for control in self._healing if not control.settled]

    # --- from the profile's data to faults

    def _fault(self, name: str, hook: FaultHook, value: Written) -> Fault:
        if hook.signal:
            return self._signal(name, hook, value)
        if hook.limit:
            return Together(
                name, [self._descriptors(name, place, int(value), hook.within) for place in self.cell.place.instances]
            )
        if hook.link:
            return link_fault(self.cell, name, hook.link.hop, str(value), within_s=hook.within)
        if hook.stand_in:
            stand_in = self.cell.stand_ins[hook.stand_in]
            return StandInFault(name, stand_in, changes_of(hook.set, value), hook.within)
        parsed = parse_value(value, hook.unit)
        return HookFault(
            name,
            parsed,
            inject=self._calls(hook.inject, hook.within),
            confirm=self._calls(hook.confirm),
            heal=self._calls(hook.heal),
            within_s=hook.within,
        )

    def _signal(self, name: str, hook: FaultHook, instance: Written) -> Fault:
        place = next(place for place in self.cell.place.instances if place.name == instance)
        ready = self.cell.context.campaign.profile.ready
        http = Http(place.url(ready.port), tls=place.tls.get(ready.port))

        def answers() -> bool:
            try:
                return http.send("GET", ready.path).status in ready.status
            except (OSError, HttpFault):
                return False

        assert hook.signal is not None
        return SignalFault(name, hook.signal, self.cell.processes[place.name], answers, within_s=hook.within)

    def _descriptors(self, name: str, place: InstancePlace, most: int, within_s: float) -> Fault:
        process = self.cell.processes[place.name]
        return DescriptorFault(name, lambda: process.pid, most, within_s=within_s)

    def _calls(self, call: HookCall | None, timeout_s: float = 2.0) -> tuple[Call, ...]:
        assert call is not None
        headers = opened(call.headers, self.cell.context.campaign.profile_source.document.locate(("faults",)))
        return tuple(
            Call(server, call.method, call.path, call.body, dict(call.expect), headers, timeout_s, tls)
            for server, tls in self._servers(call)
        )

    def _servers(self, call: HookCall) -> Sequence[tuple[str, Tls | None]]:
        if call.helper:
            return [(f"http://127.0.0.1:{self.cell.place.helpers[call.helper][call.port]}", None)]
        return [(place.url(call.port), place.tls.get(call.port)) for place in self.cell.place.instances]
