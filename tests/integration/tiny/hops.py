"""The tiny subject with a monitoring that watches itself: a watchdog, alerts on hops, a story that cuts each hop."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.integration.tiny.gates import PIPELINE, ROOT, Story

__all__ = ["shipping", "watched"]

_SHIPPING = Path(__file__).parent / "data" / "shipping"
_EXPORTER = ROOT / "fixtures" / "llm_router" / "exporter"
_ALERTS = """\
  ShipperDown: {means: Filebeat does not answer., reaches: chat}
  StoreDown: {means: Elasticsearch does not answer., reaches: chat}
"""
_HOPS = """\
    filebeat: {cut_in: filebeat_killed, noticed_by: ShipperDown}
    elasticsearch: {cut_in: elasticsearch_unreachable, noticed_by: StoreDown}
"""
_RULES = """\
      - alert: ShipperDown
        expr: sum(log_pipeline_filebeat_up) < 1
        for: 20s
        labels: {service: monitoring}
        annotations: {summary: Filebeat does not answer}
      - alert: StoreDown
        expr: sum(log_pipeline_elasticsearch_up) < 1
        for: 3m
        labels: {service: monitoring}
        annotations: {summary: Elasticsearch does not answer}
"""
_JOB = '  - {job_name: pipeline, static_configs: [{targets: ["exporter:9479"]}]}\n'
_HELPER = f"""\
helpers:
  exporter:
    folder: {_EXPORTER}
    command:
      - "{{python}}"
      - log_pipeline_exporter.py
      - --port={{port.metrics}}
      - --filebeat=http://{{part.filebeat}}
      - --elasticsearch=http://{{part.elasticsearch}}
      - --every=0.1
      - --timeout=2
    ports: [metrics]
    ready: {{port: metrics, path: /metrics}}
    beside: [filebeat, elasticsearch]
"""
_CUTTING = ("filebeat_killed", "elasticsearch_unreachable")
_WATCHED = Path(__file__).parent / "data" / "watched"
_PARTS = "  - {job: prometheus, part: prometheus}\n  - {job: alertmanager, part: alertmanager}\n"


def watched(folder: Path, *stories: str) -> Story:
    """A copy of it below ``folder``, with these ``stories`` alone (without any: with all that cut a hop)."""
    story = Story(folder)
    for file in _WATCHED.rglob("*.y*ml"):
        if file.name != "contract-more.yaml":
            shutil.copyfile(file, story.path(str(file.relative_to(_WATCHED))))
    story.replace("contract.yaml", ("\nbudgets:", f"\n{(_WATCHED / 'contract-more.yaml').read_text()}\nbudgets:"))
    story.replace("profile.yaml", ("  - {job: tiny, port: app}\n", "  - {job: tiny, port: app}\n" + _PARTS))
    story.without_pipeline()
    story.path("failing.yaml").unlink()
    for file in folder.glob("*_*.yaml"):
        if stories and file.stem not in stories:
            file.unlink()
    return story


def shipping(folder: Path, *stories: str) -> Story:
    """The same with its log pipeline, an exporter that tells of it, and the ``stories`` that cut it, or two of them."""
    story = watched(folder, "none")
    for file in _SHIPPING.glob("*.yaml"):
        if file.stem in (stories or _CUTTING):
            shutil.copyfile(file, story.path(file.name))
    story.replace(
        "contract.yaml",
        ("artefacts:\n", f"artefacts:\n{PIPELINE}"),
        ("monitoring:\n", f"{_ALERTS}monitoring:\n"),
        ("  hops:\n", f"  hops:\n{_HOPS}"),
    )
    story.replace("production/alertmanager.yml", ('"TinyDown|', '"TinyDown|ShipperDown|StoreDown|'))
    story.write("production/rules.yml", story.path("production/rules.yml").read_text() + _RULES)
    story.write("production/prometheus.yml", story.path("production/prometheus.yml").read_text() + _JOB)
    job = "  - {job: pipeline, helper: exporter, port: metrics}\n"
    return story.replace("profile.yaml", ("ports: [app]\n", f"{_HELPER}ports: [app]\n"), (_PARTS, _PARTS + job))
