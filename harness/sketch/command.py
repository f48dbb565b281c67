"""``harness init``: look at a service once, and write the files of a first gate beside each other."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from harness.artefacts.bind_rules import bind_rules
from harness.artefacts.clock import Clock
from harness.artefacts.prometheus_config import read_prometheus
from harness.clauses.compiled import compile_campaign
from harness.contract import load_campaign
from harness.core.errors import ConfigError, HarnessError
from harness.core.source import load_yaml, parse_yaml
from harness.core.tls import Tls, client_context
from harness.sketch.draft import OUTPUTS, Draft, Log
from harness.sketch.entry import Entry
from harness.sketch.log_lines import read_stream
from harness.sketch.looking import ask, look, place_of
from harness.sketch.promises import contract_lines, left_out
from harness.sketch.ruled import Ruled, read_rule_file
from harness.sketch.starting import Starter, running, starter_of
from harness.sketch.surroundings import campaign_lines, profile_lines, prometheus_lines, story_lines

__all__ = ["init_command"]

_FILES: Final = {
    "campaign.yaml": campaign_lines,
    "profile.yaml": profile_lines,
    "contract.yaml": contract_lines,
    "steady.yaml": story_lines,
    "prometheus.yml": prometheus_lines,
}
_SPEEDS: Final = (60.0, 30.0, 20.0, 10.0, 5.0)
_READS: Final = 3
_SCRAPE_S: Final = 10.0
_SHARE: Final = 0.3
"""How much of the time between two scrapes one of them may take."""
_SCRAPES: Final = f"global: {{scrape_interval: {_SCRAPE_S:g}s}}\nscrape_configs: [{{job_name: any}}]\n"
_DOUBTED: Final = "stands in profile.yaml: if it is one, name it under secrets there, before you commit the file"
_EPILOG: Final = """\
It asks the service some questions by GET, and a path that nobody serves; values of labels, of log lines and of
answers are written nowhere. Then: harness gate, in the same folder.
exit codes: 0 written, 2 not written and why"""


def init_command(argv: Sequence[str]) -> int:
    """Run ``harness init`` with ``argv``; answers the exit code. Errors are told on standard error."""
    options = parser().parse_args(list(argv))
    try:
        draft = _drafted(options)
        _write(draft)
    except HarnessError as error:
        sys.stderr.write(f"harness: {error}\n")
        return 2
    _tell(draft)
    return 0


def parser() -> argparse.ArgumentParser:
    """The arguments of the verb."""
    made = argparse.ArgumentParser(
        prog="harness init",
        description="Write a profile, a contract and a story from what a running service shows.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--metrics", required=True, metavar="URL", help="the metrics text, as in http://127.0.0.1:8080/metrics")
    add("--health", action="append", default=[], metavar="URL", help="a health endpoint (repeatable)")
    add("--request", action="append", default=[], metavar="URL", help="what a client asks, by GET (repeatable)")
    add("--logs", default="", metavar="FILE", help="a log of JSON, logfmt or dated text; stdout or stderr with --start")
    add("--rules", type=Path, metavar="FILE", help="a rule file of Prometheus")
    add("--start", default="", metavar="CMD", help="how the service starts, port included; else it has to be running")
    add("--bearer-from", default="", metavar="VAR", help="the variable that holds the bearer token of the metrics")
    add("--username", default="", metavar="NAME", help="who may read the metrics, by basic authentication")
    add("--password-from", default="", metavar="VAR", help="the variable that holds the password")
    add("--any-certificate", action="store_true", help="accept whatever certificate https shows")
    add("--authority", default="", metavar="FILE", help="who vouches for the certificates of https (PEM)")
    add("--certificate", default="", metavar="FILE", help="what https is shown of us (PEM)")
    add("--key", default="", metavar="FILE", help="the key of --certificate, where it is another file")
    add("--into", type=Path, default=Path("scenarios"), metavar="DIR", help="where the files go (scenarios)")
    return made


def _drafted(options: argparse.Namespace) -> Draft:
    _refuse_overwriting(options.into)
    entry = Entry(options.username, options.password_from, options.bearer_from)
    tls = _tls(options)
    metrics = replace(place_of(options.metrics, "--metrics", tls), entry=entry.headers())
    health = [place_of(url, "--health", tls) for url in options.health]
    requests = [place_of(url, "--request", tls) for url in options.request]
    if any(place.host != metrics.host for place in (*health, *requests)):
        raise ConfigError("127.0.0.1 and [::1] are two addresses", remedy="name all places by the same one")
    if options.logs in OUTPUTS and not options.start:
        raise ConfigError(f"--logs {options.logs} is an output of --start", remedy="name the log file, or the command")
    starter = starter_of(options.start) if options.start else None
    with contextlib.ExitStack() as looking:
        outputs = looking.enter_context(running(starter, metrics, (*health, *requests))) if starter else {}
        seen = look(metrics, health, requests)
        rules = read_rule_file(options.rules, seen.families) if options.rules else None
        log = _log(options.logs, outputs, starter) if options.logs else None
        took_s = min(ask(metrics).took_s for _ in range(_READS))
    return Draft(options.into, seen, rules, log, starter, _speed(took_s, rules), entry.written)


def _tls(options: argparse.Namespace) -> Tls:
    """How https is entered; raises ``ConfigError`` for files of no use."""
    if options.key and not options.certificate:
        raise ConfigError("--key goes with --certificate", remedy="name both, or neither")
    names = {name: getattr(options, name) for name in ("authority", "certificate", "key")}
    tls = Tls(options.any_certificate, **{name: str(Path(file).resolve()) for name, file in names.items() if file})
    client_context(tls)
    return tls


def _log(named: str, outputs: dict[str, Path], starter: Starter | None) -> Log:
    if named in OUTPUTS and not outputs:
        raise ConfigError(f"the service runs already: its {named} cannot be read", remedy="end it, and init starts it")
    is_own = starter is not None and any(named in word for word in (*starter.words, *starter.variables.values()))
    return Log(named, read_stream(outputs.get(named, Path(named)), named), is_own)


def _speed(took_s: float, rules: Ruled | None) -> float:
    """The highest speed at which the metrics can be read between two scrapes and every rule can be scaled."""
    for speed in _SPEEDS:
        if took_s < _SCRAPE_S / speed * _SHARE and (rules is None or _scales(rules, speed)):
            return speed
    if rules:
        _bind(rules, 1.0)  # what cannot even run at the pace of production is told now
    return 1.0


def _scales(rules: Ruled, speed: float) -> bool:
    try:
        _bind(rules, speed)
    except ConfigError:
        return False
    return True


def _bind(rules: Ruled, speed: float) -> None:
    bind_rules(load_yaml(rules.path), Clock(speed), read_prometheus(parse_yaml(_SCRAPES, "prometheus.yml")))


def _refuse_overwriting(folder: Path) -> None:
    there = [name for name in _FILES if (folder / name).exists()]
    if there:
        remedy = "write elsewhere (--into DIR), or remove them first"
        raise ConfigError(f"{folder} holds {', '.join(there)} already, which init never overwrites", remedy=remedy)


def _write(draft: Draft) -> None:
    """Write every file and load them as a gate would; what cannot be loaded is not left behind."""
    written: list[Path] = []
    try:
        draft.folder.mkdir(parents=True, exist_ok=True)
        for name, lines in _FILES.items():
            path = draft.folder / name
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.writelines(f"{line}\n" for line in lines(draft))
        compile_campaign(load_campaign([draft.folder]))
    except (OSError, HarnessError) as error:
        for path in written:
            path.unlink(missing_ok=True)
        if isinstance(error, HarnessError):
            raise
        problem = f"{draft.folder} cannot be written: {error.strerror}"
        raise ConfigError(problem, remedy="name another folder with --into DIR") from None


def _tell(draft: Draft) -> None:
    lines = [f"{draft.folder}: {', '.join(_FILES)}"]
    lines += [f"left out: {text}" for text in left_out(draft)]
    if draft.starter:
        lines += [f"warning: {shown} in --start may be a secret, and {_DOUBTED}" for shown in draft.starter.doubts]
        lines += [f"secret: the gate hands on {name}, and needs it set" for name in sorted(draft.starter.secrets)]
    sys.stdout.write("\n".join((*lines, f"next: harness gate {draft.folder}")) + "\n")
