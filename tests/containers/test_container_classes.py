"""The classes on a real engine, without any campaign: as somebody else would use them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from testcontainers.core.config import testcontainers_config

from harness.provision.engine import Engine
from harness.provision.images import choose_images, read_images
from harness.run.containers.alertmanager import AlertmanagerContainer
from harness.run.containers.component import ComponentContainer
from harness.run.containers.elasticsearch import ElasticsearchContainer
from harness.run.containers.filebeat import FilebeatContainer
from harness.run.containers.prometheus import PrometheusContainer
from harness.run.containers.ready import ContainerDiedError
from harness.run.containers.toxiproxy import ToxiproxyContainer


@pytest.fixture(scope="module", autouse=True)
def no_reaper() -> Iterator[None]:
    before = testcontainers_config.ryuk_disabled
    testcontainers_config.ryuk_disabled = True
    yield
    testcontainers_config.ryuk_disabled = before


@pytest.fixture(scope="module")
def images(engine: Engine) -> dict[str, str]:
    entries = read_images()
    chosen = choose_images(entries, entries, lambda name: engine.image(name) is not None)
    return {part: image.name for part, image in chosen.items()}


def test_all_start_side_by_side_and_answer_on_loopback(images: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "filebeat.yml"
    config.write_text(
        "filebeat.inputs: [{type: log, paths: [/var/log/none.log]}]\nseccomp.enabled: false\n"
        "http: {enabled: true, host: 0.0.0.0}\noutput.console: {enabled: true}\n"
    )
    made: dict[str, tuple[ComponentContainer, str]] = {
        "prometheus": (PrometheusContainer(images["prometheus"]), "/api/v1/status/config"),
        "alertmanager": (AlertmanagerContainer(images["alertmanager"]), "/api/v2/status"),
        "elasticsearch": (ElasticsearchContainer(images["elasticsearch"], heap="256m"), "/_cluster/health"),
        "filebeat": (FilebeatContainer(images["filebeat"]).with_config(config), "/stats"),
        "toxiproxy": (ToxiproxyContainer(images["toxiproxy"]), "/proxies"),
    }
    with ExitStack() as running, ThreadPoolExecutor(len(made)) as pool:
        list(pool.map(lambda one: running.enter_context(one[0]), made.values()))
        for container, path in made.values():
            assert container.url.startswith("http://127.0.0.1:")
            assert requests.get(container.url + path, timeout=5).status_code == 200


def test_a_mistake_is_told_in_the_words_of_the_program_and_at_once(images: dict[str, str]) -> None:
    began = time.monotonic()
    with (
        pytest.raises(ContainerDiedError, match=r"exited with code \d+\nits last lines:\n(.*\n)*.*nonsense"),
        PrometheusContainer(images["prometheus"]).with_flags("--nonsense"),
    ):
        pass
    assert time.monotonic() - began < 30, "far below the timeout of a wait, which is two minutes"


def test_memory_is_limited(images: dict[str, str]) -> None:
    with ToxiproxyContainer(images["toxiproxy"]).with_limits(memory="64m", cpus=0.5) as container:
        limits = container.get_wrapped_container().attrs["HostConfig"]
        assert (limits["Memory"], limits["NanoCpus"]) == (64 << 20, 500_000_000)
