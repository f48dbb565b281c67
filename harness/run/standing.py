"""A stack that stands for whoever wants to look at it, until it is cancelled or one of its parts ends."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Final

from harness.core.events import CellHeld
from harness.request import CampaignRequest
from harness.run.cell import Cell
from harness.run.context import BUILD_ID, Context
from harness.run.stack.wait import CancelledError, ComponentDiedError

__all__ = ["stand", "tidy"]

_LOOK_S: Final = 0.2


def stand(context: Context, cell: Cell) -> None:
    """Tell where everything is and wait; raises ``CancelledError``, or ``ComponentDiedError`` for the first death."""
    context.recorder.say(CellHeld(time.time(), cell.name, cell.urls(), ()))
    while not context.cancel.wait(_LOOK_S):
        for process in context.parts.all:
            if not process.alive and process.id != BUILD_ID:
                raise ComponentDiedError(process.describe_death(), process)
    raise CancelledError("cancelled")


def tidy(request: CampaignRequest, front: int) -> None:
    """Remove what only the front, of process id ``front``, needs and would remove, where it has been killed."""
    if request.up and os.getppid() != front:
        shutil.rmtree(Path(request.bundle).parent, ignore_errors=True)
