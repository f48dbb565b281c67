"""What production's relabelling makes of targets that live discovery would find, by the real promtool.

The job is taken as it is; only its discovery is replaced, by a file with the targets of the contract's examples.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson

from harness.clauses.production import Production
from harness.contract import Campaign
from harness.contract.beside import Found
from harness.core.errors import ConfigError, Location, MachineError
from harness.core.source import nearest
from harness.virtual.verdicts import Cell

__all__ = ["examine_discovery"]

_WAIT_S: Final = 2
"""How long promtool waits for what a file says; it always waits so long."""
_LIMIT_S: Final = 30.0
_MARK: Final = "__meta_harness_example"
_KEPT: Final = ("job_name", "metrics_path", "scheme", "params", "scrape_interval", "scrape_timeout", "relabel_configs")


def examine_discovery(campaign: Campaign, production: Production, promtool: Path) -> tuple[Cell, ...]:
    """One cell for every example of the contract; none where it gives none.

    Raises ``ConfigError`` for a job that does not exist, ``MachineError`` when promtool cannot be run.
    """
    examples = campaign.contract.discovery
    if not examples:
        return ()
    jobs = _jobs(campaign, production)
    with ThreadPoolExecutor(len(examples)) as pool:
        told = list(pool.map(lambda name: _asked(promtool, jobs[name], examples[name]), examples))
    found = dict(zip(examples, told, strict=True))
    return tuple(
        _judged(campaign, job, name, each, found[job].get(name))
        for job, named in examples.items()
        for name, each in named.items()
    )


def _jobs(campaign: Campaign, production: Production) -> dict[str, dict[str, Any]]:
    documents = (production.prometheus_document, *production.scrape_documents.values())
    written = [job for each in documents if each for job in each.data.get("scrape_configs") or ()]
    jobs = {str(job.get("job_name")): job for job in written}
    for name in campaign.contract.discovery:
        if name not in jobs:
            raise ConfigError(
                f"prometheus.yml has no job {name!r}",
                location=campaign.promise("discovery", name),
                remedy=nearest(name, jobs) or f"known: {', '.join(jobs) or 'none'}",
            )
    return jobs


def _asked(promtool: Path, job: Mapping[str, Any], examples: Mapping[str, Found]) -> dict[str, dict[str, str]]:
    """Labels after relabelling by name of the example; none for one that is dropped."""
    with TemporaryDirectory(prefix="harness-discovery-") as folder:
        targets = [
            {"targets": [each.given["__address__"]], "labels": {**_labels(each), _MARK: name}}
            for name, each in examples.items()
        ]
        (Path(folder) / "targets.json").write_bytes(orjson.dumps(targets))
        kept = {key: job[key] for key in _KEPT if key in job}
        config = {"scrape_configs": [{**kept, "file_sd_configs": [{"files": ["targets.json"]}]}]}
        path = Path(folder) / "prometheus.yml"
        path.write_bytes(orjson.dumps(config))
        answer = _called(
            [str(promtool), "check", "service-discovery", f"--timeout={_WAIT_S}s", str(path), job["job_name"]]
        )
    return {each["discoveredLabels"][_MARK]: each.get("labels") or {} for each in answer}


def _labels(example: Found) -> dict[str, str]:
    return {name: value for name, value in example.given.items() if name != "__address__"}


def _called(command: list[str]) -> list[dict[str, Any]]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except OSError as error:
        raise MachineError(f"{command[0]} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise MachineError(f"promtool did not answer within {_LIMIT_S:g} s of wall time") from None
    try:
        found: list[dict[str, Any]] = orjson.loads(done.stdout or "[]")
    except orjson.JSONDecodeError:
        found = []
    if done.returncode or not found:
        raise MachineError(f"promtool found no target: {(done.stderr or done.stdout).strip()[:500]}")
    return found


def _judged(campaign: Campaign, job: str, name: str, example: Found, labels: Mapping[str, str] | None) -> Cell:
    should = "dropped" if example.dropped else _shown(example.scraped or "", example.labels)
    place: Location = campaign.promise("discovery", job, name)
    if labels is None:
        return Cell(f"job {job}", name, "inconclusive", "promtool did not list it", should, "not told", promise=place)
    does, problems = _does(labels), list(_problems(example, labels))
    verdict = "violated" if problems else "held"
    return Cell(f"job {job}", name, verdict, does, should, "; ".join(problems), promise=place)  # type: ignore[arg-type]


def _does(labels: Mapping[str, str]) -> str:
    if not labels:
        return "dropped"
    return _shown(_url(labels), {key: value for key, value in labels.items() if not key.startswith("__")})


def _problems(example: Found, labels: Mapping[str, str]) -> Iterator[str]:
    if example.dropped or not labels:
        if example.dropped != (not labels):
            yield "it is scraped" if labels else "it is dropped"
        return
    if _url(labels) != example.scraped:
        yield f"it is scraped at {_url(labels)}"
    for key, value in example.labels.items():
        if labels.get(key, "") != value:
            yield f"{key} is {labels.get(key, '')!r}"


def _url(labels: Mapping[str, str]) -> str:
    scheme = labels.get("__scheme__", "http")
    return ("" if scheme == "http" else f"{scheme}://") + labels["__address__"] + labels.get("__metrics_path__", "")


def _shown(url: str, labels: Mapping[str, str]) -> str:
    return f"scraped at {url}" + (f" as {', '.join(f'{k}={v}' for k, v in sorted(labels.items()))}" if labels else "")
