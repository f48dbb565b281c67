"""A machine in a folder: fake compilers and registries as small scripts, a cache of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.provision import Settings

GO = """#!/bin/sh
if [ "$1" = env ]; then echo go{version}; exit 0; fi
echo "$*" >> {calls}
env > {environment}
if [ -e {failure} ]; then cat {failure}; exit 1; fi
if [ -e {slow} ]; then echo $$ > {slow}; exec sleep 60; fi
make() {{ printf '#!/bin/sh\\necho "%s, version {tool_version}"\\n' "$1" > "$2"; chmod 755 "$2"; }}
target=""
for argument; do
  case "$argument" in
    *@*) name="${{argument%@*}}"; name="${{name##*/}}"; make "$name" "$GOBIN/$name";;
    */bin/*) target="$argument";;
  esac
done
if [ "$1" = build ]; then cp go.mod main.go {home}; make built "$target"; fi
"""


@dataclass(frozen=True)
class FakeMachine:
    """Everything below ``home``; ``said`` collects the lines of progress."""

    home: Path
    said: list[str] = field(default_factory=list)

    @property
    def bin(self) -> Path:
        return self.home / "bin"

    @property
    def cache(self) -> Path:
        return self.home / "cache"

    def settings(self, **changes: object) -> Settings:
        return Settings(**({"cache": self.cache, "search_path": f"{self.bin}:/usr/bin:/bin"} | changes))  # type: ignore[arg-type]

    def script(self, name: str, text: str, folder: Path | None = None) -> Path:
        path = (folder or self.bin) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def go(self, version: str = "1.26.9", *, folder: Path | None = None, tool_version: str = "3.16.0") -> Path:
        files = {name: self.home / name for name in ("calls", "environment", "failure", "slow", "home")}
        text = GO.format(version=version, tool_version=tool_version, **(files | {"home": self.home}))
        return self.script("go", text, folder)

    def calls(self) -> list[str]:
        path = self.home / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def go_environment(self) -> dict[str, str]:
        lines = (self.home / "environment").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    """A fake machine with a Go compiler that works at once."""
    for name in [name for name in os.environ if name.startswith("HARNESS_")]:
        monkeypatch.delenv(name)
    for name in ("GOCACHE", "GOMODCACHE"):
        monkeypatch.delenv(name, raising=False)
    made = FakeMachine(tmp_path)
    made.bin.mkdir()
    made.go()
    return made
