"""The command ``harness``. Every verb imports what it needs when it is called, so that help is instant."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from harness.core.errors import HarnessError

__all__ = ["main"]

_EXIT_ERROR = 2
_EXIT_INTERRUPTED = 130
_EXIT_PIPE = 141
_EPILOG = """\
exit codes, the first that applies:
  2  configuration or harness error, no verdicts
  1  some clause is violated
  4  some clause is inconclusive or invalid
  3  lint has findings
  0  every clause held
Ctrl-C cancels a gate: what was seen so far is judged, what stays open is inconclusive.
A second Ctrl-C ends it at once (130). The last line of output is the path of the bundle."""


_OWN_PARSERS = {
    "init": "write a first profile, contract and story from what a running service shows",
    "test": "run the rule files in virtual time under the standard conditions",
    "provision": "have the real components ready",
    "images": "have the images of the containers backend ready",
    "doctor": "say what is there and what lacks",
}
"""Verbs that parse their own arguments, and what they do."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; answers its exit code. Errors are told on standard error."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments and arguments[0] in _OWN_PARSERS:
            return _with_own_parser(arguments)
        options = _parser().parse_args(arguments)
        run: Callable[[argparse.Namespace], int] = options.run
        code = run(options)
        sys.stdout.flush()
        return code
    except HarnessError as error:
        print(f"harness: {error}", file=sys.stderr)
        return _EXIT_ERROR
    except KeyboardInterrupt:
        return _EXIT_INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has gone; what Python still holds must not be flushed there
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _EXIT_PIPE


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"harness {version('observability-harness')} (Python {sys.version.partition(' ')[0]})")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="harness",
        description="Prove that metrics, logs, health and alerts of a service appear as its contract promises.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="say which version this is")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for add in (
        _add_gate,
        _add_load,
        _add_up,
        _add_lint,
        _add_coverage,
        _add_replay,
        _add_report,
        _add_diff,
        _add_explain,
        _add_schema,
    ):
        add(verbs)
    for name, text in _OWN_PARSERS.items():
        verbs.add_parser(name, help=text, add_help=False)
    return parser


def _add_gate(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("gate", help="run the stories on the real components and judge every clause")
    _add_paths(verb)
    verb.add_argument("-k", dest="expression", default="", metavar="EXPR", help="clauses whose id matches EXPR")
    _add_clauses(verb)
    verb.add_argument("--speed", type=_speed, metavar="N", help="production seconds per second of wall time, or auto")
    verb.add_argument(
        "--backend", choices=("auto", "containers", "native", "attach"), default="auto", help="where the components run"
    )
    _add_attach(verb)
    verb.add_argument("--bundle-dir", type=Path, metavar="DIR", help="make bundles in DIR (.harness/bundles)")
    _add_reports(verb)
    verb.add_argument("--workers", type=_workers, default=0, metavar="N", help="share the load among N processes")
    verb.add_argument("--hold", action="store_true", help="keep a failing cell alive until Ctrl-C")
    verb.set_defaults(run=_gate)


def _add_attach(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--attach", type=Path, metavar="FILE", help="the running system to judge, read only")
    verb.add_argument("--from", dest="since", default="", metavar="TIME", help="judge the past since then, or 30m ago")
    verb.add_argument("--to", dest="until", default="", metavar="TIME", help="judge the past until then (now)")
    text = "fail where this plane of a running system cannot be judged (repeatable)"
    verb.add_argument("--require", action="append", default=[], metavar="PLANE", help=text)


def _add_load(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser(
        "load", help="play a load without the whole gate, or search for the rate that breaks something"
    )
    _add_paths(verb)
    verb.add_argument("--story", default="", metavar="NAME", help="play this story, or take its mix, rate and limits")
    verb.add_argument("--rate", default="", metavar="RATE", help="offered per production second, such as 0.5/s")
    verb.add_argument("--mix", type=_mix, metavar="KIND=N,…", help="kinds of requests by weight, instead of a story's")
    verb.add_argument("--for", dest="lasts", default="", metavar="TIME", help="how long, or how long each step (5m)")
    verb.add_argument("--threshold", action="append", default=[], metavar="LINE", help="a limit to hold (repeatable)")
    verb.add_argument("--find-limit", action="store_true", help="raise the rate until something breaks")
    verb.add_argument("--steps", type=int, default=10, metavar="N", help="at most so many rates (10)")
    verb.add_argument("--at-most", default="", metavar="RATE", help="no rate above this one")
    verb.add_argument("--speed", type=_speed, metavar="N", help="production seconds per second of wall time")
    verb.add_argument("--bundle-dir", type=Path, metavar="DIR", help="make bundles in DIR (.harness/bundles)")
    verb.add_argument("--json", type=Path, metavar="FILE", help="write a JSON report")
    verb.add_argument("--csv", type=Path, metavar="FILE", help="write the steps of a search as a table")
    verb.add_argument("--svg", type=Path, metavar="FILE", help="draw the steps of a search")
    verb.add_argument("-v", "--verbose", action="store_true", help="list held clauses and kinds of requests too")
    verb.set_defaults(run=_load)


def _add_up(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("up", help="start the subject and its stack, tell the addresses, stay until Ctrl-C")
    _add_paths(verb)
    verb.add_argument("--speed", type=_positive, default=1.0, metavar="N", help="how fast their clock runs (1)")
    verb.add_argument("--state", type=Path, metavar="FILE", help="write the addresses to FILE, once all is ready")
    verb.set_defaults(run=_up)


def _add_lint(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("lint", help="load, compile and bind everything, look for what cannot work, start nothing")
    text = "campaign or scenario files or their folder, or rule files, alertmanager.yml and prometheus.yml themselves"
    verb.add_argument("paths", nargs="*", type=Path, metavar="PATH", help=text)
    verb.add_argument("-v", "--verbose", action="store_true", help="list the ids of all clauses")
    verb.set_defaults(run=_lint)


def _add_coverage(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("coverage", help="list what stands beside every alert, metric and log event")
    _add_paths(verb)
    verb.add_argument("--missing", action="store_true", help="print the gaps only, as a baseline lists them")
    verb.set_defaults(run=_coverage)


def _add_replay(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("replay", help="judge a bundle again, offline")
    verb.add_argument("bundle", type=Path, metavar="BUNDLE", help="the folder, or its .zip")
    _add_clauses(verb)
    _add_reports(verb)
    verb.set_defaults(run=_replay)


def _add_report(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("report", help="tell again what a bundle's campaign told")
    verb.add_argument("bundle", type=Path, metavar="BUNDLE", help="the folder, or its .zip")
    verb.add_argument("--format", choices=("console", "json", "junit", "ndjson"), default="console")
    verb.add_argument("-v", "--verbose", action="store_true", help="list held clauses too")
    verb.set_defaults(run=_report)


def _add_diff(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("diff", help="say what changed from one bundle to another")
    verb.add_argument("before", type=Path, metavar="BEFORE", help="the folder of a bundle, or its .zip")
    verb.add_argument("after", type=Path, metavar="AFTER", help="another, of the same service")
    verb.add_argument("-v", "--verbose", action="store_true", help="list every figure, and clauses that came and went")
    verb.set_defaults(run=_diff)


def _add_explain(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser(
        "explain", help="say what a clause promises, what it needs and what was seen, or what a finding means"
    )
    verb.add_argument("clause", metavar="CLAUSE-ID", help="or the code of a finding of lint")
    verb.add_argument("bundle", type=Path, nargs="?", metavar="BUNDLE", help="judge it on this evidence")
    verb.set_defaults(run=_explain)


def _add_schema(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("schema", help="print the JSON Schema of a kind of file")
    verb.add_argument("kind", metavar="KIND", help="attach, campaign, contract, profile or scenario")
    verb.set_defaults(run=_schema)


def _add_paths(verb: argparse.ArgumentParser) -> None:
    text = "campaign or scenario files, or their folder (scenarios/campaign.yaml or campaign.yaml)"
    verb.add_argument("paths", nargs="*", type=Path, metavar="PATH", help=text)


def _add_clauses(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--clause", action="append", default=[], metavar="ID", help="only this clause (repeatable)")


def _add_reports(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--json", type=Path, metavar="FILE", help="write a JSON report")
    verb.add_argument("--junit", type=Path, metavar="FILE", help="write a JUnit report")
    verb.add_argument("-v", "--verbose", action="store_true", help="list held clauses too")


def _workers(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes from 1 to 64")
    return int(text)


def _speed(text: str) -> float | str:
    if text == "auto":
        return text
    return _positive(text)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("a speed is a positive number, or auto")
    return value


def _mix(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in text.split(","):
        kind, _, weight = part.partition("=")
        try:
            found[kind.strip()] = float(weight or 1)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{part!r} is not KIND=WEIGHT, as in generate=8,stream=2") from None
    return found


def _load(options: argparse.Namespace) -> int:
    from harness.front.load import LoadOptions, load
    from harness.front.offering import LoadWish

    wish = LoadWish(
        story=options.story,
        rate=options.rate,
        mix=options.mix,
        lasts=options.lasts,
        thresholds=options.threshold,
        find_limit=options.find_limit,
        steps=options.steps,
        at_most=options.at_most,
    )
    how = LoadOptions(
        speed=options.speed,
        bundle_dir=options.bundle_dir,
        json=options.json,
        csv=options.csv,
        svg=options.svg,
        verbose=options.verbose,
    )
    return load(options.paths, wish, how)


def _gate(options: argparse.Namespace) -> int:
    from harness.front.choosing import choose
    from harness.front.gate import GateOptions, gate

    attached = bool(options.attach) or options.backend == "attach"
    chosen = choose(options.paths, options.expression, options.clause, attached=attached)
    how = GateOptions(
        speed=options.speed,
        backend=options.backend,
        attach=options.attach,
        since=options.since,
        until=options.until,
        required=tuple(options.require),
        hold=options.hold,
        workers=options.workers,
        bundle_dir=options.bundle_dir,
        json=options.json,
        junit=options.junit,
        verbose=options.verbose,
    )
    return gate(chosen, how)


def _up(options: argparse.Namespace) -> int:
    from harness.front.up import UpOptions, up

    return up(options.paths, UpOptions(options.speed, options.state))


def _lint(options: argparse.Namespace) -> int:
    from harness.front.lint import lint

    return lint(options.paths, partial(print, flush=True), verbose=options.verbose)


def _coverage(options: argparse.Namespace) -> int:
    from harness.front.choosing import load_chosen
    from harness.front.covering import covering

    for item in load_chosen(options.paths):
        print(*covering(item.campaign, only_missing=options.missing), sep="\n")
    return 0


def _replay(options: argparse.Namespace) -> int:
    from harness.front.replaying import replay_bundle

    return replay_bundle(options.bundle, options.clause, options.json, options.junit, verbose=options.verbose)


def _report(options: argparse.Namespace) -> int:
    from harness.front.replaying import report_bundle

    return report_bundle(options.bundle, options.format, verbose=options.verbose)


def _diff(options: argparse.Namespace) -> int:
    from harness.front.comparing import diff_bundles

    return diff_bundles(options.before, options.after, verbose=options.verbose)


def _explain(options: argparse.Namespace) -> int:
    from harness.front.explaining import explain

    print(explain(options.clause, options.bundle))
    return 0


def _schema(options: argparse.Namespace) -> int:
    import json

    from harness.contract.schema import schema

    print(json.dumps(schema(options.kind), indent=2))
    return 0


def _with_own_parser(arguments: Sequence[str]) -> int:
    if arguments[0] == "test":
        from harness.virtual.command import test_command

        return test_command(arguments[1:])
    if arguments[0] == "images":
        from harness.provision.image_commands import images_command

        return images_command(arguments[1:])
    if arguments[0] == "init":
        from harness.sketch.command import init_command

        return init_command(arguments[1:])
    from harness.provision.commands import doctor_command, provision_command

    return (provision_command if arguments[0] == "provision" else doctor_command)(arguments[1:])


if __name__ == "__main__":
    sys.exit(main())
