"""JSON Schema of the files that people write, for editors and for ``harness schema``."""

from __future__ import annotations

from typing import Any

from harness.contract.loader import KINDS
from harness.core.errors import ConfigError
from harness.core.source import nearest

__all__ = ["schema"]


def schema(kind: str) -> dict[str, Any]:
    """JSON Schema (2020-12) of ``kind``: attach, campaign, contract, profile or scenario."""
    if kind not in KINDS:
        remedy = nearest(kind, KINDS) or f"known: {', '.join(KINDS)}"
        raise ConfigError(f"there is no file kind {kind!r}", remedy=remedy)
    document = KINDS[kind].model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"harness: {kind}/1", **document}
