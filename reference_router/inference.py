"""The way of a request: cache, queue, model, device, engine; and what is recorded on it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from reference_router.cache import Answer, ResponseCache
from reference_router.clock import Clock, Stopwatch
from reference_router.devices import Device
from reference_router.engines.base import Engine, Job, Piece
from reference_router.errors import (
    DeviceFailed,
    InferenceFailed,
    NoModelAvailable,
    RouterError,
    as_failure,
)
from reference_router.log_fields import InferenceRun
from reference_router.models import Models, ModelSpec
from reference_router.recorder import Recorder
from reference_router.requests import GenerateRequest
from reference_router.routing import ModelRouter
from reference_router.work_queue import WorkQueue

__all__ = ["Emit", "Generation", "Inferences", "Interceptor"]

Emit = Callable[[Piece], Awaitable[None]]
Interceptor = Callable[[Job], Awaitable[None]]
"""Runs before the engine does; may change the job, wait, or raise ``InferenceFailed``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A finished answer and how it came about."""

    text: str
    tokens: int
    generated_tokens: int
    """Those that this request cost: none where the answer comes from the cache."""
    model: str
    device: str
    strategy: str
    cached: bool
    finish_reason: str


@dataclass(slots=True)
class _Output:
    """What an engine has given so far."""

    emit: Emit | None
    texts: list[str]
    tokens: int = 0
    finish_reason: str = "stop"

    async def take(self, piece: Piece) -> None:
        self.texts.append(piece.text)
        self.tokens += piece.tokens
        self.finish_reason = piece.finish_reason or self.finish_reason
        if self.emit is not None:
            await self.emit(piece)


class Inferences:
    """Serves generations. ``before`` holds interceptors, empty in normal service."""

    def __init__(
        self,
        *,
        clock: Clock,
        cache: ResponseCache,
        queue: WorkQueue,
        models: Models,
        router: ModelRouter,
        engine: Engine,
        recorder: Recorder,
    ) -> None:
        self.before: list[Interceptor] = []
        self._clock = clock
        self._cache = cache
        self._queue = queue
        self._models = models
        self._router = router
        self._engine = engine
        self._recorder = recorder

    async def generate(
        self, request: GenerateRequest, request_id: str, watch: Stopwatch, emit: Emit | None = None
    ) -> Generation:
        """The answer to ``request``; with ``emit``, each piece is handed over as soon as it exists.

        Raises ``RouterError`` where something failed. A cancellation says by its message
        whether the client left.
        """
        self._recorder.generation_requested(request, request_id)
        try:
            answer = self._look_up(request)
            if answer is not None:
                return await self._from_cache(answer, request, request_id, watch, emit)
            async with self._queue.place(watch):
                return await self._infer(request, request_id, watch, emit)
        except (Exception, asyncio.CancelledError) as error:
            self._recorder.generation_failed(as_failure(error), request_id, watch.elapsed_s)
            raise

    async def probe(self) -> str:
        """A one-token generation past cache and queue, never counted; returns the device that did it."""
        if not self._models.loaded:
            raise NoModelAvailable("no model is loaded")
        model = self._models.loaded[-1]
        device = next(self._engine.devices.candidates(model.pool))
        probe = GenerateRequest(prompt="ping", max_tokens=1)
        await self._run(self._job(probe, model, device, Stopwatch(self._clock), probe=True), _Output(None, []))
        return device.id

    def _look_up(self, request: GenerateRequest) -> Answer | None:
        if not request.cache:
            return None
        answer = self._cache.get(request.cache_key)
        self._recorder.cache_looked_up(answer is not None)
        return answer

    async def _from_cache(
        self, answer: Answer, request: GenerateRequest, request_id: str, watch: Stopwatch, emit: Emit | None
    ) -> Generation:
        run = _new_run(request_id, answer.model, request.strategy, cached=True)
        begun_s = watch.elapsed_s
        self._recorder.inference_started(run)
        try:
            await _Output(emit, []).take(Piece(answer.text, answer.tokens, answer.finish_reason))
        except asyncio.CancelledError as error:
            self._recorder.inference_failed(run, as_failure(error))
            raise
        run.tokens, run.duration_s = answer.tokens, watch.elapsed_s - begun_s
        self._recorder.inference_completed(run)
        self._recorder.generation_completed(run, watch.elapsed_s)
        return _generation(run, answer, "cache")

    async def _infer(
        self, request: GenerateRequest, request_id: str, watch: Stopwatch, emit: Emit | None
    ) -> Generation:
        model = self._router.choose(request.strategy, self._models.loaded, request.model)
        run = _new_run(request_id, model.name, request.strategy)
        output = _Output(emit, [])
        begun_s = self._spent_s(watch)
        self._recorder.inference_started(run)
        self._models.in_flight[model.name] += 1
        try:
            device = await self._run_somewhere(request, request_id, model, watch, output)
        except (RouterError, asyncio.CancelledError) as error:
            run.tokens, run.duration_s = output.tokens, self._spent_s(watch) - begun_s
            self._recorder.inference_failed(run, as_failure(error))
            raise
        finally:
            self._models.in_flight[model.name] -= 1
        run.tokens, run.duration_s = output.tokens, self._spent_s(watch) - begun_s
        self._recorder.inference_completed(run)
        self._recorder.generation_completed(run, watch.elapsed_s)
        answer = Answer("".join(output.texts), output.tokens, model.name, output.finish_reason)
        if request.cache:
            self._cache.put(request.cache_key, answer)
        return _generation(run, answer, device.id)

    async def _run_somewhere(
        self, request: GenerateRequest, request_id: str, model: ModelSpec, watch: Stopwatch, output: _Output
    ) -> Device:
        """Device by device until one holds. A device that failed counts only if another one then held:
        otherwise the request's own failure is the one that counts."""
        failures: list[DeviceFailed] = []
        for device in self._engine.devices.candidates(model.pool):
            try:
                await self._run(self._job(request, model, device, watch), output)
            except DeviceFailed as error:
                if output.tokens:
                    raise
                failures.append(error)
            else:
                for failure in failures:
                    self._recorder.failed(failure, request_id)
                return device
        raise failures[-1]

    async def _run(self, job: Job, output: _Output) -> None:
        with job.device.occupied():
            try:
                for interceptor in self.before:
                    await interceptor(job)
                async for piece in self._engine.generate(job):
                    await output.take(piece)
            except RouterError:
                raise
            except Exception as error:
                raise InferenceFailed(f"the engine raised {type(error).__name__}") from error

    def _job(
        self, request: GenerateRequest, model: ModelSpec, device: Device, watch: Stopwatch, *, probe: bool = False
    ) -> Job:
        return Job(
            model=model,
            device=device,
            prompt=request.prompt,
            max_tokens=request.max_tokens,
            seed=request.seed,
            stream=request.stream,
            watch=watch,
            probe=probe,
        )

    def _spent_s(self, watch: Stopwatch) -> float:
        return watch.waited_s if self._engine.planned_time else watch.elapsed_s


def _new_run(request_id: str, model: str, strategy: str, *, cached: bool = False) -> InferenceRun:
    return InferenceRun(
        id=f"inf-{secrets.token_hex(8)}", request_id=request_id, model=model, strategy=strategy, cached=cached
    )


def _generation(run: InferenceRun, answer: Answer, device: str) -> Generation:
    return Generation(
        text=answer.text,
        tokens=answer.tokens,
        generated_tokens=0 if run.cached else answer.tokens,
        model=run.model,
        device=device,
        strategy=run.strategy,
        cached=run.cached,
        finish_reason=answer.finish_reason,
    )
