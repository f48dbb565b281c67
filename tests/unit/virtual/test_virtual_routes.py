"""What is wrong with the way of an alert's pages, told from what amtool and the contract say."""

from __future__ import annotations

import pytest

from harness.virtual.routes import Routed


def routed(**facts: object) -> Routed:
    usual: dict = {
        "alert": "A", "labels": {"alertname": "A"}, "receivers": ("on-call",), "kinds": (), "group_labels": {},
        "inhibited_by": (), "amtool": ("on-call",), "promised": None,
    }  # fmt: skip
    return Routed(**{**usual, **facts})


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({}, ""),
        ({"amtool": ()}, "amtool routes it to nobody"),
        ({"promised": "chat"}, "the contract says chat"),
        ({"promised": "on-call", "listeners": ("chat",)}, "the contract says on-call, chat"),
        (
            {"promised": "on-call", "listeners": ("chat",), "receivers": ("chat", "on-call")}
            | {"amtool": ("chat", "on-call")},
            "",
        ),
        ({"inhibited_by": ("B",)}, ""),
        ({"inhibited_by": ("B",), "yields_to": ()}, "the contract does not let it yield to B"),
        ({"inhibited_by": ("B[page]", "A[page]"), "yields_to": ("B",)}, ""),
        ({"inhibited_by": ("B",), "yields_to": ("B",), "strangers": ("B of another service",)},
         "it is silenced by B of another service as well"),
        ({"yields_to": ("B", "C"), "inhibited_by": ("C",)}, "the contract says that it yields to B"),
    ],
)  # fmt: skip
def test_each_disagreement_is_named(facts: dict, problem: str) -> None:
    assert routed(**facts).problem == problem
