"""Would production start with these files? Their own tools say, before binding mends what it replaces.

Binding takes credentials and addresses out. A flaw in what it takes out, such as two passwords for one receiver, would
pass every story here, and keep the component from starting in production.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from harness.contract import Campaign
from harness.core.errors import ConfigError, Location, MachineError
from harness.provision import Tool

__all__ = ["refuse_unaccepted"]

_CHECKS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "prometheus": ("promtool", ("check", "config", "--syntax-only")),
    "alertmanager": ("amtool", ("check-config",)),
}
_LIMIT_S: Final = 60.0
_UNKNOWN: Final[Mapping[str, re.Pattern[str]]] = {
    "promtool": re.compile(r"field (\w+_sd_configs) not found"),
    "amtool": re.compile(r"field (\w+_configs) not found"),
}
"""A kind of discovery or of integration that this build lacks, and production's may have."""
_FRAME: Final = re.compile(
    r"^\s*(?:parsing YAML file \S+: )?(?:yaml: unmarshal errors:)?|^amtool: error: failed to validate.*"
)
"""What the tools say around a reason."""
_LINE: Final = re.compile(r"\bline (\d+)\b")
_REFERENCE: Final = re.compile(r"\$\{\w+\}")


def refuse_unaccepted(campaign: Campaign, tools: Mapping[str, Tool]) -> Iterator[str]:
    """Raise ``ConfigError`` for a configuration file that its own tool refuses as it is written.

    Yields in words what could not be checked: kinds that this build does not know, references to the environment that
    something else fills in.
    """
    for part, (name, arguments) in _CHECKS.items():
        path = campaign.artefact(part)
        if path is None or part not in tools:
            continue
        said = _said([str(tools[part].extra[name]), *arguments, str(path)], path)
        if said:
            yield _unchecked(campaign.shown(path), name, said, path.read_text(encoding="utf-8"))


def _said(command: list[str], path: Path) -> list[str]:
    """What the tool says against the file, line by line; nothing where it accepts it."""
    try:
        done = subprocess.run(
            command, cwd=path.parent, capture_output=True, text=True, timeout=_LIMIT_S, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MachineError(f"{command[0]} cannot be run: {error}", remedy="see harness doctor") from None
    if done.returncode == 0:
        return []
    told = f"{done.stdout}\n{done.stderr}".partition("FAILED:")[2] or done.stderr
    return [line for each in told.splitlines() if (line := _FRAME.sub("", each).strip())]


def _unchecked(shown: str, tool: str, reason: list[str], text: str) -> str:
    unknown = [_UNKNOWN[tool].search(line) for line in reason]
    kinds = [match[1] for match in unknown if match]
    if kinds and len(kinds) == len(reason):
        return f"{shown}: {tool} of this build does not know {', '.join(kinds)}: the file could not be checked as it is"
    if reference := _REFERENCE.search(text):
        return f"{shown}: {tool} cannot check the file before something fills in {reference[0]}: {'; '.join(reason)}"
    line = next((found for each in reason if (found := _LINE.search(each))), None)
    raise ConfigError(
        f"{tool} refuses the file as it is written: {'; '.join(reason) or 'it does not say why'}",
        location=Location(shown, int(line[1]) if line else 0),
        remedy="mend it: production would not start with it",
    )
