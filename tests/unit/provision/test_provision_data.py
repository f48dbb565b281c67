"""The pins, what is shipped beside them, and the settings that a user can make."""

from __future__ import annotations

import dataclasses
import os
import zipfile
from pathlib import Path

import pytest

from harness.core.errors import ConfigError
from harness.provision import Settings, cache_key
from harness.provision.launcher_jar import DIGEST_ENTRY, source_digest
from harness.provision.sets import ELASTICSEARCH_JARS, NATIVE, GoBuild, MavenJars, data_folder, read_jars, select
from harness.provision.store import platform_name


def test_select_keeps_the_order_of_the_set_and_drops_repetition() -> None:
    chosen = select(["toxiproxy", "prometheus", "toxiproxy"])
    assert [part.name for part in chosen] == ["prometheus", "toxiproxy"]


def test_an_unknown_component_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="prometeus") as caught:
        select(["prometeus"])
    assert "did you mean 'prometheus'?" in caught.value.remedy
    with pytest.raises(ConfigError) as caught:
        select(["zzz"])
    assert "choose from prometheus" in caught.value.remedy


def test_the_pinned_version_lies_in_its_accepted_range() -> None:
    for part in NATIVE.components:
        version = tuple(map(int, part.version.split(".")))
        assert part.accepts[0] <= version < part.accepts[1]


def test_every_go_component_names_a_binary_for_itself_and_each_companion() -> None:
    for part in NATIVE.components:
        if isinstance(part.recipe, GoBuild):
            assert set(part.recipe.packages) == {part.name, *part.companions}


def test_jars_are_listed_with_a_digest_each_and_no_name_twice() -> None:
    jars = read_jars(ELASTICSEARCH_JARS)
    assert len({jar.file_name for jar in jars}) == len(jars) == 47
    assert all(len(jar.sha256) == 64 and int(jar.sha256, 16) >= 0 for jar in jars)
    assert "elasticsearch-8.8.0.jar" in {jar.file_name for jar in jars}


def test_the_shipped_launcher_carries_the_digest_of_its_source() -> None:
    """Fails when someone edits the Java source and forgets ``python -m harness.provision.launcher_jar``."""
    shipped = Path(str(data_folder().joinpath(ELASTICSEARCH_JARS.launcher)))
    with zipfile.ZipFile(shipped) as jar:
        assert jar.read(DIGEST_ENTRY).decode() == source_digest()


def test_the_recipe_digest_follows_version_recipe_and_shipped_files() -> None:
    filebeat, elasticsearch = NATIVE.by_name["filebeat"], NATIVE.by_name["elasticsearch"]
    assert dataclasses.replace(filebeat, version="7.12.2").recipe_digest != filebeat.recipe_digest
    assert dataclasses.replace(filebeat, minutes=9.0).recipe_digest == filebeat.recipe_digest
    other = MavenJars(listing=ELASTICSEARCH_JARS.launcher, launcher=ELASTICSEARCH_JARS.launcher)
    assert dataclasses.replace(elasticsearch, recipe=other).recipe_digest != elasticsearch.recipe_digest


def test_the_cache_key_follows_the_selection_and_names_the_platform() -> None:
    one, both = cache_key(["prometheus"]), cache_key(["prometheus", "toxiproxy"])
    assert one != both
    assert both == cache_key(["toxiproxy", "prometheus"])
    assert one.startswith(f"harness-{platform_name()}-")


@pytest.mark.parametrize(
    ("environment", "cache"),
    [
        ({"HARNESS_CACHE": "/c", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/c"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/observability-harness"),
        ({"HOME": "/h"}, "/h/.cache/observability-harness"),
        ({}, f"{Path.home()}/.cache/observability-harness"),
    ],
)
def test_the_cache_is_where_the_environment_says(environment: dict[str, str], cache: str) -> None:
    assert Settings.from_environment(environment).cache == Path(cache)


def test_settings_come_from_the_environment() -> None:
    settings = Settings.from_environment(
        {
            "HARNESS_PROMTOOL_BINARY": "/opt/promtool",
            "HARNESS_GO_BINARY": "",
            "PATH": "/bin",
            "HARNESS_RELEASES": "http://mirror/",
            "HARNESS_KEEP_BUILD_CACHE": "1",
        }
    )
    assert dict(settings.explicit) == {"promtool": Path("/opt/promtool")}
    assert (settings.search_path, settings.release_base, settings.keep_build_cache) == ("/bin", "http://mirror", True)
    assert not Settings.from_environment({"HARNESS_KEEP_BUILD_CACHE": "0"}).keep_build_cache
    assert Settings.from_environment({}).search_path == os.defpath


def test_a_misspelt_binary_setting_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_environment({"HARNESS_PROMETEUS_BINARY": "/x"})
    assert "did you mean 'prometheus'?" in str(caught.value)
