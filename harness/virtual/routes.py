"""Who would be told of an alert and what would silence it: read from the file, and asked of the real amtool."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from harness.artefacts.alertmanager_config import AlertmanagerConfig
from harness.artefacts.label_templates import templated, ways_of
from harness.artefacts.routing import Route
from harness.contract import Campaign
from harness.core.errors import Location, MachineError
from harness.virtual.verdicts import Cell

__all__ = ["Routed", "amtool_receivers", "route_cells", "routed"]

_LIMIT_S: Final = 30.0
_PLAIN: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Routed:
    """Where one label set goes.

    ``amtool`` are the receivers that amtool names; ``promised`` is the contract's. ``inhibited_by`` names the
    other alerts that silence it while they fire.
    """

    alert: str
    labels: Mapping[str, str]
    receivers: tuple[str, ...]
    kinds: tuple[str, ...]
    group_labels: Mapping[str, str]
    inhibited_by: tuple[str, ...]
    amtool: tuple[str, ...]
    promised: str | None
    listeners: tuple[str, ...] = ()
    """Whom the contract says to be told as well."""
    yields_to: tuple[str, ...] | None = None
    """The alerts that the contract lets inhibit it; ``None`` where the contract does not know it."""

    strangers: tuple[str, ...] = ()
    """Those of them that silence it although they are about something else, as in ``Down of another service``."""

    ways: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Where templates of its labels lead apart: the receivers by their values."""
    times: Mapping[str, str] = field(default_factory=dict)
    """Receivers that are told at some times of the week alone, with the words for them."""
    is_rendered: bool = True
    """Whether it was seen firing, so that ``labels`` holds what its templates came to."""

    @property
    def told(self) -> str:
        """Who is told, and of whom it depends."""
        told = ", ".join(f"{name} ({self.times[name]})" if name in self.times else name for name in self.receivers)
        ways = "; ".join(f"with {values}: {', '.join(names)}" for values, names in self.ways.items())
        if not ways:
            return told
        return f"{told}; {ways}" if self.is_rendered else ways

    @property
    def open_question(self) -> str:
        """Why who is told cannot be said, or nothing: another value of a template leads to whom the contract means."""
        meant = {self.promised, *self.listeners}
        if not self.ways or (self.is_rendered and (self.promised is None or set(self.receivers) == meant)):
            return ""
        if self.promised is not None and meant not in [set(names) for names in self.ways.values()]:
            return ""
        return "it depends on a label that is a template"

    @property
    def route_problem(self) -> str:
        """What is wrong with who is told, or nothing."""
        if self.amtool != self.receivers:
            return f"amtool routes it to {', '.join(self.amtool) or 'nobody'}"
        if self.open_question:
            return ""
        if self.promised is not None and set(self.receivers) != {self.promised, *self.listeners}:
            return f"the contract says {', '.join((self.promised, *self.listeners))}"
        return ""

    @property
    def inhibition_problem(self) -> str:
        """What is wrong with what silences it, or nothing; rules of one name may inhibit one another."""
        if self.yields_to is None:
            return ""
        names = {other.partition("[")[0] for other in self.inhibited_by} - {self.labels["alertname"]}
        unmeant, lacking = sorted(names - set(self.yields_to)), sorted(set(self.yields_to) - names)
        if self.strangers:
            return f"it is silenced by {', '.join(self.strangers)} as well"
        if unmeant:
            return f"the contract does not let it yield to {', '.join(unmeant)}"
        return f"the contract says that it yields to {', '.join(lacking)}" if lacking else ""

    @property
    def problem(self) -> str:
        """What is wrong, or nothing."""
        return self.route_problem or self.inhibition_problem


def routed(
    campaign: Campaign,
    config: AlertmanagerConfig,
    amtool: Path,
    alerts: Mapping[str, Sequence[Mapping[str, str]]],
    external: Mapping[str, str],
    written: Mapping[str, Mapping[str, str]] | None = None,
    fired: Collection[str] = (),
) -> tuple[Routed, ...]:
    """One answer for every label set of ``alerts`` (by name, without the server's external labels).

    ``written`` are the labels as the rules have them, ``fired`` the alerts whose templates were rendered.
    Raises ``MachineError`` when amtool cannot be run.
    """
    file = campaign.artefact("alertmanager")
    if file is None:
        return ()
    full = {name: [{**external, **labels} for labels in sets] for name, sets in alerts.items()}
    asked = [labels for sets in full.values() for labels in sets]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda labels: amtool_receivers(amtool, file, labels), asked))
    told = iter(answers)
    found = [
        _routed(campaign, config, name, labels, full, next(told)) for name, sets in full.items() for labels in sets
    ]
    return tuple(_with_ways(each, config, {**external, **(written or {}).get(each.alert, {})}, fired) for each in found)


def _with_ways(each: Routed, config: AlertmanagerConfig, written: Mapping[str, str], fired: Collection[str]) -> Routed:
    ways = ways_of(config, {**each.labels, **templated(written)})
    return replace(each, ways=ways, is_rendered=each.alert in fired) if ways else each


def route_cells(campaign: Campaign, found: Sequence[Routed]) -> Iterator[Cell]:
    """What the contract says of the way of each alert's pages, as cells: ``reaches`` and ``yields to``."""
    for each in found:
        name = each.labels["alertname"]
        if name not in campaign.contract.alerts:
            continue
        place = partial(campaign.promise, "alerts", name)
        should = ", ".join((each.promised, *each.listeners)) if each.promised else ""
        cell = _cell(each, "reaches", each.told, should, each.route_problem, place("reaches"))
        open_question = each.open_question
        yield replace(cell, verdict="inconclusive", why=open_question) if open_question else cell
        silences = ", ".join(each.inhibited_by) or "nothing"
        should = ", ".join(each.yields_to or ()) or "nothing"
        yield _cell(each, "yields to", silences, should, each.inhibition_problem, place("yields_to"))


def _cell(each: Routed, what: str, does: str, should: str, problem: str, promise: Location) -> Cell:
    return Cell(each.alert, what, "violated" if problem else "held", does, should, problem, promise=promise)


def amtool_receivers(amtool: Path, config: Path, labels: Mapping[str, str]) -> tuple[str, ...]:
    """The receivers that ``amtool config routes test`` names for ``labels``."""
    shown = [f"{_named(name)}={_quoted(value)}" for name, value in sorted(labels.items())]
    command = [str(amtool), "config", "routes", "test", f"--config.file={config}", *shown]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except OSError as error:
        raise MachineError(f"{amtool} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise MachineError(f"amtool did not answer within {_LIMIT_S:g} s of wall time") from None
    if done.returncode:
        raise MachineError(f"amtool refused the question: {done.stderr.strip()}")
    answer = done.stdout.strip().rpartition("\n")[2]  # above it stands what amtool has to say of the file
    return tuple(dict.fromkeys(name for name in answer.split(",") if name))


def _routed(
    campaign: Campaign,
    config: AlertmanagerConfig,
    name: str,
    labels: Mapping[str, str],
    full: Mapping[str, Sequence[Mapping[str, str]]],
    amtool: tuple[str, ...],
) -> Routed:
    routes = config.routes_for(labels)
    receivers = config.receivers_for(labels)
    kinds = [item.kind for receiver in receivers for item in config.receiver(receiver).integrations]
    silencing = [
        other
        for other, sets in full.items()
        if other != name and any(config.inhibited_by(labels, [each]) is not None for each in sets)
    ]
    promise = campaign.contract.alerts.get(labels["alertname"])
    within = campaign.contract.notices_of(labels["alertname"]).yields_within if promise else []
    strangers = [
        f"{other} of another {label}"
        for other in silencing
        for label in within
        if any(config.inhibited_by(labels, [{**each, label: f"not {labels.get(label)}"}]) for each in full[other])
    ]
    return Routed(
        alert=name,
        labels=labels,
        receivers=receivers,
        kinds=tuple(dict.fromkeys(kinds)),
        group_labels=routes[0].group_labels(labels) if routes else {},
        inhibited_by=tuple(silencing),
        amtool=amtool,
        promised=promise.reaches if promise else None,
        listeners=promise.listeners if promise else (),
        yields_to=promise.inhibitors if promise else None,
        strangers=tuple(strangers),
        times=_times(routes),
    )


def _times(routes: Sequence[Route]) -> dict[str, str]:
    """The words for each receiver that none of ``routes`` tells at all times."""
    found: dict[str, list[str]] = {}
    for each in routes:
        found.setdefault(each.receiver, []).append(each.times)
    return {name: " or ".join(dict.fromkeys(times)) for name, times in found.items() if all(times)}


def _named(name: str) -> str:
    """A label's name as amtool reads it: any name but the plain ones in quotes."""
    return name if _PLAIN.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
