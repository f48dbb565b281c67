"""A process that removes the containers of one run when it is told to end.

``python -m harness.run.containers.janitor SOCKET RUN_ID``. It stands under the warden like a component: when the
campaign dies, whatever killed it, the warden ends everything, and this process takes the containers along, which the
warden cannot reach. A second net hangs below it: what even it leaves, the next campaign sweeps.
"""

from __future__ import annotations

import signal
import sys
from typing import Final

from harness.provision.engine import Engine
from harness.run.containers.sweeping import remove_run

__all__ = ["main"]

_ENDING: Final = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_ROUNDS: Final = 3


def main(argv: list[str]) -> int:
    """Wait for the end, then remove; 0 when nothing had to be removed any more."""
    socket, run_id = argv
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    sys.stdout.write("waiting for the end\n")
    sys.stdout.flush()
    signal.sigwait(_ENDING)
    engine = Engine(socket)
    for _ in range(_ROUNDS):  # more than one: a container may have been on its way when the first list was made
        if not remove_run(engine, run_id):
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
