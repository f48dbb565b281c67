"""A cell that ends pages nobody about its own end."""

from __future__ import annotations

from typing import Any

from harness.run.cell import Cell


class Part:
    """A process that notes when it is stopped."""

    def __init__(self, name: str, stopped: list[str], alive: bool = True) -> None:
        self.name, self.alive, self._stopped = name, alive, stopped

    def stop(self) -> None:
        self._stopped.append(self.name)


def test_what_tells_of_the_subject_ends_before_the_subject() -> None:
    stopped: list[str] = []
    cell: Any = Cell.__new__(Cell)
    cell.processes = {name: Part(name, stopped) for name in ("shop-0", "shop-1", "prometheus", "alertmanager")}
    cell.processes["shop-1"].alive = False
    cell.end()
    assert stopped == ["alertmanager", "prometheus", "shop-0"]
