"""filebeat.yml bound to one campaign: polling in wall time, inputs per instance, output to the local Elasticsearch."""

from __future__ import annotations

import re
from typing import Any

from harness.artefacts import dotted
from harness.artefacts.bind_common import references
from harness.artefacts.bind_inputs import bind_inputs
from harness.artefacts.edits import BoundArtefact, Editor
from harness.artefacts.filebeat_config import FilebeatConfig, outputs, read_filebeat
from harness.artefacts.scan import refuse_unbound
from harness.artefacts.settings import drop, put
from harness.artefacts.topology import FilebeatPlace, Topology
from harness.core.source import Document, DocumentPath

__all__ = ["bind_filebeat"]

_POLL = "50ms"
_POLLING = "polling: log lag is wall time and does not shrink with the speed"
_AWAY = "addresses: this would contact another service"
_NEEDLESS = "credentials and transport security: the local Elasticsearch needs none"
_CONTACTING = ("add_cloud_metadata", "add_docker_metadata", "add_kubernetes_metadata", "dns")
_OUTPUT_SECRETS = (
    *("username", "password", "api_key", "ssl", "proxy_url", "proxy_disable", "proxy_headers", "kerberos"),
    *("protocol", "path", "headers", "sasl"),
)
_REMEDY = (
    "say in stands_for: of the profile what is read instead, as {logs: PATTERN, stream: STREAM}; "
    "{logs: PATTERN, drop: true} leaves it out"
)
_CONTENT = frozenset({"fields", "source", "labels", "tags", "test", "layouts"})


def bind_filebeat(document: Document, topology: Topology) -> BoundArtefact:
    """The configuration as it runs here; raises ``ConfigError`` with everything that nothing binds.

    Its times are wall times: how fast a line is found does not depend on the speed of any cell.
    """
    config = read_filebeat(document)
    editor = Editor(document)
    _processors(editor, topology, ())
    bind_inputs(editor, topology, config)
    _live_configuration(editor, topology)
    _outputs(editor, topology, config)
    _setup(editor)
    for name in ("cloud", "monitoring", "xpack", "instrumentation", "management", "keystore"):
        drop(editor, name, _AWAY)
    put(editor, "queue.mem.flush.timeout", _POLL, _POLLING)
    _place(editor, topology.filebeat)
    references(editor, editor.data, (), topology.environment)
    refuse_unbound(editor, topology, _CONTENT)
    return editor.finish(_REMEDY)


def _processors(editor: Editor, topology: Topology, above: DocumentPath) -> None:
    path = (*above, "processors")
    for index in reversed(range(len(editor.get(path) or []))):
        for name in _CONTACTING:
            if name in editor.get((*path, index), {}):
                editor.remove((*path, index), f"{_AWAY}: {name}")
        script = (*path, index, "script", "file")
        written = editor.get(script)
        if written in topology.files:
            editor.set(script, topology.files[written][0], "paths: the script as prepared for this run")
        elif written is not None:
            editor.problem(script, f"the script {written!r} is bound to no file")


def _live_configuration(editor: Editor, topology: Topology) -> None:
    for name in ("filebeat.modules", "filebeat.autodiscover", "filebeat.config.inputs"):
        path = dotted.find(editor.data, name)
        if path is None:
            continue
        if editor.get(path) and name not in topology.absent:
            editor.problem(path, f"{name} adds inputs that this reader cannot see")
        drop(editor, name, "addresses: left out on purpose")
    modules = dotted.find(editor.data, "filebeat.config.modules")
    if modules is not None:
        editor.warnings.append(f"{editor.locate(modules)}: modules switched on in modules.d are not part of the test")
        drop(editor, "filebeat.config.modules", "paths: a folder of the production machine")


def _outputs(editor: Editor, topology: Topology, config: FilebeatConfig) -> None:
    for kind, live in outputs(editor.data).items():
        if not live:
            drop(editor, f"output.{kind}", f"{_AWAY}: switched off in production too")
    kind = config.output
    links = topology.outputs.get(kind, ())
    if kind == "elasticsearch" and topology.elasticsearch:
        links = (topology.elasticsearch,)
    if kind not in ("console", "file") and not links:
        editor.problem(_anywhere(editor, f"output.{kind}"), f"nothing stands for the output {kind!r}")
        return
    if kind == "file":
        _output_folder(editor, topology)
    for name in _OUTPUT_SECRETS:
        if not (kind == "file" and name == "path"):
            drop(editor, f"output.{kind}.{name}", _NEEDLESS)
    if links:
        put(editor, f"output.{kind}.hosts", [link.peer for link in links], f"addresses: the local {kind}")
    for name in ("backoff.init", "backoff.max") if kind in ("elasticsearch", "logstash") else ():
        put(editor, f"output.{kind}.{name}", _POLL, _POLLING)


def _output_folder(editor: Editor, topology: Topology) -> None:
    path = dotted.find(editor.data, "output.file.path")
    written = editor.get(path) if path else ""
    if written in topology.files:
        put(editor, "output.file.path", topology.files[written][0], "paths: a folder of this run")
    else:
        editor.problem(path or (), f"the output folder {written!r} is bound to no folder")


def _anywhere(editor: Editor, name: str) -> DocumentPath:
    return next((path for key, path in dotted.flat(editor.data) if key.startswith(name)), ())


def _setup(editor: Editor) -> None:
    managed = dotted.find(editor.data, "setup.ilm.enabled")
    if managed is not None and editor.get(managed) is not False:
        editor.warnings.append(
            f"{editor.locate(managed)}: lifecycle management is off here: "
            "events go to the index that the output names, not to a rollover alias"
        )
    for name in ("setup.kibana", "setup.dashboards", "setup.template.fields", "setup.template.json"):
        drop(editor, name, _AWAY)
    for name in ("setup.ilm.enabled", "setup.template.enabled"):
        put(editor, name, False, "addresses: templates and policies are installed by the harness, not by Filebeat")


def _place(editor: Editor, place: FilebeatPlace | None) -> None:
    why = "paths: a folder of this run"
    for name in (
        "path",
        "filebeat.registry.path",
        "filebeat.registry_file",
        "logging.files.path",
        "http",
        "queue.disk",
    ):
        drop(editor, name, "paths: folders and ports of the production machine")
    if place is None:
        return
    put(editor, "path.data", place.data_path, why)
    put(editor, "path.logs", place.logs_path, why)
    if place.http:
        host, _colon, port = re.sub(r"^https?://", "", place.http.peer).rpartition(":")
        settings: dict[str, Any] = {"http.enabled": True, "http.host": host, "http.port": int(port)}
        for name, value in settings.items():
            put(editor, name, value, "addresses: where the harness reads Filebeat's own statistics")
    for name, value in place.settings.items():
        put(editor, name, value, "paths: what this build of Filebeat needs")
