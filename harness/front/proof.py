"""The campaigns of one pytest session: what is wanted of each, and who answers."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.core.errors import HarnessError
from harness.core.event_lines import encode_event
from harness.core.events import CampaignFailed, ClauseJudged, Event
from harness.front.bundles import bundle_name, make_bundle, make_place
from harness.front.follow import EVENTS
from harness.front.placing import Library, PlacedClause
from harness.front.process import CampaignProcess
from harness.front.sources import Followed, Replayed, Source
from harness.front.verdicts import Verdicts
from harness.request import CampaignRequest

__all__ = ["Proof", "Wish"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line says of all campaigns; ``place`` is the parent folder of the bundles and their stamp.

    ``follows`` is true in a worker: another process starts the campaigns.
    """

    place: tuple[str, str]
    speed: float | Literal["auto"] | None = None
    hold: bool = False
    replay: Path | None = None
    follows: bool = False
    attach: Path | None = None


class Proof:
    """Every campaign is started (or its bundle judged) once, when its first verdict is awaited."""

    def __init__(self, wish: Wish, hear: Callable[[Event], None]) -> None:
        self.library = Library(attached=wish.attach is not None)
        self._wish, self._hear = wish, hear
        self._wanted: dict[Path, list[str]] = {}
        self._verdicts: dict[Path, Verdicts] = {}

    def select(self, placed: Iterable[PlacedClause]) -> None:
        """Name the clauses to prove, all at once and before the first verdict is awaited."""
        for item in placed:
            self._wanted.setdefault(item.campaign, []).append(item.clause.id)

    def verdict(self, placed: PlacedClause) -> ClauseJudged:
        """The verdict on one clause, awaited; raises ``HarnessError`` where none will come."""
        return self.begin(placed.campaign).wait(placed.clause.id)

    def begin(self, campaign: Path) -> Verdicts:
        """The verdicts of ``campaign``, which is started unless it was; raises ``HarnessError``."""
        if campaign not in self._verdicts:
            self._verdicts[campaign] = Verdicts(self._source(campaign), self._hear)
        return self._verdicts[campaign]

    def check_place(self) -> None:
        """Raise ``MachineError`` where no bundle can be made: workers would wait for it."""
        make_place(Path(self._wish.place[0]))

    def conduct(self, stop: threading.Event) -> None:
        """Run every campaign to its end, one after the other, for workers that follow; ``stop`` cancels."""
        for campaign, wanted in self._wanted.items():
            try:
                if stop.is_set():
                    raise HarnessError("the session ended before this campaign began")
                verdicts = self.begin(campaign)
            except HarnessError as error:
                self._tell_failure(campaign, error)
                continue
            try:
                verdicts.drain(stop)
            finally:
                verdicts.close(wanted)

    def close(self) -> None:
        """Let campaigns end whose clauses are all judged, cancel the others, and wait for them."""
        with ExitStack() as stack:
            for campaign, verdicts in self._verdicts.items():
                stack.callback(verdicts.close, self._wanted.get(campaign, ()))

    def summary(self) -> Iterator[str]:
        """One line per campaign that was begun: where its evidence lies."""
        for campaign in self._verdicts:
            if self._wish.replay:
                yield f"harness: replayed {self._wish.replay}"
            else:
                yield f"harness: bundle {self._bundle(campaign)}"

    def _source(self, campaign: Path) -> Source:
        if self._wish.replay:
            name = self.library.load(campaign).campaign.name
            return Replayed(self._wish.replay, name, self._wanted.get(campaign, ()))
        if self._wish.follows:
            return Followed(self._bundle(campaign))
        bundle = self._bundle(campaign)
        make_bundle(bundle)
        return CampaignProcess(self._request(campaign, bundle))

    def _tell_failure(self, campaign: Path, error: HarnessError) -> None:
        """Workers wait for an event: this one says that no verdict will come."""
        with suppress(OSError):
            bundle = self._bundle(campaign)
            bundle.mkdir(parents=True, exist_ok=True)
            with (bundle / EVENTS).open("ab") as file:
                file.write(encode_event(CampaignFailed(time.time(), str(error))))

    def _bundle(self, campaign: Path) -> Path:
        parent, stamp = self._wish.place
        mark = hashlib.blake2b(bytes(campaign), digest_size=2).hexdigest()
        return Path(parent) / bundle_name(self.library.load(campaign).campaign.name, stamp + mark)

    def _request(self, campaign: Path, bundle: Path) -> CampaignRequest:
        chosen, wanted = self.library.load(campaign), frozenset(self._wanted.get(campaign, ()))
        ids = tuple(clause.id for clause in chosen.clauses if clause.id in wanted)
        return CampaignRequest(
            paths=(str(campaign),),
            bundle=str(bundle),
            clauses=ids if len(ids) < len(chosen.clauses) else (),
            speed=self._wish.speed,
            hold=self._wish.hold,
            attach=str(self._wish.attach or ""),
        )
