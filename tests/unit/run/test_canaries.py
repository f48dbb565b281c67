"""Made-up secrets: another one every run, planted wherever a request kind names them."""

from harness.run.canaries import canaries_of, planted


def test_a_canary_is_another_one_every_run_and_repeatable() -> None:
    one, again, other = canaries_of("r1", ["a", "b"]), canaries_of("r1", ["a"]), canaries_of("r2", ["a"])
    assert one["a"] == again["a"] != other["a"]
    assert one["a"] != one["b"]
    assert one["a"].isalnum()


def test_canaries_are_planted_in_every_text() -> None:
    body = {"a": ["{{canary.key}}", 1, {"b": "x {{canary.key}} {{prompt}}"}], "c": None}
    assert planted(body, {"key": "K"}) == {"a": ["K", 1, {"b": "x K {{prompt}}"}], "c": None}
