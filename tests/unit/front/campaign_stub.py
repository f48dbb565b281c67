"""A campaign process that starts nothing: it tells verdicts from a table. Run as ``campaign_stub.py REQUEST``.

``STUB_MODE``: judge (default) tells everything at once; wait tells its verdicts once its standard input is
closed; die ends with exit code 3 after the first event; half leaves its last line half-written and dies;
slow writes every line in two halves; early tells the first verdict and then waits; held holds a cell first;
deaf never ends; silent dies before any event; fail ends with
``campaign_failed``; refuse says that at once, of what is written.
``STUB_VERDICTS``: a JSON object from clause ids to verdicts; others are held.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from harness.core.event_lines import encode_event
from harness.core.events import (
    CampaignEnded,
    CampaignFailed,
    CampaignStarted,
    CellHeld,
    ClauseJudged,
    Event,
    PlannedClause,
)
from harness.request import CampaignRequest


def main() -> int:
    request = CampaignRequest.read(Path(sys.argv[1]))
    mode = os.environ.get("STUB_MODE", "judge")
    if mode == "silent":
        raise RuntimeError("the stub has nothing to say")
    with (Path(request.bundle) / "events.ndjson").open("ab", buffering=0) as file:
        for event in told(request, mode):
            line = encode_event(event)
            if mode == "slow":
                file.write(line[:9])
                time.sleep(0.05)
                line = line[9:]
            file.write(line)
        if mode == "half":
            file.write(b'{"event":"campaign_en')
    return 3 if mode in {"die", "half"} else 0


def told(request: CampaignRequest, mode: str) -> Iterator[Event]:
    if mode == "refuse":
        yield CampaignFailed(1.0, "rules.yml:3:1: no such alert\n  remedy: name another", refused=True)
        return
    ids = request.clauses or every_clause(request)
    yield CampaignStarted(
        1.0, "stub", request.bundle, 60.0, "native", ("s",), tuple(PlannedClause(i, "it is", "a.yaml:1") for i in ids)
    )
    if mode in {"die", "half"}:
        sys.stderr.write("the stub dies\n")
        return
    if mode == "fail":
        yield CampaignFailed(2.0, "no stack today")
        return
    if mode == "held":
        yield CellHeld(1.5, "failing", {"prometheus": "http://127.0.0.1:9090"}, ("up == 0",))
    table = json.loads(os.environ.get("STUB_VERDICTS", "{}"))
    if mode == "early":
        yield ClauseJudged(1.5, ids[0], table[ids[0]], "seen early")
    if mode in {"wait", "deaf", "early"}:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while os.read(0, 4096) or mode == "deaf":
            time.sleep(0.05)
    verdicts = {i: table.get(i, "inconclusive" if mode in {"wait", "early"} else "held") for i in ids}
    for name, verdict in verdicts.items():
        yield ClauseJudged(2.0, name, verdict, f"seen as {verdict}")
    counts = {verdict: list(verdicts.values()).count(verdict) for verdict in verdicts.values()}
    code = 1 if "violated" in counts else 0 if set(counts) == {"held"} else 4
    yield CampaignEnded(3.0, 2.0, counts, code, request.bundle, mode in {"wait", "early"})


def every_clause(request: CampaignRequest) -> tuple[str, ...]:
    from harness.clauses.compiled import compile_campaign
    from harness.contract import load_campaign

    return tuple(clause.id for clause in compile_campaign(load_campaign([Path(path) for path in request.paths])))


if __name__ == "__main__":
    sys.exit(main())
