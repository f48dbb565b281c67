"""What of a command is a secret: told by names, by forms, and by letters that nobody made up."""

from __future__ import annotations

import random
import shlex
import string

import pytest

from harness.core.errors import ConfigError
from harness.sketch.secrets import Doubt, doubt_of, judge_words
from harness.sketch.starting import starter_of


def doubts(command: str) -> list[tuple[str, Doubt]]:
    return [(judged.shown, judged.doubt) for judged in judge_words(shlex.split(command))]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("--token=abc", "--token=…"),
        ("--token abc", "--token …"),
        ("--auth ann:s3cret", "--auth …"),
        ("--web.basic-auth=ann:s3cret", "--web.basic-auth=…"),
        ("-u ann:s3cret", "-u …"),
        ("--user ann:s3cret -p 80", "--user …"),
        ("--db postgres://ann:pw@db/x", "--db …"),
        ("--db=postgres://ann:pw@db/x", "--db=…"),
        ("redis://:pw@cache:6379", ""),
        ("--foo ghp_0123456789abcdef", "--foo …"),
        ("--foo=xoxb-12-abc", "--foo=…"),
        ("-H 'Authorization: Bearer abcdef123'", "-H …"),
        ("--foo=9f86d081884c7d659a2feaa0c55ad015", "--foo=…"),
        ("--foo kY3vT9qLw2ZxB7nM4rPc", "--foo …"),
        ("-c 'exec ./service --auth ann:s3cret -p 80'", "--auth …"),
        ("-c 'TOKEN=abc ./service'", "TOKEN=…"),
        ("-Dspring.datasource.password=abc", "-Dspring.datasource.password=…"),
    ],
)
def test_it_is_one(words: str, shown: str) -> None:
    assert doubts(words) == [(shown, Doubt.SURE)]


@pytest.mark.parametrize(
    "words",
    [
        "--foo ann:s3cret",
        "--foo=redis:latest",
        "--id 3f2b8c1e-77aa-4f6d-9b0a-5c6d7e8f9a0b",
        "--foo a8f5f167f44f",
    ],
)
def test_it_may_be_one(words: str) -> None:
    assert [doubt for _, doubt in doubts(words)] == [Doubt.PERHAPS]


@pytest.mark.parametrize(
    "words",
    [
        "--port=80",
        "--listen 127.0.0.1:8080",
        "--listen=:8080",
        "--user 1000:1000",
        "--IdentityProvider.token=",
        "--bearer-token-file=/run/token",
        "--tls-private-key-file=/run/key.pem",
        "--auth oidc",
        "--upstream http://host:80/path",
        "--token $SERVICE_TOKEN",
        "--token=${SERVICE_TOKEN}",
        "-c 'exec ./service --auth $SERVICE_AUTH -p 80'",
        "--name MyServiceConfiguration2024Production",
        "--name orders-service-v2-eu-west-1-production-blue",
        "--config /nix/store/0c9v8s7d6f5g4h3j2k1l0q9w8e7r6t5y-config/service.yaml",
        "--storage file:///var/lib/9f86d081884c7d659a2feaa0c55ad015",
        "--flag 'it''s \"unbalanced'",
        "-verbose",
    ],
)
def test_it_is_none(words: str) -> None:
    assert doubts(words) == []


def test_random_tokens_are_known_by_their_letters_alone() -> None:
    """Of those made at random hardly any passes for a word."""
    dice = random.Random(7)
    alphabets = (string.hexdigits[:16], string.ascii_lowercase + string.digits, string.ascii_letters + string.digits)
    for alphabet in alphabets:
        made = ["".join(dice.choices(alphabet, k=32)) for _ in range(1000)]
        assert sum(doubt_of("--foo", text) is Doubt.SURE for text in made) > 950


def test_a_sure_one_is_refused_among_arguments_and_told_how_to_hand_it_over() -> None:
    with pytest.raises(ConfigError) as caught:
        starter_of("./service --auth ann:s3cret -p 80")
    assert "(--auth …) looks like a secret" in caught.value.problem
    assert "s3cret" not in str(caught.value)
    starter = starter_of("SERVICE_AUTH=ann:s3cret sh -c 'exec ./service --auth $SERVICE_AUTH -p 80'")
    assert starter.secrets == {"SERVICE_AUTH"}
    assert "s3cret" not in starter.written({80: "app"}, "")
    assert starter.doubts == ()


def test_variables_are_told_by_their_values_too() -> None:
    starter = starter_of(
        "A=http://ann:pw@host/ B=kY3vT9qLw2ZxB7nM4rPc C_TOKEN=x C_TOKEN_FILE=/run/x D=ann:pw EMPTY_TOKEN= ./service 80"
    )
    assert starter.secrets == {"A", "B", "C_TOKEN"}
    assert starter.doubts == ("D=…",)


def test_what_may_be_one_is_written_and_told() -> None:
    starter = starter_of("./service --foo ann:s3cret a:b 80")
    assert starter.doubts == ("--foo …", "an argument")
    assert "ann:s3cret" in starter.written({80: "app"}, "")
