"""The Elasticsearch node: its command line, its home folder, and the class-data archive that makes it start fast.

An archive of loaded classes belongs to one JVM and one class path with fixed paths. It is therefore
trained in the cache itself, after the jars have their final place, once per JVM. A node starts without
it as well, only a second or two later.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from harness.core.cores import cores
from harness.provision.sets import ELASTICSEARCH_JARS, read_jars
from harness.provision.tool import Tool

__all__ = ["DEFAULT_SETTINGS", "class_path", "elasticsearch_command", "logging_settings", "takes_archive"]

_MAIN = "harness.elasticsearch.Launcher"
_SAFE_KEY = re.compile(r"[\w.\-]+")
_ASK_TIMEOUT_S = 10.0

DEFAULT_SETTINGS: Mapping[str, str] = {
    "discovery.type": "single-node",
    "network.host": "127.0.0.1",
    "http.port": "0",
    "transport.port": "0",
    "node.portsfile": "true",
    "cluster.routing.allocation.disk.threshold_enabled": "false",
}

_LOGGING = """status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%p][%c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""

_JVM = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Xss1m",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "-Djava.awt.headless=true",
    "-Dfile.encoding=UTF-8",
    "-Dlog4j.shutdownHookEnabled=false",
    "-Dlog4j2.disable.jmx=true",
    "-Dio.netty.noUnsafe=true",
    "-Dio.netty.noKeySetOptimization=true",
    "-Dio.netty.recycler.maxCapacityPerThread=0",
)


def elasticsearch_command(
    tool: Tool,
    home: Path,
    settings: Mapping[str, str],
    *,
    heap_mb: int = 128,
    stop_with_parent: bool = False,
    jvm_options: tuple[str, ...] = (),
) -> list[str]:
    """Write a home folder for one node into ``home`` and return the command that starts it.

    ``settings`` go over ``DEFAULT_SETTINGS`` (loopback, free ports) into ``config/elasticsearch.yml``. The node
    writes its HTTP address to ``logs/http.ports`` once it listens, logs to standard output, and closes on
    SIGTERM (status 143); with ``stop_with_parent`` also when its standard input closes (status 0).
    ``heap_mb`` is the JVM's heap in megabytes.
    """
    _write_home(home, {**DEFAULT_SETTINGS, **settings})
    archive = tool.extra.get("archive")
    return [
        str(tool.executable),
        f"-Xms{heap_mb}m",
        f"-Xmx{heap_mb}m",
        *_JVM,
        # it asks more than once, and does not start if one was taken away meanwhile
        f"-XX:ActiveProcessorCount={cores()}",
        f"-Djava.io.tmpdir={home / 'tmp'}",
        f"-XX:ErrorFile={home / 'logs' / 'crash-%p.log'}",
        *(["-Dharness.stopOnStdinEof=true"] if stop_with_parent else []),
        *([f"-XX:SharedArchiveFile={archive}"] if archive else []),
        *jvm_options,
        "-cp",
        class_path(tool),
        _MAIN,
        str(home),
    ]


def logging_settings() -> str:
    """``log4j2.properties`` of a node: everything to standard output."""
    return _LOGGING


def class_path(tool: Tool) -> str:
    """The launcher and every jar in the listed order, which the class-data archive depends on."""
    jars = [tool.extra["jars"] / jar.file_name for jar in read_jars(ELASTICSEARCH_JARS)]
    return ":".join(map(str, [tool.extra["launcher"], *jars]))


def takes_archive(tool: Tool) -> bool:
    """Does the JVM take the class-data archive of ``tool``?

    A node silently goes without one that was made in another place, of other jars or for another JVM.
    """
    if "archive" not in tool.extra:
        return False
    share = ["-Xshare:on", f"-XX:SharedArchiveFile={tool.extra['archive']}", "-cp", class_path(tool)]
    argv = [str(tool.executable), *_JVM, *share, "-version"]
    try:
        answer = subprocess.run(
            argv, capture_output=True, timeout=_ASK_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def _write_home(home: Path, settings: Mapping[str, str]) -> None:
    for name in ("config", "logs", "tmp", "data"):
        (home / name).mkdir(parents=True, exist_ok=True)
    lines = [f"{_key(key)}: {json.dumps(value)}\n" for key, value in settings.items()]
    (home / "config" / "elasticsearch.yml").write_text("".join(lines), encoding="utf-8")
    (home / "config" / "log4j2.properties").write_text(_LOGGING, encoding="utf-8")


def _key(key: str) -> str:
    return key if _SAFE_KEY.fullmatch(key) else json.dumps(key)
