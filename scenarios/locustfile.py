"""Plain Locust for the reference router, web page included:

    locust -f scenarios/locustfile.py --host http://127.0.0.1:3000

Each user sends one request a second, so ``-u`` is about the rate. Users are chosen by tag (``--tags
stream health``) or by name on the command line (``StreamUser``), the course of the load by ``--shape``.
Streams report their first token as an entry of its own. This is a closed loop, good for looking at a
router by hand: a user who waits sends nothing, so a stall hides itself. The gate's own load does not.
"""

from __future__ import annotations

import math
import random
import time
from contextlib import suppress
from typing import Any

import gevent
from locust import FastHttpUser, LoadTestShape, constant_throughput, events, tag, task

_WORDS = "river stone lantern orbit copper meadow signal harbor violet engine paper winter".split()  # noqa: SIM905
_LEAVES_AFTER_S = 0.05
_SHAPES = ("steady", "ramp", "steps", "sine", "spike")
_TICK_S = 1.0
_fire: Any = events.request.fire
_on_options: Any = events.init_command_line_parser.add_listener
_on_init: Any = events.init.add_listener


def _prompt() -> str:
    return " ".join(random.choices(_WORDS, k=12))  # noqa: S311 - prompts need no secrecy


def _body(prompt: str, **options: Any) -> dict[str, Any]:
    return {"prompt": prompt, "options": {"max_tokens": 32, **options}}


class _RouterUser(FastHttpUser):
    abstract = True
    wait_time = constant_throughput(1)

    def _generate(self, body: dict[str, Any], name: str) -> None:
        with self.client.post("/api/generate", json=body, name=name, catch_response=True) as answer:
            if answer.status_code == 200 and not (answer.json() or {}).get("success"):
                answer.failure("200 without success")


class GenerateUser(_RouterUser):
    """Asks for an answer that no cache holds."""

    weight = 8

    @tag("generate")
    @task
    def generate(self) -> None:
        """One generation."""
        self._generate(_body(_prompt()), "generate")


class CachedPromptUser(_RouterUser):
    """Asks the same again and again."""

    weight = 2

    @tag("cached")
    @task
    def cached(self) -> None:
        """One generation that the cache should answer."""
        self._generate(_body("what everybody asks"), "cached prompt")


class StreamUser(_RouterUser):
    """Reads an answer as it is written."""

    weight = 2

    @tag("stream")
    @task
    def stream(self) -> None:
        """One stream, timed to its end, with its first token as an entry of its own."""
        started = time.perf_counter()
        with self.client.post(
            "/api/generate", json=_body(_prompt(), stream=True), name="stream", stream=True, catch_response=True
        ) as answer:
            tokens = self._read(answer, started) if answer.status_code == 200 else 0
            answer.request_meta["response_time"] = (time.perf_counter() - started) * 1000
            if answer.status_code == 200 and not tokens:
                answer.failure("a stream without a token")

    def _read(self, answer: Any, started: float) -> int:
        # By line: reading by size would hold the first token back until the buffer is full.
        tokens = length = 0
        while line := answer.stream.readline(b"\n"):
            length += len(line)
            if line.startswith(b"data: ") and not tokens:
                _fire(
                    request_type="first token",
                    name="stream",
                    response_time=(time.perf_counter() - started) * 1000,
                    response_length=0,
                    exception=None,
                    context={},
                )
            tokens += line.startswith(b"data: ")
        answer.request_meta["response_length"] = length
        return tokens


class BadInputUser(_RouterUser):
    """Sends what must be refused."""

    weight = 1

    @tag("bad")
    @task
    def bad_input(self) -> None:
        """One body without a prompt; 400 is the right answer."""
        with self.client.post("/api/generate", json={"prompt": ""}, name="bad input", catch_response=True) as answer:
            if answer.status_code == 400:
                answer.success()
            else:
                answer.failure(f"{answer.status_code} instead of 400")


class ClientAbortUser(_RouterUser):
    """Goes away before the answer is complete."""

    weight = 1

    @tag("abort")
    @task
    def leave(self) -> None:
        """One long stream that the client leaves early."""
        body = _body(_prompt(), stream=True, max_tokens=4096)
        limit = gevent.Timeout.start_new(_LEAVES_AFTER_S)
        try:
            with self.client.post(
                "/api/generate", json=body, name="client abort", stream=True, catch_response=True
            ) as answer:
                if not limit.pending:  # it fired before the head of the answer came
                    answer.success()
                with suppress(gevent.Timeout):
                    while answer.status_code == 200 and answer.stream.readline(b"\n"):
                        pass
        finally:
            limit.close()


class HealthProbeUser(_RouterUser):
    """Looks in as an orchestrator does."""

    weight = 1

    @tag("health")
    @task
    def probe(self) -> None:
        """One readiness probe; 503 is an answer too."""
        with self.client.get("/health/ready", name="health probe", catch_response=True) as answer:
            if answer.status_code in (200, 503):
                answer.success()


@_on_init  # type: ignore[untyped-decorator, unused-ignore]
def _leave_out_untagged(environment: Any, **_: Any) -> None:
    # Locust filters tasks by tag but keeps users without any, which then fail.
    options = environment.parsed_options
    wanted, unwanted = set(options.tags or ()), set(options.exclude_tags or ())
    environment.user_classes = [
        user for user in environment.user_classes if (not wanted or wanted & _tags(user)) and not unwanted & _tags(user)
    ]


def _tags(user: Any) -> set[str]:
    return {name for one in user.tasks for name in getattr(one, "locust_tag_set", ())}


@_on_options  # type: ignore[untyped-decorator, unused-ignore]
def _add_options(parser: Any) -> None:
    parser.add_argument("--shape", choices=_SHAPES, default="steady", help="course of the number of users over time")
    parser.add_argument("--shape-period", type=float, default=60.0, help="seconds until a shape begins again")


class Shape(LoadTestShape):
    """The number of users over time: ``--users`` is the highest, ``--shape`` the course."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        """Users and spawn rate now, None at the end of ``--run-time``."""
        options: Any = self.runner and self.runner.environment.parsed_options
        elapsed = time.perf_counter() - self.start_time
        if options.run_time and elapsed > options.run_time:
            return None
        users = options.num_users or 1
        share = _share(options.shape, elapsed % options.shape_period / options.shape_period)
        return max(1, round(users * share)), max(options.spawn_rate or 1, users / _TICK_S)


def _share(shape: str, part: float) -> float:
    match shape:
        case "ramp":
            return part
        case "steps":
            return (math.floor(part * 4) + 1) / 4
        case "sine":
            return (1 - math.cos(2 * math.pi * part)) / 2
        case "spike":
            return 1.0 if 0.4 <= part < 0.6 else 0.2
        case _:
            return 1.0
