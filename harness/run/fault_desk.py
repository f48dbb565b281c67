"""temporary"""

from __future__ import annotations

import time

from harness.contract.files import HookCall, Phase
from harness.evidence.records import FaultAction
from harness.run.cell import Cell
from harness.run.clients.http import Http
from harness.clauses.values import at_pointer
import json


class FaultDesk:
    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.active: dict[str, object] = {}
        self.unconfirmed: dict[str, float] = {}
        self.phase = ""

    def call(self, c: HookCall, value: object):
        body = json.loads(json.dumps(c.body).replace('"{{value}}"', json.dumps(value))) if c.body is not None else None
        out = None
        for p in self.cell.place.instances:
            h = Http(p.url(c.port))
            out = h.send(c.method, c.path, body=None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json"})
            out.require_ok()
        return out

    def add(self, fault, action, detail=""):
        self.cell.context.recorder.add(FaultAction(self.cell.name, time.time(), self.phase, fault, action, detail))

    def change_to(self, phase: Phase) -> None:
        old = dict(self.active)
        self.phase = phase.name
        for name in old:
            if name not in phase.fault:
                self.heal(name)
        for name, value in phase.fault.items():
            if old.get(name) != value:
                v = float(str(value).rstrip("%")) / 100 if "%" in str(value) else value
                self.add(name, "inject", str(value))
                self.call(self.cell.context.campaign.profile.faults[name].inject, v)
                self.active[name] = value
                self.unconfirmed[name] = time.time()

    def heal(self, name):
        self.add(name, "heal")
        self.call(self.cell.context.campaign.profile.faults[name].heal, None)
        self.active.pop(name)
        self.add(name, "healed")

    def heal_all(self, phase) -> None:
        for name in list(self.active):
            self.heal(name)

    def give_up(self) -> None:
        pass

    def poll(self) -> None:
        for name in list(self.unconfirmed):
            c = self.cell.context.campaign.profile.faults[name].confirm
            a = self.call(c, None).json()
            if all((at_pointer(a, k) > 0) if w == "> 0" else at_pointer(a, k) == w for k, w in c.expect.items()):
                self.add(name, "confirm")
                self.unconfirmed.pop(name)
