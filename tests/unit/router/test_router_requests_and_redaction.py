"""What a client may say, and what of it may be written down."""

import orjson
import pytest

from reference_router.errors import BadRequest, InternalError, RouterError, as_failure, known_errors
from reference_router.log_fields import error_fields
from reference_router.redact import bounded, loggable_headers, loggable_query, request_id_from
from reference_router.requests import parse_request

MODELS = {"ember-7b": object()}


def test_defaults_are_filled_in() -> None:
    request = parse_request(b'{"prompt":"hi"}', MODELS)
    assert request.loggable_options == {
        "model": {"name": "any"},
        "strategy": "balanced",
        "max_tokens": 64,
        "stream": False,
        "cache": True,
        "seed": 0,
    }


def test_options_are_taken_over() -> None:
    options = {"model": "ember-7b", "strategy": "random", "max_tokens": 5, "stream": True, "cache": False, "seed": 3}
    request = parse_request(orjson.dumps({"prompt": "hi", "options": options}), MODELS)
    assert request.loggable_options == options | {"model": {"name": "ember-7b"}}
    assert request.cache_key == ("ember-7b", "random", 5, 3, "hi")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b'{"prompt":"\xff"}',
        b'{"prompt":1}',
        b'{"prompt":"  "}',
        b'{"options":{}}',
        b'{"prompt":"hi","extra":1}',
        b'{"prompt":"hi","options":[]}',
        b'{"prompt":"hi","options":{"temperature":1}}',
        b'{"prompt":"hi","options":{"model":"other"}}',
        b'{"prompt":"hi","options":{"model":["ember-7b"]}}',
        b'{"prompt":"hi","options":{"strategy":"best"}}',
        b'{"prompt":"hi","options":{"strategy":{}}}',
        b'{"prompt":"hi","options":{"max_tokens":0}}',
        b'{"prompt":"hi","options":{"max_tokens":4097}}',
        b'{"prompt":"hi","options":{"max_tokens":true}}',
        b'{"prompt":"hi","options":{"max_tokens":1.5}}',
        b'{"prompt":"hi","options":{"seed":-1}}',
        b'{"prompt":"hi","options":{"stream":1}}',
        b'{"prompt":"hi","options":{"cache":null}}',
    ],
)
def test_bad_input_is_refused_without_being_repeated(body: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_request(body, MODELS)
    assert "other" not in str(caught.value).replace("keys other than", "")
    assert "temperature" not in str(caught.value)


def test_only_known_headers_are_logged_and_secrets_by_name_alone() -> None:
    headers = [
        (b"host", b"router"),
        (b"authorization", b"Bearer secret"),
        (b"cookie", b"session=secret"),
        (b"x-anything", b"secret"),
        (b"user-agent", b"a" * 1000),
    ]
    logged = loggable_headers(headers)
    assert "secret" not in str(logged)
    assert logged["authorization"] == logged["cookie"] == "[redacted]"
    assert logged["host"] == "router"
    assert "x-anything" not in logged
    assert len(logged["user-agent"]) == 256


def test_query_strings_are_never_logged() -> None:
    assert loggable_query(b"token=secret") == "[redacted]"
    assert loggable_query(b"") == ""


def test_long_texts_are_cut() -> None:
    assert bounded("a" * 256) == "a" * 256
    assert len(bounded("a" * 257)) == 256


@pytest.mark.parametrize("sane", ["a", "3f2b-1", "A.b_c:d-9", "x" * 128])
def test_a_sane_request_id_is_kept(sane: str) -> None:
    assert request_id_from([(b"x-request-id", sane.encode())]) == sane


@pytest.mark.parametrize("bad", [b"", b"x" * 129, b"a b", b"a\nb", b"-a", b"\xe9", b'"}'])
def test_any_other_request_id_is_replaced(bad: bytes) -> None:
    made = request_id_from([(b"x-request-id", bad)])
    assert made.encode() != bad
    assert len(made) == 32
    assert request_id_from([]) != request_id_from([])


def test_an_unexpected_error_does_not_quote_what_it_saw() -> None:
    prompt = "my" + "secret"
    try:
        raise KeyError(prompt)
    except KeyError as error:
        failure = as_failure(error)
        fields = error_fields(error)
    assert isinstance(failure, InternalError)
    assert prompt not in str(fields)
    assert prompt not in str(error_fields(failure))
    assert "test_an_unexpected_error" in error_fields(failure)["stack"]
    assert (fields["name"], fields["code"], fields["message"]) == ("KeyError", "INTERNAL", "unexpected KeyError")


def test_every_failure_has_its_own_code_and_labels() -> None:
    kinds = known_errors()
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert len({(kind.type, kind.component) for kind in kinds}) == len(kinds)
    assert {kind.severity for kind in kinds} <= {"warning", "error", "critical"}
    assert all(issubclass(kind, RouterError) for kind in kinds)
