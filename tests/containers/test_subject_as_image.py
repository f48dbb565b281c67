"""A subject that is given as an image, with a fixed port of its own, on the network of its cell."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from harness.provision import Settings
from harness.provision.engine import Engine
from harness.provision.golang import find_go
from harness.run.containers.owner import RUN

TINY = Path(__file__).resolve().parents[2] / "fixtures" / "tiny"
IMAGE = "observability-harness/tiny:test"
START = """
  image:
    name: observability-harness/tiny:test
    arguments: [-host, 0.0.0.0, -port, "{port.app}", -log, "{logs}/requests.log"]
    ports: {app: 8080}
    memory: 64m
"""


@pytest.fixture(scope="module")
def image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("image")
    go = find_go(Settings.from_environment())
    assert go is not None
    environment = {**os.environ, "CGO_ENABLED": "0"}
    subprocess.run(
        [str(go), "build", "-o", str(folder / "tiny"), "."], cwd=TINY / "service", env=environment, check=True
    )
    shutil.copy(TINY / "service" / "Dockerfile", folder)
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        archive.add(folder, ".")
    engine.build(IMAGE, [context.getvalue()])
    return IMAGE


def test_it_is_gated_like_any_other(engine: Engine, image: str, tmp_path: Path) -> None:
    place = tmp_path / "tiny"
    shutil.copytree(TINY, place, ignore=shutil.ignore_patterns("service"))
    text = (place / "profile.yaml").read_text()
    begin, end = text.index("\n  build:"), text.index("ports: [app]")
    (place / "profile.yaml").write_text(text[:begin] + START + text[end:])
    argv = [sys.executable, "-m", "harness.cli", "gate", "failing.yaml", "campaign.yaml", "--backend", "containers"]
    done = subprocess.run(
        [*argv, "--bundle-dir", str(tmp_path)], cwd=place, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in ("containers", "networks"):
        assert not engine.owned(kind, RUN), kind
