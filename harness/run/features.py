"""What artefacts ask of Elasticsearch: refused by name where the one that would be started lacks it, else installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harness.artefacts.edits import BoundArtefact
from harness.artefacts.elastic_needs import Need, needs_of_filebeat, needs_of_template
from harness.contract import Campaign
from harness.core.errors import ConfigError, Location
from harness.core.source import load_yaml
from harness.run.bound import bound_template
from harness.run.clients.elasticsearch import ElasticsearchClient

__all__ = ["install_artefacts", "refuse_lacking", "refuse_unnamed"]

_WHOLE: Final = {
    "native": ("of this machine", "--backend containers, with the official images of Elasticsearch and Filebeat"),
    "containers": (
        "of the stand-in image",
        "have the official images of Elasticsearch and Filebeat (harness images), or name yours in HARNESS_IMAGES",
    ),
}
"""By backend, where only the core is there, and what would have the whole."""


def refuse_lacking(campaign: Campaign, backend: str) -> None:
    """Raise ``ConfigError`` with all that artefacts need and the core of Elasticsearch lacks, which ``backend`` has."""
    which, remedy = _WHOLE[backend]
    found = [*_needs(campaign), *_installed(campaign)]
    if found:
        told = [f"{need.what} is not in the Elasticsearch {which}, which is its core alone" for need in found]
        _refuse(list(zip(found, told, strict=True)), remedy)


def refuse_unnamed(campaign: Campaign) -> None:
    """Raise ``ConfigError`` for an ingest pipeline that production uses and no artefact holds."""
    held = {path.stem for path in campaign.artefacts("ingest_pipelines")}
    lacking = [need for need in _needs(campaign) if need.pipeline and need.pipeline not in held]
    if lacking:
        told = [f"no file under ingest_pipelines is called {need.pipeline}" for need in lacking]
        remedy = "put what production has into a file of that name, under artefacts: ingest_pipelines"
        _refuse(list(zip(lacking, told, strict=True)), remedy)


def install_artefacts(campaign: Campaign, client: ElasticsearchClient) -> BoundArtefact | None:
    """Have in Elasticsearch what production has there before anything is shipped; the bound index template."""
    for kind, put in (
        ("lifecycle_policies", client.put_lifecycle_policy),
        ("ingest_pipelines", client.put_ingest_pipeline),
    ):
        for path in campaign.artefacts(kind):
            put(path.stem, load_yaml(path, shown_as=campaign.shown(path)).data)
    template = bound_template(campaign)
    if template:
        client.put_index_template("harness-under-test", template.data)
    return template


def _needs(campaign: Campaign) -> Iterator[Need]:
    for kind, needs_of in (("filebeat", needs_of_filebeat), ("index_template", needs_of_template)):
        path = campaign.artefact(kind)
        if path:
            yield from needs_of(load_yaml(path, shown_as=campaign.shown(path)))


def _installed(campaign: Campaign) -> Iterator[Need]:
    """What is a need by being there."""
    for kind, what in (("ingest_pipelines", "an ingest pipeline"), ("lifecycle_policies", "a lifecycle policy")):
        for path in campaign.artefacts(kind):
            yield Need(what, Location(campaign.shown(path), 1, 1))


def _refuse(found: list[tuple[Need, str]], remedy: str) -> None:
    (first, problem), *more = found
    others = "".join(f"\n  {need.location}: {told}" for need, told in more)
    raise ConfigError(problem + others, location=first.location, remedy=remedy)
