"""Production files with every way out of the machine start as they are, and nothing goes out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.run.sinks.loop import SinkLoop
from harness.run.sinks.trap import Trap
from tests.integration.tiny.gates import Home, Story

PROMETHEUS = """global:
  scrape_interval: 10s
  evaluation_interval: 10s
  external_labels:
    environment: production
rule_files:
  - rules.yml
remote_write:
  - url: http://{outside}/api/v1/push
    basic_auth: {{username: tiny, password_file: /etc/prometheus/secrets/password}}
remote_read:
  - url: http://{outside}/api/v1/read
alerting:
  alertmanagers:
    - static_configs:
        - targets: ["{outside}"]
scrape_configs:
  - job_name: tiny
    basic_auth: {{username: prometheus, password_file: /etc/prometheus/secrets/tiny}}
    static_configs:
      - targets: ["{outside}"]
  - job_name: kubernetes-pods
    kubernetes_sd_configs:
      - role: pod
        api_server: http://{outside}
        bearer_token_file: /var/run/secrets/token
  - job_name: prometheus
    metrics_path: /prefix/metrics
    static_configs:
      - targets: [localhost:9090]
  - job_name: probe
    metrics_path: /probe
    static_configs:
      - targets: ["{outside}"]
"""
ALERTMANAGER = """global:
  smtp_smarthost: "{outside}"
  smtp_from: alerts@example.com
  smtp_auth_username: alerts
  smtp_auth_password_file: /etc/alertmanager/secrets/smtp
  slack_api_url_file: /etc/alertmanager/secrets/slack
  pagerduty_url: http://{outside}/v2/enqueue
route:
  receiver: on-call
  group_by: [alertname, service]
  group_wait: 5s
  group_interval: 10s
  repeat_interval: 1h
receivers:
  - name: on-call
    pagerduty_configs:
      - routing_key_file: /etc/alertmanager/secrets/pagerduty
    slack_configs:
      - channel: "#on-call"
        send_resolved: true
      - channel: "#archive"
        api_url: http://{outside}/hooks
        send_resolved: true
    email_configs:
      - to: on-call@example.com
        send_resolved: true
    webhook_configs:
      - url: http://{outside}/alerts
"""


STANDS_FOR = """stands_for:
  - {job: kubernetes-pods, drop: true}
  - {job: prometheus, part: prometheus}
  - {job: probe, exposition: probe.prom}
"""


@pytest.fixture
def trap() -> Iterator[Trap]:
    """Stands for every outward address."""
    with SinkLoop() as loop:
        yield Trap(loop, "127.66.0.1")


def test_nothing_of_production_is_dialled_and_everybody_is_told(home: Home, tiny: Story, trap: Trap) -> None:
    tiny.write("production/prometheus.yml", PROMETHEUS.format(outside=trap.address))
    tiny.write("production/alertmanager.yml", ALERTMANAGER.format(outside=trap.address))
    tiny.replace("production/filebeat.yml", ("http://elasticsearch:9200", f"http://{trap.address}"))
    tiny.replace("profile.yaml", ("stands_for:\n", STANDS_FOR))
    tiny.write("probe.prom", "# TYPE probe_success gauge\nprobe_success 1\n")
    ended = home.gate(tiny.folder, "-v")
    assert ended.code == 0, ended.out + ended.err
    assert trap.count == 0
    told = ended.words("failing::alerts::TinyFailing::pages")
    for integration in ("pagerduty", "slack", "email", "webhook"):
        assert integration in told
    home.assert_clean(sorted(ended.ports))


def test_the_trap_catches_who_dials_it(trap: Trap) -> None:
    """The control: without it a trap that hears nothing would prove nothing."""
    import socket

    host, _, port = trap.address.rpartition(":")
    with socket.create_connection((host, int(port)), 2) as dialling:
        dialling.sendall(b"hello")
        dialling.recv(1)
    assert trap.count == 1
