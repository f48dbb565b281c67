"""A machine that refuses: a port in use, a cache that cannot be written, a full disk, no processor for the subject."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.provision import Settings
from tests.integration.tiny.gates import Ended, Home, Story

Mount = Callable[..., Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount something at a new folder for the length of a test."""
    mounted: list[Path] = []

    def do(*options: str, source: str = "tmpfs", remount: str = "") -> Path:
        folder = tmp_path / f"mount-{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(["mount", *options, source, str(folder)], capture_output=True, check=False, text=True)
        if done.returncode:
            pytest.skip(f"NOT PROVED HERE: mounting needs privileges that this user lacks: {done.stderr.strip()}")
        mounted.append(folder)
        if remount:
            subprocess.run(["mount", "-o", remount, str(folder)], check=True)
        return folder

    yield do
    for folder in reversed(mounted):
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_cache_that_can_only_be_read_serves(home: Home, tiny: Story, mount: Mount) -> None:
    cache = mount("--bind", source=str(Settings.from_environment().cache), remount="remount,bind,ro")
    with pytest.raises(OSError, match="Read-only"):
        (cache / "probe").touch()
    home.env["HARNESS_CACHE"] = str(cache)
    ended = home.gate(tiny.folder)
    assert ended.code == 0, ended.out + ended.err
    home.assert_clean(sorted(ended.ports))


@contextmanager
def full(folder: Path, leave_bytes: int) -> Iterator[None]:
    """While entered, no more than this is free where ``folder`` lies."""
    with (folder / "ballast").open("wb", buffering=0) as ballast:
        os.posix_fallocate(ballast.fileno(), 0, shutil.disk_usage(folder).free - leave_bytes)
    yield
    (folder / "ballast").unlink()


def assert_one_clear_line(ended: Ended) -> None:
    said = ended.out + ended.err
    assert ended.code in {2, 4}, said
    assert "Traceback" not in said, said
    assert any("no space" in line.lower() or "disk is full" in line.lower() for line in said.splitlines()), said


@pytest.mark.parametrize("free_bytes", [0, 4096, 65536, 4 << 20])
def test_a_full_disk_for_run_folders_is_told(home: Home, tiny: Story, mount: Mount, free_bytes: int) -> None:
    disk = mount("-t", "tmpfs", "-o", "size=32m")
    home.measured = free_bytes in {0, 65536}
    home.env["TMPDIR"] = str(disk)
    with full(disk, free_bytes):
        ended = home.gate(tiny.folder)
        assert_one_clear_line(ended)
        home.assert_clean(sorted(ended.ports))
        assert [path.name for path in disk.iterdir()] == ["ballast"]


@pytest.mark.parametrize("free_bytes", [0, 4096, 12288, 65536, 200 << 10])
def test_a_full_disk_for_evidence_is_told(home: Home, tiny: Story, mount: Mount, free_bytes: int) -> None:
    disk = mount("-t", "tmpfs", "-o", "size=2m")
    home.measured = free_bytes in {0, 12288}
    with full(disk, free_bytes):
        ended = home.gate(tiny.folder, bundles=disk)
        assert_one_clear_line(ended)
        home.assert_clean(sorted(ended.ports))


GRASPING = """
import http.server, socket, sys
port = int(sys.argv[1])
with socket.create_server(("127.0.0.1", port - 1)):
    http.server.HTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
HELPERS = """helpers:
  greedy:
    command: [python3, grasping.py, "{port.own}"]
    ports: [own]
    ready: {port: own}
"""


def test_a_port_that_is_taken_names_who_holds_it(home: Home, tiny: Story) -> None:
    """A helper takes more than its own: the port before it, which is another part's."""
    tiny.write("grasping.py", GRASPING).replace("profile.yaml", ("ports: [app]", f"{HELPERS}ports: [app]"))
    ended = home.gate(tiny.folder)
    said = ended.out + ended.err
    assert ended.code == 2, said
    assert re.search(r"port \d+, which failing/[\w-]+ needs, is taken by process \d+ \(.*grasping\.py", said), said
    assert "remedy: end that process" in said
    home.assert_clean(sorted(ended.ports))


@pytest.mark.alone
def test_a_subject_that_is_kept_from_its_processor_is_not_blamed(home: Home, tiny: Story) -> None:
    """One processor for the subject, which always has something to do, and for four others that have as well."""
    processor = min(os.sched_getaffinity(0))
    spin = f"{{command: [taskset, -c, '{processor}', '{{python}}', -c, 'while True: pass']}}"
    greedy = "".join(f"  greedy-{number}: {spin}\n" for number in range(4))  # each in a session of its own
    tiny.replace(
        "profile.yaml",
        ("ports: [app]", f"helpers:\n{greedy}ports: [app]"),
        ('command: ["{build}/tiny"', f'command: [taskset, -c, "{processor}", "{{build}}/tiny"'),
    )
    tiny.replace(
        "service/main.go", ("\tport := flag.Int(", "\tgo func() {\n\t\tfor {\n\t\t}\n\t}()\n\tport := flag.Int(")
    )
    ended = home.gate(tiny.folder)
    assert ended.code == 4, ended.out + ended.err
    assert "invalid" in ended.verdicts.values()
    waits = [json.loads(line) for line in ended.lines("records/reading.ndjson")]
    longest_s = max(wait["value"] for wait in waits if wait["name"] == "processor_wait_s")
    assert f"tiny-0 waited {longest_s:g} s within two seconds for a processor that others had" in ended.out
    home.assert_clean(sorted(ended.ports))
