"""A real process runs out of descriptors, and has them again."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness.core.errors import HarnessError
from harness.run.faults.descriptors import DescriptorFault
from harness.run.stack.wait import NotYet

OPENS = """
import sys
held = []
for line in sys.stdin:
    try:
        for _ in range(int(line)):
            held.append(open("/dev/null"))
        print("opened", flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
"""


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", OPENS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert opens(child, 1) == "opened"
        yield child
        child.kill()


def opens(process: subprocess.Popen[str], count: int) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{count}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_nothing_can_be_opened_until_it_is_healed(process: subprocess.Popen[str]) -> None:
    fault = DescriptorFault("few", lambda: process.pid, 12)
    before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    assert str(process.pid) in fault.inject()
    with pytest.raises(NotYet, match="holds 4 of 12"):
        fault.confirm()
    assert opens(process, 20) == "Too many open files"
    assert "holds 12 of 12" in fault.confirm()
    with pytest.raises(NotYet, match="may have 12"):
        fault.confirm_healed()
    assert opens(process, 1) == "Too many open files"
    fault.heal()
    assert "as they were" in fault.confirm_healed()
    assert opens(process, 1) == "opened"
    assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == before


def test_a_process_that_ended_meanwhile_is_healed(process: subprocess.Popen[str]) -> None:
    fault = DescriptorFault("few", lambda: process.pid, 12)
    fault.inject()
    process.kill()
    process.wait()
    with pytest.raises(NotYet, match="holds 0 of 12"):
        fault.confirm()
    fault.heal()
    assert "as they were" in fault.confirm_healed()


def test_an_instance_without_a_process_of_ours_is_refused() -> None:
    with pytest.raises(HarnessError, match="no process of ours"):
        DescriptorFault("few", lambda: None, 12).inject()
