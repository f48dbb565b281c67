"""The few calls of Elasticsearch that the harness needs, over plain HTTP: one client for every version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import orjson

from harness.run.clients.http import Http

__all__ = ["ElasticsearchClient", "Hit"]

_NDJSON: Final = {"content-type": "application/x-ndjson"}
_SCROLL: Final = "30s"
_ABSENT_OK: Final = {"ignore_unavailable": "true", "allow_no_indices": "true"}


@dataclass(frozen=True, slots=True)
class Hit:
    """One document of an answer; ``sort`` is where it stands in the order that was asked for."""

    index: str
    id: str
    source: dict[str, Any]
    sort: tuple[Any, ...] = ()


class ElasticsearchClient:
    """One Elasticsearch; every method raises ``HttpFault`` when it does not answer as it should.

    ``index`` is a name or a pattern; a pattern that matches nothing holds no documents and is not an error.
    """

    def __init__(self, http: Http) -> None:
        self.http = http

    def health(self) -> str:
        """``green``, ``yellow`` or ``red``."""
        return str(self.http.get_json("/_cluster/health")["status"])

    def info(self) -> dict[str, Any]:
        """Name and version of the node."""
        return dict(self.http.get_json("/"))

    def refresh(self, index: str) -> None:
        """Make everything indexed so far searchable."""
        self.http.post_json(f"/{_path(index)}/_refresh", params=_ABSENT_OK)

    def count(self, index: str, query: Mapping[str, Any] | None = None) -> int:
        """How many searchable documents match ``query`` (None: all)."""
        body = {"query": query} if query else None
        return int(self.http.post_json(f"/{_path(index)}/_count", body, params=_ABSENT_OK)["count"])

    def search(self, index: str, body: Mapping[str, Any]) -> list[Hit]:
        """One page of documents, as ``body`` (query, size, sort, search_after) says."""
        return _hits(self.http.post_json(f"/{_path(index)}/_search", body, params=_ABSENT_OK))

    def search_after(
        self, index: str, query: Mapping[str, Any], sort: Iterable[Mapping[str, Any]], *, page: int = 1000
    ) -> Iterator[Hit]:
        """Documents that match, in the order of ``sort``; where it cannot tell them apart, some may be missed."""
        body: dict[str, Any] = {"size": page, "sort": list(sort), "query": query}
        while True:
            hits = self.search(index, body)
            yield from hits
            if len(hits) < page:
                return
            body["search_after"] = list(hits[-1].sort)

    def scan(self, index: str, query: Mapping[str, Any] | None = None, *, page: int = 1000) -> Iterator[Hit]:
        """Every document that matches, in no order, as of one instant, whatever the number of shards."""
        body = {"size": page, "sort": ["_doc"], "query": query or {"match_all": {}}}
        found = self.http.post_json(f"/{_path(index)}/_search", body, params={**_ABSENT_OK, "scroll": _SCROLL})
        try:
            while hits := _hits(found):
                yield from hits
                if len(hits) < page:
                    return
                more = {"scroll": _SCROLL, "scroll_id": found["_scroll_id"]}
                found = self.http.post_json("/_search/scroll", more)
        finally:
            self.http.post_json("/_search/scroll", {"scroll_id": found["_scroll_id"]}, method="DELETE")

    def mappings(self, index: str) -> dict[str, Any]:
        """The mapping of each index, by its name."""
        found = self.http.get_json(f"/{_path(index)}/_mapping", params=_ABSENT_OK)
        return {name: body.get("mappings", {}) for name, body in found.items()}

    def bulk(self, index: str, documents: Iterable[tuple[str | None, Mapping[str, Any]]]) -> int:
        """Index (id, document) pairs, id None: a new one; returns how many were refused."""
        lines: list[bytes] = []
        for id, document in documents:
            action = {"index": {"_index": index} if id is None else {"_index": index, "_id": id}}
            lines += [orjson.dumps(action), orjson.dumps(document)]
        answer = self.http.send("POST", "/_bulk", body=b"\n".join([*lines, b""]), headers=_NDJSON).require_ok().json()
        return sum(1 for item in answer["items"] if item["index"]["status"] >= 300)

    def put_index_template(self, name: str, body: Mapping[str, Any]) -> None:
        """Create or replace the composable index template ``name``."""
        self.http.post_json(f"/_index_template/{_path(name)}", body, method="PUT")

    def put_ingest_pipeline(self, name: str, body: Mapping[str, Any]) -> None:
        """Create or replace the ingest pipeline ``name``."""
        self.http.post_json(f"/_ingest/pipeline/{_path(name)}", body, method="PUT")

    def put_lifecycle_policy(self, name: str, body: Mapping[str, Any]) -> None:
        """Create or replace the lifecycle policy ``name``."""
        self.http.post_json(f"/_ilm/policy/{_path(name)}", body, method="PUT")

    def create_index(self, name: str, body: Mapping[str, Any] | None = None) -> None:
        """Create the index ``name``; templates apply."""
        self.http.post_json(f"/{_path(name)}", body or {}, method="PUT")

    def delete_index(self, index: str) -> None:
        """Delete the index, if it is there."""
        answer = self.http.send("DELETE", f"/{_path(index)}", params={"ignore_unavailable": "true"})
        if answer.status != 404:
            answer.require_ok()


def _hits(found: Mapping[str, Any]) -> list[Hit]:
    return [
        Hit(item["_index"], item["_id"], item.get("_source", {}), tuple(item.get("sort", ())))
        for item in found["hits"]["hits"]
    ]


def _path(name: str) -> str:
    return quote(name, safe="*,-_.")
