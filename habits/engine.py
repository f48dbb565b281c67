"""Whether a container engine can be had here: one that answers, or one that tests may start for themselves."""

from __future__ import annotations

import os
import shutil
import socket

from habits.commands import run
from habits.trouble import TroubleError

__all__ = ["have_engine", "usual_socket", "why_no_engine"]

APT = ("apt-get", "install", "--yes", "--no-install-recommends", "docker.io", "iptables")


def why_no_engine() -> str:
    """Empty where tests of containers can run; else why not, with what would help."""
    place = usual_socket()
    if answers(place) or (os.geteuid() == 0 and shutil.which("dockerd")):
        return ""
    return f"no container engine answers on {place}, and none can be started (root and dockerd): make containers"


def usual_socket() -> str:
    """The socket that ``DOCKER_HOST`` names, else the usual one."""
    return os.environ.get("DOCKER_HOST", "").removeprefix("unix://") or "/var/run/docker.sock"


def answers(place: str) -> bool:
    """Whether somebody listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.settimeout(1.0)
        try:
            trial.connect(place)
        except (OSError, ValueError):
            return False
    return True


def have_engine() -> None:
    """Install an engine where there is none and that is possible; raises ``TroubleError`` where it is not."""
    if not why_no_engine():
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise TroubleError(why_no_engine(), "start an engine, or name its socket in DOCKER_HOST")
    for command in (("apt-get", "update", "--quiet"), APT):
        if run(*command, env={"DEBIAN_FRONTEND": "noninteractive"}):
            raise TroubleError("no engine could be installed", "install one by hand")
