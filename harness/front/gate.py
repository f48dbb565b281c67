"""``harness gate``: one campaign after the other, each told to the reporters, one exit code in the end."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final, Literal, Protocol, Self

from harness.core.errors import ConfigError, HarnessError
from harness.core.events import CampaignEnded, CampaignFailed, CampaignStarted, Event
from harness.core.hangups import hangups
from harness.front.bundles import new_bundle
from harness.front.choosing import Chosen
from harness.front.process import CampaignProcess
from harness.report import Reporter, make_reporter
from harness.request import CampaignRequest

__all__ = ["EXIT_ERROR", "EXIT_KILLED", "Audience", "GateOptions", "Listener", "conduct", "gate", "worst"]

EXIT_ERROR: Final = 2
EXIT_KILLED: Final = 130
"""A second Ctrl-C ended everything before there were verdicts."""
_CANCELLING: Final = "\nharness: cancelling; what was seen so far is judged (again: end at once)\n"
_ORDER: Final = (EXIT_KILLED, EXIT_ERROR, 1, 4, 3, 0)


@dataclass(frozen=True, slots=True)
class GateOptions:
    """How the selected clauses are proved and where it is told."""

    speed: float | Literal["auto"] | None = None
    backend: str = "auto"
    attach: Path | None = None
    since: str = ""
    until: str = ""
    required: tuple[str, ...] = ()
    hold: bool = False
    workers: int = 0
    bundle_dir: Path | None = None
    json: Path | None = None
    junit: Path | None = None
    verbose: bool = False


def worst(codes: Iterable[int]) -> int:
    """The exit code of several campaigns: the first that applies."""
    return min(codes, key=_ORDER.index)


def gate(chosen: Sequence[Chosen], options: GateOptions) -> int:
    """Prove ``chosen``; the bundle of the last campaign is the last line of output."""
    if len(chosen) > 1 and (options.json or options.junit):
        raise ConfigError("one report holds one campaign", remedy="gate the campaigns one by one")
    codes: list[int] = []
    for item in chosen:
        codes.append(_prove(item, options))
        if codes[-1] == EXIT_KILLED:
            break
    return worst(codes)


class Audience:
    """The reporters of one campaign; remembers how it ended. A context manager that closes them."""

    def __init__(
        self,
        *,
        json: Path | None = None,
        junit: Path | None = None,
        verbose: bool = False,
        more: Sequence[Reporter] = (),
    ) -> None:
        files = {"json": json, "junit": junit}
        self._reporters: list[Reporter] = [make_reporter(kind, path) for kind, path in files.items() if path]
        self._reporters += more
        self._reporters.append(make_reporter("console", None, verbose=verbose))
        self._knows_bundle = False
        self.exit_code = EXIT_ERROR
        self.refused = ""
        """Why what is written was refused, before there was any evidence."""

    def tell(self, event: Event) -> None:
        """Hand one event to every reporter; of a refusal ``settle`` tells the console's readers."""
        if isinstance(event, CampaignFailed) and event.refused:
            self.refused = event.error
            self._reporters.pop()
        if isinstance(event, CampaignEnded):
            self.exit_code = event.exit_code
        self._knows_bundle = self._knows_bundle or isinstance(event, CampaignStarted | CampaignEnded)
        for reporter in self._reporters:
            reporter.handle(event)

    def close(self, bundle: Path) -> None:
        """Finish all reports; the path of the bundle is the last line."""
        with ExitStack() as closing:
            closing.callback(self._name, bundle)
            for reporter in reversed(self._reporters):
                closing.callback(reporter.close)

    def settle(self, bundle: Path) -> None:
        """Raise a refusal, like that of any other mistake in a file; the folder that holds nothing goes with it."""
        if self.refused:
            shutil.rmtree(bundle, ignore_errors=True)
            raise HarnessError(self.refused)

    def _name(self, bundle: Path) -> None:
        """The console says it last where the campaign got far enough to tell."""
        if not self._knows_bundle and not self.refused:
            sys.stdout.write(f"{bundle}\n")
        sys.stdout.flush()


def _prove(item: Chosen, options: GateOptions) -> int:
    audience = Audience(json=options.json, junit=options.junit, verbose=options.verbose)
    bundle = new_bundle(item.campaign.name, options.bundle_dir)
    request = CampaignRequest(
        paths=tuple(str(path.resolve()) for path in item.paths),
        bundle=str(bundle),
        clauses=item.ids,
        speed=options.speed,
        backend=options.backend,
        attach=str(options.attach.resolve()) if options.attach else "",
        since=options.since,
        until=options.until,
        required=options.required,
        hold=options.hold,
        workers=options.workers,
    )
    code = conduct(request, audience, bundle)
    audience.settle(bundle)
    return code


class Listener(Protocol):
    """Who is told what a campaign says, and of its end."""

    @property
    def exit_code(self) -> int:
        """That of the verb, once everything was told."""

    def tell(self, event: Event) -> None:
        """Take one event."""

    def close(self, bundle: Path) -> None:
        """Nothing more comes."""


def conduct(request: CampaignRequest, audience: Listener, bundle: Path, goodbye: str = _CANCELLING) -> int:
    """Start what is asked for, hand its events to ``audience`` until it ends, and answer its exit code.

    ``goodbye`` is said at the first interrupt.
    """
    try:
        with _Interrupts(goodbye) as interrupts, CampaignProcess(request) as process:
            interrupts.watch(process)
            _follow(process, audience, interrupts)
    finally:
        audience.close(bundle)
    return EXIT_KILLED if interrupts.killed else audience.exit_code


def _follow(process: CampaignProcess, audience: Listener, interrupts: _Interrupts) -> None:
    try:
        for event in process.follow():
            audience.tell(event)
    except HarnessError as error:
        reason = "ended by a second interrupt" if interrupts.killed else str(error)
        audience.tell(CampaignFailed(time.time(), reason))


class _Interrupts:
    """While entered, the first interrupt cancels the campaign in good order and the second kills it.

    It is entered before the campaign starts: one that comes in between is handed on by ``watch``.
    """

    def __init__(self, goodbye: str) -> None:
        self._goodbye = goodbye
        self._process: CampaignProcess | None = None
        self._count = 0
        self._previous: dict[signal.Signals, object] = {}
        self.killed = False

    def watch(self, process: CampaignProcess) -> None:
        """From now on interrupts, earlier ones included, are for ``process``."""
        self._process = process
        if self._count:
            process.cancel()

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, *hangups()):
            self._previous[number] = signal.signal(number, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._count += 1
        if self._count == 1:
            sys.stderr.write(self._goodbye)
        if self._process is None:
            return
        if self._count == 1:
            self._process.cancel()
        elif not self._process.ended:
            self.killed = True
            self._process.kill()
