"""Which image each part is started from: names and limits as data, official ones before stand-ins."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from harness.core.errors import ConfigError, MachineError
from harness.core.source import Document, load_yaml, nearest, parse_yaml
from harness.provision.sets import data_folder

__all__ = ["Image", "ImageEntry", "MissingImagesError", "choose_images", "read_images"]

_VARIABLE: Final = "HARNESS_IMAGES"
_FILE: Final = "images.yaml"


class MissingImagesError(MachineError):
    """Images are not there: neither the official ones nor their stand-ins."""


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """One part: its official ``image``, its ``stand_in``, the ``set`` of what it is compatible with, and limits."""

    image: str = ""
    stand_in: str = ""
    set: str = ""
    memory: str = ""
    cpus: float = 1.0


@dataclass(frozen=True, slots=True)
class Image:
    """The image that a part is started from, and the limits of its container (``memory`` as the engine reads it)."""

    part: str
    name: str
    official: bool
    memory: str
    cpus: float

    @property
    def version(self) -> str:
        """Its tag."""
        return self.name.rpartition(":")[2].removeprefix("v")


def read_images(environment: Mapping[str, str] | None = None) -> dict[str, ImageEntry]:
    """The entries of every part, with those of the file that ``HARNESS_IMAGES`` names over them.

    Raises ``ConfigError`` at the key that no part has.
    """
    own = parse_yaml(data_folder().joinpath(_FILE).read_text(encoding="utf-8"), _FILE)
    entries = {part: _entry(own, part, ImageEntry()) for part in own.data}
    chosen = (os.environ if environment is None else environment).get(_VARIABLE)
    if chosen:
        over = load_yaml(Path(chosen))
        if not isinstance(over.data, dict):
            raise ConfigError(f"{_VARIABLE} names a file without parts", location=over.locate(()))
        for part in over.data:
            if part not in entries:
                remedy = nearest(str(part), entries) or f"known: {', '.join(entries)}"
                raise ConfigError(f"there is no part {part!r}", location=over.locate((part,), key=True), remedy=remedy)
            entries[part] = _entry(over, part, entries[part])
    return entries


def _entry(document: Document, part: str, under: ImageEntry) -> ImageEntry:
    written = document.data[part]
    if not isinstance(written, dict):
        raise ConfigError(f"{part} holds no keys", location=document.locate((part,)), remedy=f"{part}: {{image: …}}")
    known = asdict(under)
    for key, value in written.items():
        where = document.locate((part, key), key=True)
        if key not in known:
            remedy = nearest(str(key), known) or f"known: {', '.join(field.name for field in fields(under))}"
            raise ConfigError(f"{part} has no key {key!r}", location=where, remedy=remedy)
        _check(key, value, document, part)
    values: dict[str, Any] = {key: float(value) if key == "cpus" else value for key, value in written.items()}
    return replace(under, **values)


def _check(key: str, value: Any, document: Document, part: str) -> None:
    right = isinstance(value, int | float) and value > 0 if key == "cpus" else isinstance(value, str) and bool(value)
    if not right or isinstance(value, bool):
        wanted = "a number of processors above 0" if key == "cpus" else "text"
        raise ConfigError(f"{part}.{key} is not {wanted}", location=document.locate((part, key)))


def choose_images(
    parts: Collection[str], entries: Mapping[str, ImageEntry], present: Callable[[str], bool]
) -> dict[str, Image]:
    """The image of each of ``parts``; ``present`` says whether the engine has one.

    Parts of one set are all official or all stand-ins. Raises ``MissingImagesError`` with what is not there.
    """
    chosen: dict[str, Image] = {}
    lacking: list[str] = []
    for group in _groups(parts, entries):
        kind = next((kind for kind in ("image", "stand_in") if _all_there(group, entries, kind, present)), "")
        if kind:
            chosen |= {part: _image(part, entries[part], kind) for part in group}
        else:
            lacking += [entries[part].image for part in group if not present(entries[part].image)]
    if lacking:
        raise MissingImagesError(f"images that are not there: {', '.join(lacking)}", remedy="harness images")
    return chosen


def _groups(parts: Collection[str], entries: Mapping[str, ImageEntry]) -> Iterable[list[str]]:
    grouped: dict[str, list[str]] = {}
    for part in (part for part in entries if part in parts):
        grouped.setdefault(entries[part].set or part, []).append(part)
    return grouped.values()


def _all_there(
    group: Collection[str], entries: Mapping[str, ImageEntry], kind: str, present: Callable[[str], bool]
) -> bool:
    return all(bool(name := getattr(entries[part], kind)) and present(name) for part in group)


def _image(part: str, entry: ImageEntry, kind: str) -> Image:
    return Image(part, getattr(entry, kind), kind == "image", entry.memory, entry.cpus)
