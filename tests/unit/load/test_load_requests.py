from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import ConfigError
from harness.core.tls import Tls
from harness.run.load.answer import TokenStream, at_pointer, read_answer
from harness.run.load.ledger import Gaps
from harness.run.load.plan import Ceiling, CellPlan, DriverPlan, Instance, read_plan, resolved, write_plan
from harness.run.load.requests import Corpus, ReadFrom, RequestKind
from harness.run.load.schedule import steady
from harness.run.load.tally import Allowance
from harness.run.load.template import Template, nobodys, prompt, request_id

KIND = RequestKind(
    "k",
    "/items/{{prompt}}/{{seq}}",
    headers={"X-Request-Id": "{{request_id}}"},
    json={"prompt": "say {{prompt}}", "n": 3},
    prompts=Corpus(texts=('a "quoted"\nline', "ü")),
    read=ReadFrom("/id", "header:x-units", {"model": "/m/0"}),
)


def plan(*instances: Instance, **fields: Any) -> DriverPlan:
    found = instances or (Instance("i", "http://127.0.0.1:1"),)
    return DriverPlan((CellPlan("c", "ledger", found, (KIND,)),), **fields)


def test_a_request_is_filled_escaped_where_it_stands() -> None:
    sent = Template(KIND, 0).fill("host:1", 7, "rid", 0)
    head, _, body = sent.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert first == "POST /items/a%20%22quoted%22%0Aline/7 HTTP/1.1"
    headers = dict(line.split(": ") for line in lines)
    assert headers["host"] == "host:1"
    assert headers["X-Request-Id"] == "rid"
    assert headers["content-type"] == "application/json"
    assert int(headers["content-length"]) == len(body)
    assert json.loads(body) == {"prompt": 'say a "quoted"\nline', "n": 3}


def test_text_is_sent_as_it_stands_and_a_get_has_no_length() -> None:
    broken = Template(RequestKind("b", "/", text='{"{{prompt}}', prompts=Corpus(texts=("ü",))), 0)
    assert broken.fill("h", 0, "", 0).endswith(b'content-length: 4\r\n\r\n{"\xc3\xbc')
    assert b"content-length" not in Template(RequestKind("g", "/", method="GET"), 0).fill("h", 0, "", 0)
    assert b"content-length: 0\r\n" in Template(RequestKind("p", "/"), 0).fill("h", 0, "", 0)


def test_a_random_text_is_another_one_for_each_request() -> None:
    kind = RequestKind("odd", "/{{random}}", method="GET", headers={"x-model": "{{random}}"})
    template = Template(kind, 0)
    one, again, other = (template.fill("h", 0, name, 0) for name in ("r1", "r1", "r2"))
    assert one == again != other
    assert nobodys("r1").encode() in one
    assert one.count(nobodys("r1").encode()) == 2


def test_given_headers_replace_the_driver_s_own() -> None:
    kind = RequestKind("k", "/", json={}, headers={"Content-Type": "text/x", "User-Agent": "me"})
    head = Template(kind, 0).fill("h", 0, "", 0).lower()
    assert head.count(b"content-type") == 1
    assert head.count(b"user-agent") == 1


def test_a_template_knows_whether_it_names_the_request() -> None:
    assert Template(KIND, 0).names_request
    assert not Template(RequestKind("k", "/"), 0).names_request


def test_prompts_are_seeded_and_repeat_only_when_asked() -> None:
    free = Corpus()
    assert [prompt(free, 1, n) for n in range(50)] == [prompt(free, 1, n) for n in range(50)]
    assert len({prompt(free, 1, n) for n in range(2000)}) == 2000
    assert prompt(free, 1, 0) != prompt(free, 2, 0)
    assert {prompt(Corpus(size=1), 1, n) for n in range(9)} == {prompt(Corpus(size=1), 1, 0)}
    assert {len(prompt(Corpus(words=(3, 5)), 1, n).split()) - 2 for n in range(200)} == {3, 4, 5}


def test_request_ids_are_repeatable_and_unique_to_run_cell_and_number() -> None:
    ids = {request_id(run, cell, seq) for run in "ab" for cell in "ab" for seq in range(500)}
    assert len(ids) == 2000
    assert all(len(text) == 36 and text[14] == "4" and text[19] == "8" for text in ids)
    assert request_id("a", "a", 1) == request_id("a", "a", 1)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"path": "nowhere"}, "is not a path"),
        ({"path": "/a b"}, "is not a path"),
        ({"method": "GE T"}, "not an HTTP method"),
        ({"streaming": "smoke"}, "no such streaming mode"),
        ({"json": {}, "text": ""}, "not both"),
        ({"expect_status": []}, "expect_status is empty"),
        ({"timeout_s": 0}, "above 0"),
        ({"abort_after_s": -1}, "above 0"),
        ({"headers": {"a b": "c"}}, "not a header name"),
        ({"headers": {"Host": "c"}}, "written by the driver"),
        ({"headers": {"a": "b\r\nc: d"}}, "not printable ASCII"),
        ({"headers": {"a": "{{prompt}}"}}, "cannot hold a prompt"),
        ({"colour": 1}, "no such field: colour"),
        ({"read": {"request_id": "id"}}, "not a place in an answer"),
        ({"read": {"name": "/id"}}, "no such field: name"),
        ({"prompts": {"size": -1}}, "give no prompts"),
        ({"prompts": {"words": [5, 3]}}, "give no prompts"),
    ],
)
def test_an_unsendable_kind_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        RequestKind.from_json({"name": "k", "path": "/", **fields})


def test_a_missing_field_is_named() -> None:
    with pytest.raises(ConfigError, match="path"):
        RequestKind.from_json({"name": "k"})


def test_a_plan_goes_through_its_file_unchanged(tmp_path: Path) -> None:
    written = plan(run_id="r", ceilings=(Ceiling("h", 3, 2.5),), clock_offset_s=1.5)
    write_plan(written, tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == written


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": [{"name": "c"}]}', '{"cells": 3}', '{"x": 1}'])
def test_a_bad_plan_file_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"plan\.json"):
        read_plan(path)


def test_a_missing_plan_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none"):
        read_plan(tmp_path / "none.json")


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1", "127.0.0.1:80", "http://", "http://h:0", "http://h:99999", "http://h/p", "http://u@h"],
)
def test_an_address_that_cannot_be_driven_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="not an address that can be driven"):
        Instance("i", url)


def test_an_address_is_taken_apart() -> None:
    six, plain = Instance("i", "http://[::1]:8080/", ports={"admin": 9}), Instance("j", "http://localhost")
    assert (six.host, six.port(), six.authority()) == ("::1", 8080, "[::1]:8080")
    assert (six.port("admin"), six.authority("admin")) == (9, "[::1]:9")
    assert (plain.host, plain.port(), plain.authority()) == ("localhost", 80, "localhost")


def test_each_port_says_how_it_is_entered(tmp_path: Path) -> None:
    known = Tls(authority="/ca.pem")
    instance = Instance("i", "http://[::1]:8080", ports={"app": 8080, "admin": 9}, tls={"app": known})
    assert (instance.entered("app"), instance.entered("admin"), instance.entered()) == (known, None, None)
    bare = Instance("j", "https://localhost")
    assert (bare.port(), bare.entered()) == (443, Tls())
    path = tmp_path / "plan.json"
    kinds = (RequestKind("k", "/", port="app"),)
    written = DriverPlan((CellPlan("c", "ledger", (instance,), kinds),))
    write_plan(written, path)
    assert read_plan(path) == written


def test_impossible_cells_are_refused() -> None:
    instance = Instance("i", "http://127.0.0.1")
    for fields, problem in (
        ({"instances": ()}, "no instance"),
        ({"instances": (Instance("i", "http://127.0.0.1", 0.0),)}, "no instance"),
        ({"instances": (instance, instance)}, "more than once: i"),
        ({"kinds": (KIND, KIND)}, "more than once: k"),
        ({"speed": 0.0}, "above 0"),
        ({"max_in_flight": 0}, "above 0"),
    ):
        with pytest.raises(ConfigError, match=problem):
            CellPlan(**{"name": "c", "ledger": "l", "instances": (instance,), "kinds": (KIND,), **fields})
    with pytest.raises(ConfigError, match="weight must be 0 or more"):
        Instance("i", "http://h", -1)
    with pytest.raises(ConfigError, match="no cell"):
        DriverPlan(())
    with pytest.raises(ConfigError, match="cell named more than once"):
        DriverPlan(plan().cells * 2)


@pytest.mark.parametrize("addresses", [["192.0.2.1"], ["127.0.0.1", "192.0.2.1"], ["::ffff:192.0.2.1"], ["0.0.0.0"]])
def test_only_loopback_is_dialled_unless_a_ceiling_names_the_host(addresses: list[str]) -> None:
    far = Instance("i", "http://staging:80")
    with pytest.raises(ConfigError, match="staging is not loopback"):
        resolved(plan(far), lambda _: addresses)
    allowed = plan(far, ceilings=(Ceiling("staging", 10, 10),))
    assert resolved(allowed, lambda _: addresses) == {"staging": addresses[0]}
    assert resolved(plan(), lambda _: ["127.0.0.1"]) == {"127.0.0.1": "127.0.0.1"}


def test_a_host_without_address_is_named() -> None:
    def unknown(host: str) -> list[str]:
        raise OSError("Name or service not known")

    with pytest.raises(ConfigError, match=r"'127\.0\.0\.1' has no address: Name"):
        resolved(plan(), unknown)


def test_an_allowance_bounds_requests_and_seconds() -> None:
    counted = Allowance([Ceiling("far", 2, 60)])
    assert [counted.admit("far", 0.0) for _ in range(3)] == [True, True, False]
    timed = Allowance([Ceiling("far", 9, 60)])
    assert [timed.admit("far", t) for t in (100.0, 160.0, 160.1)] == [True, True, False]
    assert all(counted.admit("127.0.0.1", 0.0) for _ in range(9))
    told = "far was sent 2 requests; its ceiling is 2 requests in 60 s: nothing more is sent there"
    assert [counted.reached("far") for _ in range(2)] == [told, None]
    load = steady("p", 1, 5, {"k": 1})
    assert timed.refusal(load, ["far"]) is None
    assert timed.refusal(load, ["127.0.0.1"]) is None
    assert "may send 8 requests to far, whose ceiling leaves 7" in (
        timed.refusal(steady("p", 1, 8, {"k": 1}), ["far"]) or ""
    )


def test_pointers_follow_the_standard() -> None:
    document = {"a": [{"b/c": 1}, {"~": 2}], "": 3}
    assert at_pointer(document, "/a/0/b~1c") == 1
    assert at_pointer(document, "/a/1/~0") == 2
    assert at_pointer(document, "/") == 3
    for nowhere in ("/a/2", "/a/x", "/a/0/b~1c/d", "/none"):
        assert at_pointer(document, nowhere) is None


def test_an_answer_is_read_where_its_kind_says() -> None:
    header = {"x-units": "12.5"}.get
    found = read_answer(KIND.read, header, [b'{"id": 7, "m": ["first"]}', b'{"m": ["last"]}'])
    assert (found.request_id, found.work_units, found.labels) == ("7", 12.5, {"model": "last"})
    empty = read_answer(KIND.read, {"x-units": "many"}.get, [b"not json"])
    assert (empty.request_id, empty.work_units, empty.labels) == (None, None, {})
    nothing = read_answer(ReadFrom(), header, [b"not looked at"])
    assert (nothing.request_id, nothing.work_units, nothing.labels) == (None, None, {})
    assert read_answer(ReadFrom(work_units="/w"), header, [b'{"w": true}']).work_units is None


def stream(**fields: Any) -> TokenStream:
    return TokenStream(RequestKind("s", "/", **{"streaming": "sse", **fields}))


def test_events_are_tokens_whatever_the_pieces_they_come_in() -> None:
    text = b'data: {"t": 1}\n\n: comment\r\nevent: x\r\ndata: {"t":\r\ndata: 2}\r\n\r\ndata: [DONE]\n\n'
    whole, single = stream(), stream()
    whole.feed(text, 1.0)
    for index in range(len(text)):
        single.feed(text[index : index + 1], float(index))
    assert whole.documents == single.documents == [b'{"t": 1}', b'{"t":\n2}']
    assert whole.token_times == [1.0, 1.0]
    assert single.token_times[0] == text.index(b"\n\n") + 1
    assert whole.gaps() == Gaps(1, 0.0, 0.0, 0.0, 0.0)


def test_tokens_are_chosen_by_event_name_or_by_what_they_hold() -> None:
    text = b'data: {"t": ""}\n\nevent: token\ndata: {"t": 0}\n\ndata: {"t": null}\n\ndata: junk\n\n'
    for chosen in (stream(token_event="token"), stream(token_at="/t")):
        chosen.feed(text, 5.0)
        assert chosen.token_times == [5.0]
        assert chosen.gaps() is None
        assert chosen.documents == [b'{"t": ""}', b"junk"]


def test_lines_are_tokens() -> None:
    lines = stream(streaming="lines", stream_end="end")
    for at, piece in enumerate([b"a\n", b"\n", b"b", b"c\nd\n", b"end\n"]):
        lines.feed(piece, float(at))
    assert lines.token_times == [0.0, 3.0, 3.0]
    assert lines.documents == [b"a", b"d"]
    assert lines.gaps() == Gaps(2, 1.5, 0.0, 3.0, 3.0)
