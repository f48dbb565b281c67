"""What each process does without: a start pays for every module, and a gate starts three processes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TINY = ROOT / "fixtures" / "tiny"


@dataclass(frozen=True)
class Start:
    """``code`` brings a process as far as it gets before its own work begins."""

    code: str
    needs: str
    """Modules that show that the code has come that far."""
    spares: str
    """Modules that it must not have loaded, nor anything below them."""


PROCESSES = {
    "the front of a gate": Start(
        "from pathlib import Path; import harness.cli, harness.front.gate; from harness.front.choosing import choose;"
        f"choose([Path({str(TINY)!r})])",
        needs="harness.front.process harness.contract.campaign harness.report.console",
        spares="""
            harness.clauses harness.artefacts harness.evidence harness.provision harness.run harness.sketch
            harness.virtual promql_parser prometheus_client urllib3 requests asyncio pytest
        """,
    ),
    "a campaign": Start(
        "import harness.run.campaign",
        needs="harness.run.stage harness.clauses.compiled",
        spares="""
            harness.front harness.report harness.run.attach harness.run.containers.fleet harness.run.sinks.smtp
            harness.provision.making harness.provision.releases aiosmtpd attr testcontainers docker locust gevent
            flask numpy pandas jsonschema pytest
        """,
    ),
    "the load generator": Start(
        "import harness.run.load.driver",
        needs="harness.run.load.worker locust.runners",
        spares="""
            harness.contract harness.clauses harness.artefacts harness.evidence.records flask werkzeug jinja2
            pydantic yaml prometheus_client pytest
        """,
    ),
    "a replay": Start(
        "import harness.cli, harness.front.replaying, harness.clauses.replay",
        needs="harness.clauses.conclusion",
        spares="""
            harness.run harness.provision harness.sketch harness.virtual urllib3 requests asyncio aiosmtpd locust
            gevent pytest
        """,
    ),
}


@pytest.mark.parametrize("start", PROCESSES.values(), ids=PROCESSES)
def test_a_process_loads_what_it_needs_and_no_more(start: Start) -> None:
    loaded = modules_of(start.code)
    assert set(start.needs.split()) <= loaded
    assert [name for name in sorted(loaded) if is_below(name, start.spares.split())] == []


def is_below(name: str, packages: list[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def modules_of(code: str) -> set[str]:
    """What a fresh interpreter has loaded once it has run ``code``."""
    # the editable install, and coverage where it measures, load what is theirs before any line of ours
    program = f"import sys; before = set(sys.modules); {code}; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_load_generator_leaves_the_standard_library_as_it_is() -> None:
    """Patching it asks every installed package for entry points, and what sends here uses gevent's own sockets."""
    code = (
        "import harness.run.load.driver, socket, time, locust; from gevent import monkey;"
        "print(monkey.is_module_patched('socket'), monkey.is_module_patched('time'))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
