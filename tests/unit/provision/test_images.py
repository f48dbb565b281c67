"""Which image a part is started from."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.errors import ConfigError
from harness.provision.images import ImageEntry, MissingImagesError, choose_images, read_images
from harness.provision.sets import NATIVE

ENTRIES = {
    "prometheus": ImageEntry("prom/p:v3", "own/p:3", "", "1g", 1.0),
    "elasticsearch": ImageEntry("es:8", "own/es:8", "pipeline", "1g", 2.0),
    "filebeat": ImageEntry("fb:8", "own/fb:7", "pipeline", "1g", 1.0),
}


def test_every_part_has_an_official_image_of_a_pinned_version_a_stand_in_and_limits() -> None:
    entries = read_images({})
    assert set(entries) == set(NATIVE.by_name)
    for part, entry in entries.items():
        assert entry.image.rpartition(":")[2][-1].isdigit(), part
        assert entry.stand_in.endswith(f"{part}:{NATIVE.by_name[part].version}"), part
        assert entry.memory, part
        assert entry.cpus > 0, part


def test_a_file_goes_over_the_usual_names_key_by_key(tmp_path: Path) -> None:
    own = tmp_path / "images.yaml"
    own.write_text("prometheus: {image: 'mirror/p:v3', cpus: 2}\n")
    entries, usual = read_images({"HARNESS_IMAGES": str(own)}), read_images({})
    assert (entries["prometheus"].image, entries["prometheus"].cpus) == ("mirror/p:v3", 2.0)
    assert entries["prometheus"].memory == usual["prometheus"].memory
    assert entries["filebeat"] == usual["filebeat"]


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("promethius: {image: a}", "1:1", "there is no part 'promethius'"),
        ("prometheus:\n  imag: a", "2:3", "prometheus has no key 'imag'"),
        ("prometheus:\n  cpus: 0", "2:9", "prometheus.cpus is not a number of processors above 0"),
        ("prometheus:\n  cpus: true", "2:9", "prometheus.cpus is not a number"),
        ("prometheus:\n  image: 3", "2:10", "prometheus.image is not text"),
        ("prometheus: a", "1:13", "prometheus holds no keys"),
        ("- a", "1:1", "names a file without parts"),
    ],
)
def test_a_mistake_in_it_is_named_with_its_place(tmp_path: Path, text: str, where: str, says: str) -> None:
    own = tmp_path / "images.yaml"
    own.write_text(text)
    with pytest.raises(ConfigError, match=says) as refusal:
        read_images({"HARNESS_IMAGES": str(own)})
    assert str(refusal.value.location).endswith(where)


def test_official_images_go_before_stand_ins() -> None:
    chosen = choose_images({"prometheus"}, ENTRIES, {"prom/p:v3", "own/p:3"}.__contains__)
    assert (chosen["prometheus"].name, chosen["prometheus"].official, chosen["prometheus"].version) == (
        "prom/p:v3",
        True,
        "3",
    )
    assert not choose_images({"prometheus"}, ENTRIES, {"own/p:3"}.__contains__)["prometheus"].official


def test_parts_of_a_set_are_never_mixed() -> None:
    there = {"es:8", "own/es:8", "own/fb:7"}
    chosen = choose_images({"elasticsearch", "filebeat"}, ENTRIES, there.__contains__)
    assert {image.name for image in chosen.values()} == {"own/es:8", "own/fb:7"}


def test_what_is_not_there_is_listed_with_the_command_that_fetches_it() -> None:
    with pytest.raises(MissingImagesError, match="not there: prom/p:v3, fb:8") as refusal:
        choose_images(set(ENTRIES), ENTRIES, {"es:8"}.__contains__)
    assert refusal.value.remedy == "harness images"
