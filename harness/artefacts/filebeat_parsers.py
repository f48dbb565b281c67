"""Several lines that are one event, and JSON that an input decodes, said to the Filebeat that runs here.

The ``filestream`` of Filebeat 7.12 passes over ``parsers`` without a word, and each line would be an event of its own.
The ``log`` input of the same Filebeat does the same work by other keys; so an input with parsers becomes one.
"""

from __future__ import annotations

from typing import Any, Final

from harness.artefacts import dotted
from harness.artefacts.edits import Editor
from harness.artefacts.settings import put
from harness.core.source import DocumentPath

__all__ = ["as_log_input", "end_records_soon", "parsers_of"]

_QUIET: Final = "1s"
_ENDING: Final = "polling: so long after its last line the last record is complete; it is wall time"
_OLD: Final = "paths: the filestream of this Filebeat has no parsers, its log input does the same by other keys"
_ONLY_FILESTREAM: Final = (
    "parsers",
    "prospector",
    "close",
    "take_over",
    "file_identity",
    "backoff",
    "message_max_bytes",
)
_CANNOT: Final = (
    "the Filebeat 7.12 of this backend cannot do what {} does: --backend containers with the official image can"
)
_JSON: Final = ("overwrite_keys", "expand_keys", "add_error_key", "message_key", "document_id", "ignore_decoding_error")


def parsers_of(editor: Editor, path: DocumentPath) -> list[dict[str, Any]]:
    """The parsers that the input at ``path`` writes."""
    return [each for each in editor.get((*path, "parsers")) or [] if isinstance(each, dict)]


def end_records_soon(editor: Editor, path: DocumentPath, source: DocumentPath) -> None:
    """Let the input at ``path`` ship the last record of a file sooner than five seconds after its last line."""
    written = dotted.flat(editor.get(path))
    if any(name.startswith("multiline.") for name, _path in written):
        put(editor, "multiline.timeout", _QUIET, _ENDING, path, source=source)
    for index, parser in enumerate(parsers_of(editor, path)):
        if isinstance(parser.get("multiline"), dict):
            put(editor, "multiline.timeout", _QUIET, _ENDING, (*path, "parsers", index), source=source)


def as_log_input(editor: Editor, path: DocumentPath, source: DocumentPath) -> None:
    """Make the filestream at ``path`` a log input that does what its parsers say, or note why that cannot be."""
    parsers = parsers_of(editor, path)
    settings = {kind: dict(each[kind] or {}) for each in parsers for kind in each}
    kinds, target = list(settings), settings.get("ndjson", {}).get("target", "")
    if kinds not in (["ndjson"], ["multiline"], ["ndjson", "multiline"]) or target not in ("", "json"):
        told = f"{' and then '.join(kinds)}" + (f" with the target {target!r}" if target else "")
        editor.problem((*source, "parsers"), _CANNOT.format(told))
        return
    for name in _ONLY_FILESTREAM:
        while found := next((p for key, p in dotted.flat(editor.get(path)) if f"{key}.".startswith(f"{name}.")), None):
            editor.remove((*path, *found), _OLD, source=source)
    editor.set((*path, "type"), "log", _OLD, source=source)
    if "ndjson" in settings:
        json = {key: value for key, value in settings["ndjson"].items() if key in _JSON}
        editor.set((*path, "json"), {"keys_under_root": target == "", **json}, _OLD, source=source)
    if "multiline" in settings:
        editor.set((*path, "multiline"), settings["multiline"], _OLD, source=source)
