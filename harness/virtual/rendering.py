"""Notices as Alertmanager would write them: its own templates and the files', rendered by the real amtool."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import orjson

from harness.artefacts.notice_texts import Text
from harness.core.errors import MachineError
from harness.virtual.answers import FiredAlert

__all__ = ["PLACES", "Group", "Renderer", "UnrenderedError"]

_LIMIT_S: Final = 30.0
_BETWEEN: Final = "\x1e"
_NAMES: Final = re.compile(
    r"\.(?:Labels|Annotations|GroupLabels|CommonLabels|CommonAnnotations)\.(\w+)|\.([a-z_]\w*)|index\s+\S+\s+\"([^\"]+)\""
)
_NOTHING: Final = '{{ define "harness.nothing" }}{{ end }}'
_BEGUN, _NEVER, _OVER = "2026-01-05T09:00:00Z", "0001-01-01T00:00:00Z", "2026-01-05T09:30:00Z"
PLACES: Final = ("label", "annotation", "group label")
"""Where a template finds a name: of each alert and of all together, or of the group."""


class UnrenderedError(Exception):
    """A template that cannot be executed, in amtool's words."""


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts that are told together, and the labels that name their group."""

    receiver: str
    alerts: tuple[FiredAlert, ...]
    labels: Mapping[str, str]
    is_over: bool = False

    def lacks(self, place: str, name: str) -> bool:
        """Whether no alert of the group, or not the group itself, has ``name`` there."""
        return not any(found.get(name) for found in self._at(place))

    def with_value(self, place: str, name: str, value: str) -> Group:
        """The same with ``name`` at ``place``."""
        if place == "group label":
            return replace(self, labels={**self.labels, name: value})
        put = _with_label if place == "label" else _with_annotation
        return replace(self, alerts=tuple(put(each, name, value) for each in self.alerts))

    def _at(self, place: str) -> Sequence[Mapping[str, str]]:
        if place == "group label":
            return (self.labels,)
        return [each.labels if place == "label" else each.annotations for each in self.alerts]

    def data(self) -> dict[str, Any]:
        """As templates see it."""
        status = "resolved" if self.is_over else "firing"
        return {
            "receiver": self.receiver,
            "status": status,
            "alerts": [_alert(each, status) for each in self.alerts],
            "groupLabels": dict(self.labels),
            "commonLabels": _common([each.labels for each in self.alerts]),
            "commonAnnotations": _common([each.annotations for each in self.alerts]),
            "externalURL": "http://alertmanager",
        }


def _with_label(alert: FiredAlert, name: str, value: str) -> FiredAlert:
    return replace(alert, labels={**alert.labels, name: value})


def _with_annotation(alert: FiredAlert, name: str, value: str) -> FiredAlert:
    return replace(alert, annotations={**alert.annotations, name: value})


def _alert(alert: FiredAlert, status: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": _BEGUN,
        "endsAt": _OVER if status == "resolved" else _NEVER,
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "0123456789abcdef",
    }


def _common(each_of: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first, *others = each_of
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in others)}


@dataclass(frozen=True)
class Renderer:
    """The real amtool on the template files of one alertmanager.yml; raises ``MachineError`` where it cannot be run."""

    amtool: Path
    files: tuple[Path, ...]

    def rendered(self, texts: Sequence[Text], group: Group) -> list[str]:
        """``texts`` as they read for ``group``; raises ``UnrenderedError`` for the first that cannot be executed."""
        found: dict[Text, str] = {}
        for is_html in (False, True):
            some = [each for each in texts if each.is_html == is_html]
            if some:
                found |= zip(some, self._together(some, group, "html" if is_html else "text"), strict=True)
        return [found[each] for each in texts]

    def _together(self, texts: Sequence[Text], group: Group, kind: str) -> list[str]:
        parts = self._run(_BETWEEN.join(each.template for each in texts), group, kind).split(_BETWEEN)
        if len(parts) != len(texts):
            raise UnrenderedError("its text holds a control character")
        return parts

    def _run(self, template: str, group: Group, kind: str) -> str:
        with tempfile.TemporaryDirectory(prefix="harness-notice-") as folder:
            data, nothing = Path(folder) / "data.json", Path(folder) / "nothing.tmpl"
            data.write_bytes(orjson.dumps(group.data()))
            nothing.write_text(_NOTHING)  # amtool demands a file, and one may have none
            globs = [f"--template.glob={each}" for each in (*self.files, nothing)]
            options = [f"--template.text={template}", f"--template.type={kind}", f"--template.data={data}"]
            return self._answer([str(self.amtool), "template", "render", *globs, *options])

    def _answer(self, command: Sequence[str]) -> str:
        try:
            done = subprocess.run(command, capture_output=True, timeout=_LIMIT_S, check=False)
        except OSError as error:
            raise MachineError(f"{self.amtool} cannot be run: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise MachineError(f"amtool did not answer within {_LIMIT_S:g} s of wall time") from None
        if done.returncode:
            raise UnrenderedError(done.stderr.decode("utf-8", "replace").strip().removeprefix("amtool: error: "))
        return done.stdout.decode("utf-8", "replace")

    def names_in(self, texts: Iterable[Text]) -> tuple[str, ...]:
        """Every name that these texts or the template files may read of labels or annotations."""
        sources = "\n".join([*(each.template for each in texts), self._sources])
        return tuple(dict.fromkeys(name for found in _NAMES.findall(sources) for name in found if name))

    @cached_property
    def _sources(self) -> str:
        return "\n".join(path.read_text(encoding="utf-8") for path in self.files)
