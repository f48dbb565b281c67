"""The verb ``harness images``: have the images of the containers backend ready."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harness.core.errors import ConfigError, HarnessError
from harness.core.source import nearest
from harness.provision.engine import Engine, EngineFaultError, find_engine, require_local
from harness.provision.ensuring import ensure, print_progress
from harness.provision.images import ImageEntry, read_images
from harness.provision.stand_ins import build_stand_in

__all__ = ["images_command"]

_ERROR: Final = 2
_INTERRUPTED: Final = 130


def images_command(argv: Sequence[str]) -> int:
    """``harness images [--list | --stand-ins] [PART ...]``; 0, 2 for an error, 130 if interrupted."""
    options = _parser().parse_args(list(argv))
    try:
        entries = read_images()
        parts = _known(options.parts, entries)
        engine = find_engine()
        require_local(engine.info())
        for part in parts:
            sys.stdout.write(f"{part}: {_have(_Wanted(engine, part, entries[part]), options)}\n")
            sys.stdout.flush()
    except HarnessError as error:
        sys.stderr.write(f"harness: {error}\n")
        return _ERROR
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="harness images",
        description="Have the images of the containers backend ready: fetched, or built from the provisioned binaries "
        "where no registry can be reached.",
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="components (default: all)")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--list", action="store_true", help="print which images are there, and stop")
    only.add_argument("--stand-ins", action="store_true", help="build stand-ins and fetch nothing")
    return parser


def _known(parts: Sequence[str], entries: dict[str, ImageEntry]) -> list[str]:
    for part in parts:
        if part not in entries:
            raise ConfigError(f"there is no part {part!r}", remedy=nearest(part, entries) or f"known: {list(entries)}")
    return list(parts or entries)


@dataclass(frozen=True, slots=True)
class _Wanted:
    engine: Engine
    part: str
    entry: ImageEntry

    def there(self) -> str:
        """What there is already of it."""
        names = [
            name for name in (self.entry.image, self.entry.stand_in) if name and self.engine.image(name) is not None
        ]
        return ", ".join(names)

    def stand_in(self, why: str) -> str:
        """Build its stand-in; what to tell of it."""
        if not self.entry.stand_in:
            raise EngineFaultError(f"{self.part} has no stand-in, and {why}", remedy="name an image in HARNESS_IMAGES")
        tool = ensure([self.part])[self.part]
        built = build_stand_in(self.engine, self.entry, self.part, tool, print_progress)
        return f"{self.entry.stand_in} ({'built' if built else 'there already'}; {why})"


def _have(wanted: _Wanted, options: argparse.Namespace) -> str:
    if options.list:
        return wanted.there() or f"missing ({wanted.entry.image})"
    if options.stand_ins:
        return wanted.stand_in("asked for")
    if wanted.engine.image(wanted.entry.image) is not None:
        return f"{wanted.entry.image} (there already)"
    try:
        wanted.engine.pull(wanted.entry.image)
    except EngineFaultError as fault:
        return wanted.stand_in(fault.problem)
    return f"{wanted.entry.image} (fetched)"
