"""What kind of file of ours a YAML file is, told from its first key alone.

Only the standard library is used: pytest asks this of every YAML file that it passes.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["file_kind"]

_FIRST_KEY = re.compile(r"^harness:\s*['\"]?(\w+)/(\d+)['\"]?\s*(?:#.*)?$")


def file_kind(path: Path) -> str | None:
    """The kind that the first key of a YAML file declares (``harness: scenario/1``), else ``None``."""
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.strip() and not line.startswith(("#", "---", "%")):
                    found = _FIRST_KEY.match(line.rstrip())
                    return found[1] if found else None
    except (OSError, UnicodeDecodeError):
        return None
    return None
