"""Where the evidence of a campaign goes."""

from __future__ import annotations

import contextlib
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

from harness.core.errors import Location, MachineError

__all__ = ["DEFAULT_FOLDER", "bundle_name", "make_bundle", "make_place", "new_bundle", "session_stamp", "shared_place"]

DEFAULT_FOLDER = Path(".harness") / "bundles"


def session_stamp() -> str:
    """UTC time and a short random id: names the bundles of one session."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def bundle_name(campaign: str, stamp: str) -> str:
    """Folder name ``<campaign>-<stamp>``, safe on every file system."""
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', campaign) or 'campaign'}-{stamp}"


def shared_place(parent: str | None) -> tuple[str, str]:
    """Absolute parent folder and stamp of one session's bundles: several processes derive the same paths from it."""
    return str((Path(parent) if parent else DEFAULT_FOLDER).absolute()), session_stamp()


def new_bundle(campaign: str, parent: Path | None = None) -> Path:
    """Create the folder for the evidence of one run of ``campaign`` below ``parent`` (default ``.harness/bundles``)."""
    folder = (parent or DEFAULT_FOLDER).absolute() / bundle_name(campaign, session_stamp())
    make_bundle(folder)
    return folder


def make_bundle(folder: Path) -> None:
    """Create ``folder`` for evidence; raises ``MachineError`` when it cannot be created."""
    make_place(folder.parent)
    _make(folder)


def make_place(parent: Path) -> None:
    """Have the folder that bundles are made in; raises ``MachineError`` when it cannot be created."""
    _make(parent)
    if parent.parts[-2:] == DEFAULT_FOLDER.parts:
        _ignore(parent.parent)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(
            f"the bundle cannot be written: {error.strerror}",
            location=Location(str(folder)),
            remedy="free disk space, or choose another folder with --bundle-dir (pytest: --harness-bundle-dir)",
        ) from None


def _ignore(folder: Path) -> None:
    """Evidence is never meant to be committed by accident."""
    mark = folder / ".gitignore"
    with contextlib.suppress(OSError):
        if not mark.exists():
            mark.write_text("*\n", encoding="utf-8")
