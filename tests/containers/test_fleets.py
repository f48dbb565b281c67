"""Two campaigns at once on one engine: each hears of its own containers, ends its own, and sweeps nobody who lives."""

from __future__ import annotations

import queue
import subprocess
import sys
from collections.abc import Iterator
from signal import SIGKILL, SIGSTOP
from typing import Any

import pytest

from harness.provision.engine import Engine
from harness.provision.images import choose_images, read_images
from harness.run.containers.fleet import Fleet
from harness.run.containers.owner import RUN
from harness.run.containers.spec import ContainerSpec
from harness.run.containers.toxiproxy import ToxiproxyContainer
from harness.run.stack.ports import PortLease
from harness.run.stack.surface import Exited, Started

OTHER = """
import sys
from harness.provision.engine import Engine
from harness.run.containers.fleet import Fleet
with Fleet(Engine(sys.argv[1]), "other", lambda event: None) as fleet:
    print(fleet.swept)
"""


@pytest.fixture
def spec(engine: Engine) -> Iterator[ContainerSpec]:
    image = choose_images({"toxiproxy"}, read_images(), lambda name: engine.image(name) is not None)["toxiproxy"]
    with PortLease() as ports:
        port = ports.claim()
        yield ContainerSpec("c/toxiproxy", lambda: ToxiproxyContainer(image.name).on_host_network(port), (port,))


def test_a_container_has_several_lives_and_no_other_campaign_ends_one(engine: Engine, spec: ContainerSpec) -> None:
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with Fleet(engine, "mine", told.put) as fleet:
        part = fleet.start(spec)
        first = told.get(timeout=20)
        assert isinstance(first, Started)
        assert first.pid == part.pid

        other = subprocess.run([sys.executable, "-c", OTHER, engine.socket], capture_output=True, text=True, timeout=60)
        assert other.stdout == "[]\n", other.stderr
        assert part.alive
        assert engine.owned("containers", f"{RUN}=mine")

        part.signal(SIGSTOP)
        part.kill()
        death = told.get(timeout=20)
        assert (type(death), death.code, death.expected) == (Exited, -SIGKILL, True)
        part.restart()
        assert told.get(timeout=20).pid == part.pid != first.pid

        part.signal(SIGKILL)
        death = told.get(timeout=20)
        assert (death.code, death.expected) == (-SIGKILL, False)
        assert "was ended by SIGKILL" in part.describe_death()
        assert fleet.cpu_s["c/toxiproxy"] > 0
    assert not engine.owned("containers", RUN)
