"""How tests are spread over workers: by file, which may share expensive parts, or one by one where none is shared."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

ENGINE = os.environ.pop("DOCKER_HOST", "")
"""The container engine that whoever started the tests names; ``tests/containers`` alone uses one."""
os.environ["DOCKER_HOST"] = "unix:///nowhere/engine.sock"  # what runs on this machine must not decide what is tested

for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:  # tests in the background: all that they start would ignore it too
        signal.signal(number, usual)

ONE_BY_ONE = (
    "tests/sabotage/",
    "tests/integration/tiny/",
    "tests/integration/packaging/test_bootstrap_process.py",
    "tests/integration/provision/test_java_and_jars.py",
)
TOGETHER = (
    "tests/integration/tiny/test_dead_hops.py",
    "tests/integration/tiny/test_dead_pipeline.py",
    "tests/integration/tiny/test_plain_gate.py",
    "tests/sabotage/test_rule_mutants.py",
)
"""Those whose tests read one result that takes long to come by."""


def unit_of(nodeid: str) -> str:
    """What goes to one worker with the test ``nodeid``: its file, or it alone."""
    file = nodeid.partition("::")[0]
    return nodeid if file.startswith(ONE_BY_ONE) and file not in TOGETHER else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``--dist loadfile``, a scheduler that divides some files: a worker takes the next test when it is free."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Spread(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit_of(nodeid)

    return Spread(config, log)
