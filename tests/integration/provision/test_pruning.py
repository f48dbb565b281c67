"""``harness provision --prune``: what no recipe names and no process uses goes, everything else stays."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.core.errors import MachineError
from harness.provision import commands, ensure, pruning
from harness.provision.store import Store

OLD = ("toxiproxy", "1.0.0", "0ld")


def earlier(machine, *name: str) -> Path:
    """An entry as an earlier recipe left it: its binary is a copy of one that waits for its standard input."""
    store = Store(machine.cache)
    bench = store.bench(name[0])
    shutil.copy("/bin/cat", bench / name[0])
    store.commit(bench, folder := store.folder(*name), {name[0]: name[0]}, "built long ago")
    return folder


def prune(machine) -> dict[str, str]:
    """What became of every entry that no recipe names, by its path in the cache."""
    found = pruning.prune(machine.settings(), machine.said.append)
    return {entry.name: str(entry).partition(": ")[2] for entry in found}


def test_an_entry_of_an_earlier_recipe_goes_and_that_of_today_stays(machine) -> None:
    today = ensure(["toxiproxy"], settings=machine.settings(), progress=machine.said.append)["toxiproxy"]
    old, vanished = earlier(machine, *OLD), earlier(machine, "retired", "3.1", "abcd")
    assert prune(machine) == {str(folder.relative_to(machine.cache)): "removed" for folder in (vanished, old)}
    assert today.executable.exists()
    assert not old.parent.exists()
    assert not vanished.parent.parent.exists()
    assert prune(machine) == {}


def test_an_entry_that_a_process_uses_stays_and_the_process_is_named(machine) -> None:
    old, other = earlier(machine, *OLD), earlier(machine, *OLD[:2], "0ld-not")
    with subprocess.Popen([old / "toxiproxy"], stdin=subprocess.PIPE) as user:
        assert prune(machine) == {
            str(old.relative_to(machine.cache)): f"kept, process {user.pid} (toxiproxy) uses it",
            str(other.relative_to(machine.cache)): "removed",
        }
        user.communicate()
    assert list(prune(machine).values()) == ["removed"]


def test_what_belongs_to_another_platform_is_not_ours_to_judge(machine) -> None:
    foreign = machine.cache / "toxiproxy" / "1.0.0" / "plan9-mips-0ld"
    foreign.mkdir(parents=True)
    assert prune(machine) == {}
    assert foreign.exists()


def test_the_verb_says_what_became_of_each(machine, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    earlier(machine, *OLD)
    monkeypatch.setenv("HARNESS_CACHE", str(machine.cache))
    assert commands.provision_command(["--prune"]) == 0
    assert capsys.readouterr().out.endswith(" MB): removed\n")


def test_where_nobody_can_tell_who_uses_it_nothing_goes(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    old = earlier(machine, *OLD)
    monkeypatch.setattr(pruning, "PROC", machine.home / "nowhere")
    with pytest.raises(MachineError, match="without /proc"):
        prune(machine)
    assert old.exists()
