"""One exchange: what is sent, what an error says, and that nothing is retried or kept secret badly."""

from __future__ import annotations

import os
from typing import Any

import pytest

from harness.core.errors import HarnessError
from harness.run.clients import http as module
from harness.run.clients.http import Http, HttpFault, basic_auth, bearer_auth


def test_prefix_params_and_headers_reach_the_server(server: Any) -> None:
    server.answer("GET", "/prom/api", {"a": 1})
    http = Http(server.url + "/prom/", headers={"x-scope": "team", **bearer_auth("t0k")})
    assert http.get_json("/api", {"match[]": ["a b", "c"], "t": 1.5}) == {"a": 1}
    asked = server.asked[0]
    assert asked.path == "/prom/api?match%5B%5D=a+b&match%5B%5D=c&t=1.5"
    assert asked.headers["x-scope"] == "team"
    assert asked.headers["authorization"] == "Bearer t0k"


def test_credentials_in_the_address_become_a_header_and_stay_out_of_errors(server: Any) -> None:
    server.answer("GET", "/x", b"no", status=401)
    with pytest.raises(HttpFault) as caught:
        Http(server.url.replace("//", "//amy:s3cret@")).get("/x")
    assert server.asked[0].headers["authorization"] == basic_auth("amy", "s3cret")["authorization"]
    assert "s3cret" not in str(caught.value)
    assert "amy" not in str(caught.value)


def test_connections_are_kept_alive(server: Any) -> None:
    server.answer("GET", "/x", b"{}")
    http = Http(server.url)
    for _ in range(5):
        http.get_json("/x")
    assert server.connections == 1


def test_a_fault_names_method_address_status_and_the_body_cut_short(server: Any) -> None:
    server.answer("POST", "/x", b"y" * 5000, status=503)
    with pytest.raises(HttpFault) as caught:
        Http(server.url).post_json("/x", {"a": 1})
    fault = caught.value
    assert (fault.method, fault.status, fault.answered, len(fault.excerpt)) == ("POST", 503, True, 300)
    assert str(fault).startswith(f"POST {server.url}/x: answered 503: yyy")
    assert len(server.asked) == 1, "a failed exchange was retried"


def test_a_redirect_is_an_answer_and_is_not_followed(server: Any) -> None:
    server.answer("GET", "/x", status=302, location="/y")
    assert Http(server.url).send("GET", "/x").status == 302
    assert [asked.path for asked in server.asked] == ["/x"]


def test_nobody_listens_is_told_with_the_errno() -> None:
    with pytest.raises(HttpFault, match=r"GET http://127.0.0.1:1/x: no answer: .*Connection refused") as caught:
        Http("http://127.0.0.1:1").get("/x")
    assert caught.value.status == 0
    assert not caught.value.answered


def test_silence_ends_at_the_bound(server: Any) -> None:
    with pytest.raises(HttpFault, match="not answered within the bound"):
        Http(server.url, timeout_s=0.05).get("/silent")
    with pytest.raises(HttpFault, match="not answered within the bound"):
        Http(server.url).send("GET", "/silent", timeout_s=0.05)


def test_an_unroutable_address_ends_at_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr("socket.socket.connect", refuse)
    with pytest.raises(HttpFault, match="not connected within the bound"):
        Http("http://127.0.0.1:1", timeout_s=0.05).get("/x")


def test_a_body_that_is_not_json_is_a_fault_with_status_and_excerpt(server: Any) -> None:
    server.answer("GET", "/x", b"<html>")
    with pytest.raises(HttpFault, match=r"answered 200: the body is not JSON .*<html>"):
        Http(server.url).get_json("/x")


def test_a_body_that_is_not_text_is_still_shown(server: Any) -> None:
    server.answer("GET", "/x", b"\xff\x00", content_type="text/plain")
    answer = Http(server.url).send("GET", "/x")
    assert (answer.text, answer.content_type, answer.duration_s > 0) == ("\ufffd\x00", "text/plain", True)


def test_an_empty_answer_to_a_command_is_none(server: Any) -> None:
    server.answer("DELETE", "/x", status=204)
    assert Http(server.url).post_json("/x", method="DELETE") is None
    assert server.asked[0].body == b""


@pytest.mark.parametrize("base", ["127.0.0.1:9090", "ftp://host", "http://"])
def test_an_address_that_is_none_is_refused_with_a_remedy(base: str) -> None:
    with pytest.raises(HarnessError, match="remedy: write it as"):
        Http(base)


def test_a_forked_child_starts_with_connections_of_its_own() -> None:
    before = module._shared_pool()
    read_end, write_end = os.pipe()
    if (pid := os.fork()) == 0:
        os.write(write_end, b"new" if module._shared_pool() is not before else b"old")
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read_end, 3) == b"new"
    assert module._shared_pool() is before
    os.close(read_end)
    os.close(write_end)


def test_an_address_is_split_into_its_server_and_what_to_ask_it_for(server: Any) -> None:
    server.answer("GET", "/a/b", b"{}")
    server.answer("GET", "/", b"{}")
    for url, path in ((server.url + "/a/b?c=d#e", "/a/b?c=d"), (server.url, "/")):
        http, asked = module.server_of(url, 0.5)
        assert http.send("GET", asked).ok
        assert (server.asked[-1].path, http.timeout_s) == (path, 0.5)


def test_a_redirect_is_an_answer_unless_it_is_to_be_followed(server: Any) -> None:
    server.answer("GET", "/metrics", b"", status=302, location="/internal/metrics")
    server.answer("GET", "/internal/metrics", b"up 1")
    assert Http(server.url).send("GET", "/metrics").status == 302
    followed = Http(server.url, follow=True).send("GET", "/metrics", headers=bearer_auth("t0k"))
    assert (followed.status, followed.text) == (200, "up 1")
    assert server.asked[-1].headers["authorization"] == "Bearer t0k"


def test_another_host_is_not_told_the_credentials(server: Any) -> None:
    server.answer("GET", "/metrics", b"", status=302, location=server.url.replace("127.0.0.1", "localhost") + "/other")
    server.answer("GET", "/other", b"")
    assert Http(server.url, follow=True).send("GET", "/metrics", headers=bearer_auth("t0k")).ok
    assert "authorization" not in {name.lower() for name in server.asked[-1].headers}


def test_a_circle_of_redirects_and_a_dead_server_are_faults(server: Any) -> None:
    server.answer("GET", "/metrics", b"", status=302, location="/metrics")
    with pytest.raises(HttpFault, match="too many redirects"):
        Http(server.url, follow=True).get("/metrics")
    assert len(server.asked) == 11
    with pytest.raises(HttpFault, match=r"no answer: .*refused"):
        Http("http://127.0.0.1:9", follow=True).get("/metrics")
