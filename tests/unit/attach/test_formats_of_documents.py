"""Documents of streams that are not JSON: the raw line is read as the contract says."""

from typing import Any

import pytest

from harness.contract.planes import LogStream
from harness.run.attach.documents import _line
from harness.run.clients.elasticsearch import Hit


@pytest.mark.parametrize(
    ("written", "source", "fields", "text"),
    [
        ({"format": "logfmt"}, {"message": "msg=a n=1", "x": 2}, {"msg": "a", "n": "1"}, "msg=a n=1"),
        ({"format": "logfmt"}, {"message": "a", "msg": "a"}, {"message": "a", "msg": "a"}, "a"),
        ({}, {"message": "Server started"}, {"message": "Server started"}, ""),
        ({"other_lines": "allowed"}, {"message": "Server started"}, None, "Server started"),
        ({"other_lines": "allowed"}, {"message": "a", "msg": "a"}, {"message": "a", "msg": "a"}, ""),
        ({"other_lines": "allowed"}, {"message": '{"msg": "a"}'}, {"msg": "a"}, ""),
    ],
)
def test_a_raw_line_is_read_in_its_format(
    written: dict[str, Any], source: dict[str, Any], fields: dict[str, Any] | None, text: str
) -> None:
    line = _line(1.0, "app", Hit("i", "d", source), 1, LogStream.model_validate(written))
    assert (line.fields, line.text) == (fields, text)
