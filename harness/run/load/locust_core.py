"""Locust for the load process, which serves no web page: what of it is used here, without Flask and without patches.

Both cost more processor time than all the rest of Locust. Nothing here needs them: requests go through sockets that
are gevent's own, and every other module of the load process imports Locust by way of this one. A locustfile runs in a
process of Locust's own, which has imported the whole of it before it comes here, and keeps it.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType


def _leave_out() -> None:
    # while it patches, gevent asks every installed package for its entry points, 25 times over
    os.environ.setdefault("LOCUST_SKIP_MONKEY_PATCH", "1")
    web = ModuleType("locust.web")
    web.__dict__["WebUI"] = None  # the one name that is imported from there, for ``Environment.create_web_ui``
    sys.modules["locust.web"] = web


if "locust" not in sys.modules:
    _leave_out()

from locust import User, task  # noqa: E402
from locust.env import Environment  # noqa: E402
from locust.exception import StopUser  # noqa: E402
from locust.rpc.protocol import Message  # noqa: E402
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner  # noqa: E402

__all__ = ["STATE_MISSING", "Environment", "MasterRunner", "Message", "StopUser", "User", "WorkerRunner", "task"]
