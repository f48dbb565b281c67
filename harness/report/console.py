"""For people at a terminal or reading a CI log: what happens while it runs, and the account at the end."""

from __future__ import annotations

import shutil
from typing import Final

from harness.core.events import (
    CampaignFailed,
    CampaignPlanned,
    CampaignStarted,
    CellHeld,
    ClauseJudged,
    ComponentEnded,
    ComponentReady,
    Event,
    HopSeen,
    Note,
    PhaseEnded,
    PhaseStarted,
)
from harness.report.account import Account
from harness.report.cost import plan
from harness.report.output import Output
from harness.report.summary import Paint, summary
from harness.report.words import counted, production, seconds

__all__ = ["ConsoleReporter"]

_CLEAR: Final = "\r\x1b[K"


class ConsoleReporter:
    """``live`` keeps one status line at the bottom instead of a line for each step."""

    def __init__(self, output: Output, *, verbose: bool = False, live: bool = False, colour: bool = False) -> None:
        self._output, self._verbose, self._live = output, verbose, live
        self._paint = Paint(colour)
        self._account = Account()
        self._status: dict[str, str] = {}
        self._shown = False

    def handle(self, event: Event) -> None:
        """Tell what people should see at once; keep the rest for the end."""
        self._account.handle(event)
        match event:
            case ComponentEnded(expected=False) | CellHeld() | Note(level="warning") | CampaignStarted():
                self._say(event)
            case ClauseJudged() | CampaignFailed():
                return
            case _ if self._live:
                self._progress(event)
            case _:
                self._say(event)

    def close(self) -> None:
        """Print the account of the campaign; the bundle path is the last line."""
        if not self._output.closed:
            self._clear()
            self._print(summary(self._account, verbose=self._verbose, paint=self._paint))
        self._output.close()

    # --- while it runs

    def _say(self, event: Event) -> None:
        lines = self._lines(event)
        if lines:
            self._clear()
            self._print(lines)

    def _lines(self, event: Event) -> list[str]:
        match event:
            case CampaignStarted():
                return _opening(event)
            case CampaignPlanned():
                return plan(event)
            case Note():
                return [self._at(event.t, "", self._warned(event))]
            case ComponentReady():
                return [self._at(event.t, event.cell, f"{_named(event)} ready after {seconds(event.took_s)}")]
            case ComponentEnded(expected=False):
                return self._death(event)
            case PhaseStarted():
                detail = f" ({event.detail})" if event.detail else ""
                return [self._at(event.t, event.cell, f"phase {event.phase} begins{detail}")]
            case PhaseEnded():
                when = f"at {production(event.production_s)} production"
                return [self._at(event.t, event.cell, f"phase {event.phase} ends {when}: {event.reason}")]
            case CellHeld():
                return self._held(event)
        return []

    def _warned(self, note: Note) -> str:
        return self._paint.warning(f"warning: {note.text}") if note.level == "warning" else note.text

    def _death(self, event: ComponentEnded) -> list[str]:
        how = "by a signal" if event.exit_code is None else f"with exit code {event.exit_code}"
        text = self._paint.bad(f"{event.component} ended {how}, though nobody asked it to")
        return [self._at(event.t, event.cell, text), *(f"             | {line}" for line in event.tail)]

    def _held(self, event: CellHeld) -> list[str]:
        urls = [f"             {name}: {url}" for name, url in event.urls.items()]
        queries = [f"             query: {query}" for query in event.queries]
        return [self._at(event.t, event.cell, "held for you until Ctrl-C"), *urls, *queries]

    def _at(self, t: float, cell: str, text: str) -> str:
        begun = self._account.started.t if self._account.started else t
        return f"{max(t - begun, 0.0):7.1f} s  {cell + ': ' if cell else ''}{text}"

    # --- the status line

    def _progress(self, event: Event) -> None:
        match event:
            case PhaseStarted():
                self._status = {cell: text for cell, text in self._status.items() if cell in self._account.cells}
                self._latest(event.cell, event.phase)
            case HopSeen():
                phase = self._status.get(event.cell, "").partition(" · ")[0]
                self._latest(event.cell, f"{phase} · {event.hop} {event.about}")
            case PhaseEnded():
                self._latest(event.cell, f"{event.phase} ended")
            case ComponentReady():
                self._latest(event.cell, f"{event.component} ready")
            case Note():
                self._latest("", event.text)
            case _:
                return
        cells = (f"{name}: {text}" if name else text for name, text in reversed(self._status.items()))
        self._show(self._at(event.t, "", "  ".join(cells)))

    def _latest(self, cell: str, text: str) -> None:
        """The cell that moved last stands first: a narrow terminal shows no more."""
        self._status.pop(cell, None)
        self._status[cell] = text

    def _show(self, line: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        self._write(f"{_CLEAR}{line[:width]}")
        self._shown = True

    def _clear(self) -> None:
        if self._shown:
            self._write(_CLEAR)
            self._shown = False

    def _print(self, lines: list[str]) -> None:
        self._write("".join(f"{line}\n" for line in lines))

    def _write(self, text: str) -> None:
        self._output.write(text.encode("utf-8", "replace"))


def _opening(event: CampaignStarted) -> list[str]:
    stories = counted(len(event.scenarios), "story", "stories")
    how = "judged again from its bundle" if event.replayed else f"{_where(event)}, speed {event.speed:g}"
    return [f"{event.campaign}: {counted(len(event.clauses), 'clause')}, {stories}, {how}"]


def _where(event: CampaignStarted) -> str:
    return f"{event.backend} ({event.because})" if event.because else event.backend


def _named(event: ComponentReady) -> str:
    return f"{event.component} {event.version}".rstrip()
