"""Rule files as companies write them: every alert is run, or refused by name; nothing is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.contract import load_campaign
from harness.virtual.suite import Report, examine

FLEET = Path(__file__).parent / "data" / "fleet"
REFUSED = {
    "ScrapesOfNodeAreLost": "it counts samples, and inputs are scraped without a gap",
}
RUN = {
    "NodeDown", "NodeExporterMissing", "CpuSaturated", "DiskFillsWithinFourHours", "FilesystemReadOnly",
    "MemoryPressure", "ClockSkewed", "UsuallyBusy", "PodCrashLooping", "ReplicasMissing", "JobFailed",
    "TeamQuotaExceeded", "ProbeFails", "CheckoutBurnsInHours", "CheckoutBurnsInDays", "ProbeSlow",
    "ReplicationLags", "ConnectionsExhausted", "TopQueueTooLong", "ContainerNearMemoryLimit",
    "CertificateExpires", "LoadAboveLastWeek", "NetworkFlaps", "SlowQueriesInOfficeHours",
}  # fmt: skip


@pytest.fixture(scope="module")
def report(promtool: Path) -> Report:
    return examine(load_campaign([FLEET]), promtool, conditions=("designed trigger", "target gone"))


def test_every_alert_is_run_or_refused(report: Report) -> None:
    assert {cell.alert for cell in report.cells} == RUN | set(REFUSED)


def test_what_is_run_fires_in_time_and_resolves(report: Report) -> None:
    cells = [report.cell(alert, "designed trigger") for alert in RUN]
    assert [cell for cell in cells if cell.verdict != "held"] == []


@pytest.mark.parametrize("alert", REFUSED)
def test_what_cannot_be_generated_says_why_and_proves_nothing(report: Report, alert: str) -> None:
    cell = report.cell(alert, "designed trigger")
    assert (cell.verdict, cell.does) == ("inconclusive", "not generated")
    assert REFUSED[alert] in cell.why


def test_windows_of_days_are_run_in_virtual_time(report: Report) -> None:
    assert report.cell("CheckoutBurnsInDays", "designed trigger").does.startswith("fires 1d")


def test_what_is_cut_from_a_long_file_changes_no_answer(promtool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign, alerts = load_campaign([FLEET]), ("CheckoutBurnsInHours", "ReplicationLags", "ProbeFails")
    cut = examine(campaign, promtool, alerts=alerts, conditions=("designed trigger",))
    monkeypatch.setattr("harness.virtual.subjects._WHOLE", 1000)
    assert examine(campaign, promtool, alerts=alerts, conditions=("designed trigger",)) == cut
