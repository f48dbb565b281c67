"""The recipes are what GitHub, GitLab and Kubernetes accept, and call the command line as it is."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from harness import cli
from harness.contract.attach import AttachFile
from harness.provision.commands import _provision_parser
from harness.virtual.command import _parser as _virtual_parser

ROOT = Path(__file__).parents[3]
RECIPES = ROOT / "docs" / "recipes"
DATA = Path(__file__).parent / "data"
COMMAND = re.compile(r"(?m)(?:^|[\s`(])(harness (?:gate|lint|test|provision|schema)\b[^`\n)|#]*)")
MANIFESTS = ("gate.yaml", "locust.yaml")


@cache
def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text())
    return found


def documents(path: Path) -> list[dict[Any, Any]]:
    """The YAML documents of a file; GitHub's key ``on`` is no truth value."""
    found = [document for document in yaml.safe_load_all(path.read_text()) if document]
    return [{"on" if key is True else key: value for key, value in document.items()} for document in found]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("github/action.yml", "github-action"),
        ("github/observability.yml", "github-workflow"),
        ("gitlab/.gitlab-ci.yml", "gitlab-ci"),
    ],
)
def test_a_pipeline_keeps_the_schema_of_its_service(file: str, name: str) -> None:
    (document,) = documents(RECIPES / file)
    jsonschema.validate(document, schema(name))


def kind_of(manifest: dict[str, Any]) -> str:
    version, kind = manifest["apiVersion"], manifest["kind"]
    group, _, version = version.rpartition("/")
    return f"io.k8s.api.{group or 'core'}.{version}.{kind}"


def manifests() -> list[tuple[str, dict[str, Any]]]:
    return [(f"{file} {m['kind']}", m) for file in MANIFESTS for m in documents(RECIPES / "kubernetes" / file)]


@pytest.mark.parametrize("manifest", [m for _, m in manifests()], ids=[name for name, _ in manifests()])
def test_a_manifest_keeps_the_schema_of_kubernetes(manifest: dict[str, Any]) -> None:
    whole = {"$ref": f"#/$defs/{kind_of(manifest)}", **schema("kubernetes")}
    jsonschema.validate(manifest, whole)


def test_a_schema_that_is_broken_is_noticed() -> None:
    manifest = next(m for name, m in manifests() if name == "gate.yaml Job")
    broken = json.loads(json.dumps(manifest).replace("restartPolicy", "restartPolice"))
    whole = {"$ref": f"#/$defs/{kind_of(broken)}", **schema("kubernetes")}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, whole)
    (workflow,) = documents(RECIPES / "github/observability.yml")
    del workflow["jobs"]["gate"]["runs-on"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(workflow, schema("github-workflow"))


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, manifest in manifests():
        if manifest["kind"] in {"Job", "Deployment"}:
            yield name, manifest["spec"]["template"]["spec"]


@pytest.mark.parametrize("pod", [pod for _, pod in pods()], ids=[name for name, _ in pods()])
def test_a_pod_has_no_more_rights_than_it_needs(pod: dict[str, Any]) -> None:
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    mounted = {volume["name"] for volume in pod["volumes"]}
    for container in pod["containers"]:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        assert not container["image"].endswith(":latest")
        assert {mount["name"] for mount in container["volumeMounts"]} == mounted


def test_what_a_deployment_selects_is_what_it_makes() -> None:
    for name, manifest in manifests():
        if manifest["kind"] == "Deployment":
            labels = manifest["spec"]["template"]["metadata"]["labels"]
            assert manifest["spec"]["selector"]["matchLabels"] == labels, name
    service = next(m for name, m in manifests() if name.endswith("Service"))
    master = next(m for _, m in manifests() if m["metadata"]["name"] == "locust-master")
    assert service["spec"]["selector"] == master["spec"]["template"]["metadata"]["labels"]


def test_the_attach_file_in_the_cluster_is_one() -> None:
    config = next(m for name, m in manifests() if name == "gate.yaml ConfigMap")
    AttachFile.model_validate(yaml.safe_load(config["data"]["attach.yaml"]))


def scripts() -> list[str]:
    """Every command line of a recipe that calls the harness."""
    found: list[str] = []
    for path in sorted(RECIPES.rglob("*")):
        if path.suffix in {".yml", ".md"}:
            lines = [line for line in path.read_text().splitlines() if "description:" not in line]
            found += COMMAND.findall("\n".join(lines))
    job = next(m for name, m in manifests() if name == "gate.yaml Job")
    return [*found, "harness " + " ".join(job["spec"]["template"]["spec"]["containers"][0]["args"])]


@pytest.mark.parametrize("script", dict.fromkeys(scripts()))
def test_every_command_is_one_of_the_command_line(script: str) -> None:
    words = shlex.split(script.replace("$PATHS", "scenarios").replace("$ARGUMENTS", "").replace("$GATE", "scenarios"))
    arguments = [word for word in words[1:] if word not in {"…", "||", "code=$?"} and not word.startswith("..")]
    own = {"provision": _provision_parser, "test": _virtual_parser}
    if arguments[0] in own:
        own[arguments[0]]().parse_args(arguments[1:])
    else:
        cli._parser().parse_args(arguments)


def test_no_expression_is_put_into_a_script() -> None:
    """What somebody wrote into a pull request would be run; variables are safe."""
    for path in (RECIPES / "github").iterdir():
        for match in re.findall(r"run: (?:\|\n((?:\s{8,}.*\n)+)|(.*))", path.read_text()):
            assert "${{" not in "".join(match), path.name


def test_every_recipe_is_in_the_list() -> None:
    told = (RECIPES / "README.md").read_text()
    for path in RECIPES.rglob("*"):
        if path.is_file() and path.name != "README.md":
            assert f"({path.relative_to(RECIPES)})" in told, path
