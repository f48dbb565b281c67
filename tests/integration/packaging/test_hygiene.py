"""No tracked file names a package registry that this machine uses, or a folder of somebody's home."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CLIENTS = (
    [sys.executable, "-m", "pip", "config", "list"],
    ["go", "env", "GOPROXY", "GOSUMDB"],
    ["npm", "config", "get", "registry"],
)
SETTINGS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "GOPROXY")
SETTINGS_FILES = (".m2/settings.xml", ".npmrc", ".config/uv/uv.toml", ".cargo/config.toml")
HOMES = r"/root/|/home/[a-z]|/Users/[A-Za-z]|[A-Z]:\\\\Users"


def hosts(text: str) -> set[str]:
    """Host names in the addresses of ``text``; a schema's or a namespace's address is none of a registry."""
    found = re.findall(r"https?://(?:[^/@\s\"']*@)?([\w.-]+\.[a-z]{2,})", text)
    return {host for host in found if not host.endswith(("apache.org", "w3.org"))}


def registry_hosts() -> set[str]:
    """Hosts of the registries that the clients on this machine are told to use."""
    texts = [os.environ.get(name, "") for name in SETTINGS]
    texts += [path.read_text() for name in SETTINGS_FILES if (path := Path.home() / name).is_file()]
    for command in CLIENTS:
        if shutil.which(command[0]):
            texts.append(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    return hosts("\n".join(texts))


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git repository")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_tracked_file_names_a_registry_or_a_home() -> None:
    words = [re.escape(host) for host in sorted(registry_hosts())]
    homes = [re.escape(str(Path.home())) + r"\b"] if str(Path.home()) != "/" else []
    pattern = re.compile("|".join([*words, *homes, HOMES]))
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked_files()
        if path != Path(__file__)
        for match in [pattern.search(path.read_bytes().decode("utf-8", "replace"))]
        if match
    ]
    assert found == []


def test_the_host_of_an_address_is_found_behind_its_credentials() -> None:
    assert hosts("index='https://user:secret@index.example.net:8443/simple'") == {"index.example.net"}
