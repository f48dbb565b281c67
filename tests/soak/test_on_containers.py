"""The whole campaign has the verdicts on containers that it has as processes (``make containers``, ``make soak``)."""

from __future__ import annotations

import pytest

from harness.provision.engine import Engine
from harness.run.containers.owner import RUN
from tests.engines import engine
from tests.soak.test_repeated_gates import one_gate

__all__ = ["engine"]


def test_every_clause_has_the_same_verdict_on_containers_and_as_processes(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    gates = {backend: one_gate(backend=backend) for backend in ("containers", "native")}
    with capsys.disabled():
        for backend, gated in gates.items():
            told = f"{gated.length_s:.1f} s, {gated.again} stories were played again"
            print(f"\n{backend}: {told}, smallest slack {gated.slack_s:.2f} s wall ({gated.tightest})")  # noqa: T201
    assert gates["containers"].verdicts == gates["native"].verdicts
    assert set(gates["containers"].verdicts.values()) == {"held"}
    assert not engine.owned("containers", RUN)
