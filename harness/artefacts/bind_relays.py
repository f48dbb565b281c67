"""Jobs that ask an exporter to ask somebody else (probes): whom it is told to ask is bound as well.

Production's relabelling puts the written target into a parameter, mostly ``__param_target``, and the exporter's own
address into ``__address__``. A program that stands for the exporter would dial what it is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from harness.artefacts.edits import Editor
from harness.artefacts.prometheus_config import ScrapeJob
from harness.artefacts.topology import Target, Topology

__all__ = ["relayed_rules"]

_PARAMETER: Final = "__param_"
_HOST: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(?:[^/@]*@)?(?P<host>\[[^\]]*\](?::\d+)?|[^/?#]+)")


def relayed_rules(
    editor: Editor, topology: Topology, job: ScrapeJob, targets: Sequence[Target]
) -> Iterator[tuple[dict[str, Any], str]]:
    """Rules that turn production addresses in parameters into local ones; an address that nothing binds is a problem.

    It is none where a mere text stands for the exporter, which asks nobody.
    """
    if not job.discovery.is_relayed:
        return
    asks = any(target.link.peer in topology.asking for target in targets)
    parameters = list(dict.fromkeys(_parameters(editor, job)))
    for written in dict.fromkeys(job.discovery.static_targets):
        host = found["host"] if (found := _HOST.match(written)) else written
        link = topology.addresses.get(host) or topology.addresses.get(written)
        if link is None and asks and not {host, written} & topology.absent:
            problem = f"the exporter of the job {job.name!r} would ask {written!r}, which nothing binds"
            editor.problem((*job.path, "static_configs"), problem)
        for parameter in parameters if link else ():
            assert link is not None
            known = host if host in topology.addresses else written
            local = f"{topology.schemes.get(known, 'http')}://"
            why = f"addresses: {host} is {link.peer} here, whoever asks it"
            for before, scheme in (("https?://(?:[^/@]*@)?", local), ("", "")):
                yield _instead(parameter, f"{before}{re.escape(host)}(.*)", f"{scheme}{link.peer}"), why


def _parameters(editor: Editor, job: ScrapeJob) -> Iterator[str]:
    for rule in editor.get((*job.path, "relabel_configs")) or ():
        label = str(rule.get("target_label", ""))
        if label.startswith(_PARAMETER):
            yield label


def _instead(label: str, pattern: str, peer: str) -> dict[str, Any]:
    replacement = f"{peer.replace('$', '$$')}${{1}}"
    return {"source_labels": [label], "regex": pattern, "target_label": label, "replacement": replacement}
