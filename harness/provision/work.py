"""What every maker needs: the settings, the cache under lock, a place to report, and a way to be told to stop."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event

from harness.provision.settings import Settings
from harness.provision.store import Store
from harness.provision.tool import Progress

__all__ = ["Work"]


@dataclass(frozen=True, slots=True)
class Work:
    """One run of provisioning that holds the lock; setting ``cancelled`` ends every foreign command soon."""

    settings: Settings
    store: Store
    progress: Progress
    cancelled: Event = field(default_factory=Event)
