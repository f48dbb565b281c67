"""``harness load``: write the story of a wish, play it like any other, and keep its table and plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.clauses.compiled import compile_campaign
from harness.contract import Campaign, load_campaign
from harness.core.errors import ConfigError
from harness.core.source import nearest
from harness.front.bundles import new_bundle
from harness.front.choosing import default_path
from harness.front.gate import Audience, conduct
from harness.front.offering import STORY, LoadWish, offered_story, search_of
from harness.report import Reporter
from harness.report.curves import StepsReporter, as_csv, as_svg
from harness.report.output import Output
from harness.request import CampaignRequest

__all__ = ["LoadOptions", "load"]


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How the load is played and where it is told."""

    speed: float | None = None
    bundle_dir: Path | None = None
    json: Path | None = None
    csv: Path | None = None
    svg: Path | None = None
    verbose: bool = False


def load(paths: Sequence[Path], wish: LoadWish, options: LoadOptions) -> int:
    """Play the load of ``wish`` against the campaign's subject; answers the exit code."""
    named = tuple(paths) or (default_path(),)
    campaign = replace(load_campaign(named), speed_override=options.speed)
    text = "" if wish.whole_story else offered_story(campaign, wish)
    search, tables = search_of(campaign, wish), _tables(options)
    bundle = new_bundle(f"{campaign.name}-load", options.bundle_dir)
    also = (bundle / f"{STORY}.yaml",) if text else ()
    for path in also:
        path.write_text(text, encoding="utf-8")
    request = CampaignRequest(
        paths=tuple(str(path.resolve()) for path in named),
        also=tuple(map(str, also)),
        bundle=str(bundle),
        clauses=_clauses(replace(load_campaign(named, also), speed_override=options.speed), wish),
        speed=options.speed,
        search=search,
    )
    audience = Audience(json=options.json, verbose=options.verbose or not wish.find_limit, more=tables)
    code = conduct(request, audience, bundle)
    audience.settle(bundle)
    return code


def _clauses(campaign: Campaign, wish: LoadWish) -> tuple[str, ...]:
    """Those of a made-up story all, of a written one those on its load and its instances."""
    name = wish.story if wish.whole_story else STORY
    planes = ("load", "subject") if wish.whole_story else ()
    own = [clause for clause in compile_campaign(campaign) if clause.scope == name]
    found = tuple(clause.id for clause in own if not planes or clause.plane in planes)
    if not found:
        raise ConfigError(f"there is no story {name!r}", remedy=nearest(name, {s.name for s in campaign.scenarios}))
    return found


def _tables(options: LoadOptions) -> list[Reporter]:
    """Reports of a search as files; raises ``MachineError`` for a path that cannot be written."""
    forms = {options.csv: as_csv, options.svg: as_svg}
    return [StepsReporter(Output(path), form) for path, form in forms.items() if path]
