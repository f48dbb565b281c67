"""One engine for all tests on containers: the one that answers, else one of its own that ends with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from habits.engine import answers
from harness.provision.engine import Engine
from harness.provision.image_commands import images_command
from tests.conftest import ENGINE

STARTS_S = 30.0


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine with the images of all parts; ``DOCKER_HOST`` names it meanwhile."""
    before = os.environ["DOCKER_HOST"]
    place = ENGINE.removeprefix("unix://") or "/var/run/docker.sock"
    if answers(place):
        yield from _named(Engine(place), before)
    elif os.geteuid() == 0 and shutil.which("dockerd"):
        folder = Path(tempfile.mkdtemp(prefix="engine-"))
        with _started(folder) as own:
            yield from _named(own, before)
    else:
        pytest.skip(f"no container engine answers on {place}, and none can be started")


def _named(engine: Engine, before: str) -> Iterator[Engine]:
    os.environ["DOCKER_HOST"] = engine.host
    try:
        assert images_command([]) == 0
        yield engine
    finally:
        os.environ["DOCKER_HOST"] = before


class _started:  # noqa: N801 (used as a function)
    """dockerd with everything of its own below ``folder``, which goes with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = Engine(str(folder / "docker.sock"))

    def __enter__(self) -> Engine:
        own = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
        argv = ["dockerd", "-H", self.engine.host, *(f"--{name}={self.folder / path}" for name, path in own.items())]
        self.log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(argv, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True)
        ends = time.monotonic() + STARTS_S
        while not answers(self.engine.socket):
            if self.process.poll() is not None or time.monotonic() > ends:
                self.__exit__()
                pytest.fail(f"dockerd does not start:\n{(self.folder / 'log').read_text()[-2000:]}", pytrace=False)
            time.sleep(0.05)
        return self.engine

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        for left in (self.folder / "exec" / "netns").glob("*"):  # the engine leaves its own network name space mounted
            subprocess.run(["umount", left], check=True)
        shutil.rmtree(self.folder)
