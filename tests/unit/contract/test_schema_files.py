"""The JSON Schemas that editors read are those that the models give, and our own files keep them."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from harness.contract import KINDS, file_kind, schema

ROOT = Path(__file__).parents[3]
OURS = [
    path
    for folder in ("fixtures", "scenarios")
    for path in sorted((ROOT / folder).rglob("*.yaml"))
    if file_kind(path) in KINDS
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_beside_the_models_is_up_to_date(kind: str) -> None:
    written = json.loads((ROOT / "harness/contract/schemas" / f"{kind}-1.json").read_text())
    assert written == schema(kind), f"run: harness schema {kind} > harness/contract/schemas/{kind}-1.json"


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_our_own_files_keep_their_schema_and_name_it(path: Path) -> None:
    kind = file_kind(path)
    assert kind is not None
    jsonschema.validate(yaml.safe_load(path.read_text()), schema(kind))
    first = path.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("=")[2]).resolve().is_file()
