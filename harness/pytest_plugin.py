"""pytest collects stories and campaigns: every clause is one test.

Only pytest and the standard library are loaded until a YAML file of ours is met, so that the plugin has
no effect on a run that has none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.core.kinds import file_kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.events import Event
    from harness.front.proof import Proof

__all__ = ["PROOF"]

PROOF: pytest.StashKey[Proof] = pytest.StashKey()
_PLACE: pytest.StashKey[tuple[str, str]] = pytest.StashKey()
_PLANES = (
    "alerts",
    "canary",
    "coverage",
    "dashboards",
    "endpoints",
    "health",
    "load",
    "logs",
    "metrics",
    "monitoring",
    "subject",
)
_KINDS = frozenset({"campaign", "scenario"})
_SUFFIXES = frozenset({".yaml", ".yml"})


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of a run with stories."""
    group = parser.getgroup("harness", "observability stories")
    group.addoption("--replay", metavar="BUNDLE", help="judge the clauses on a recorded bundle, start nothing")
    text = "production seconds per second of wall time, or auto"
    group.addoption("--harness-speed", type=_speed, metavar="N", help=text)
    group.addoption("--harness-attach", metavar="FILE", help="judge the running system that FILE names, read only")
    group.addoption("--harness-bundle-dir", metavar="DIR", help="make bundles in DIR (default: .harness/bundles)")
    group.addoption("--harness-hold", action="store_true", help="keep a failing cell alive until Ctrl-C")


def _speed(text: str) -> float | str:
    return text if text == "auto" else float(text)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse options that cannot be meant, before anything is collected."""
    replay, speed = config.getoption("replay"), config.getoption("harness_speed")
    attach = config.getoption("harness_attach")
    if attach is not None and (speed or not Path(attach).is_file()):
        what = "a running system has its own speed" if speed else f"there is no file {attach}"
        raise pytest.UsageError(f"--harness-attach: {what}")
    if replay is not None and not Path(replay).exists():
        raise pytest.UsageError(f"--replay: there is no bundle {replay}")
    if speed not in {None, "auto"} and not 0 < speed < float("inf"):
        raise pytest.UsageError("--harness-speed: a speed is a positive number, or auto")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A YAML file is ours when its first key says so."""
    if file_path.suffix not in _SUFFIXES or file_kind(file_path) not in _KINDS:
        return None
    from harness.front.items import StoryFile

    return StoryFile.from_parent(parent, path=file_path, proof=_proof(parent.config))


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is to be proved is known once all deselection is over; nothing is started yet."""
    proof = session.config.stash.get(PROOF, None)
    if proof is not None:
        from harness.front.items import ClauseItem

        proof.select([item.placed for item in session.items if isinstance(item, ClauseItem)])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Whatever ended the session, no campaign outlives it."""
    proof = session.config.stash.get(PROOF, None)
    if proof is not None:
        proof.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the evidence."""
    proof = config.stash.get(PROOF, None)
    for line in proof.summary() if proof is not None else ():
        terminalreporter.write_line(line)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """The controller of pytest-xdist tells its workers where the bundles will lie."""
    node.workerinput["harness_place"] = _place(node.config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """The controller starts what its workers have selected, once."""
    config: pytest.Config = node.config
    if PROOF in config.stash or config.getoption("replay") or not _names_ours(config, ids):
        return
    from harness.core.errors import HarnessError
    from harness.front.controlling import Controller, selected

    proof = _proof(config)
    try:
        proof.check_place()
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from None
    proof.select(selected(proof, config.rootpath, ids))
    config.pluginmanager.register(Controller(proof, config.getoption("maxfail")), "harness-controller")


def _names_ours(config: pytest.Config, ids: list[str]) -> bool:
    files = {config.rootpath / name.partition("::")[0] for name in ids}
    return any(path.suffix in _SUFFIXES and file_kind(path) in _KINDS for path in files)


def _proof(config: pytest.Config) -> Proof:
    if PROOF not in config.stash:
        for plane in _PLANES:
            config.addinivalue_line("markers", f"{plane}: clauses of the {plane} plane (observability stories)")
        config.stash[PROOF] = _make_proof(config)
    return config.stash[PROOF]


def _make_proof(config: pytest.Config) -> Proof:
    from harness.front.proof import Proof, Wish

    replay, attach = config.getoption("replay"), config.getoption("harness_attach")
    wish = Wish(
        place=getattr(config, "workerinput", {}).get("harness_place") or _place(config),
        speed=config.getoption("harness_speed"),
        hold=config.getoption("harness_hold"),
        replay=Path(replay).absolute() if replay else None,
        follows=hasattr(config, "workerinput"),
        attach=Path(attach).absolute() if attach else None,
    )
    return Proof(wish, _teller(config))


def _place(config: pytest.Config) -> tuple[str, str]:
    from harness.front.bundles import shared_place

    return config.stash.setdefault(_PLACE, shared_place(config.getoption("harness_bundle_dir")))


def _teller(config: pytest.Config) -> Callable[[Event], None]:
    """Of all events only a held cell is told while tests run: its reader has to act."""
    from harness.core.events import CellHeld

    def tell(event: Event) -> None:
        terminal = config.pluginmanager.get_plugin("terminalreporter")
        if isinstance(event, CellHeld) and terminal is not None:
            terminal.ensure_newline()
            terminal.write_line(f"{event.cell} is held until Ctrl-C:")
            for line in (*(f"  {name}  {url}" for name, url in event.urls.items()), *event.queries):
                terminal.write_line(line)

    return tell
