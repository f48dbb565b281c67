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


BY_SEVERITY = {"severity=critical": ("pager",), "severity=warning": ("chat",)}


@pytest.mark.parametrize(
    ("facts", "told", "question"),
    [
        ({}, "on-call", ""),
        ({"times": {"on-call": "not during weekends"}}, "on-call (not during weekends)", ""),
        (
            {"receivers": ("chat",), "ways": BY_SEVERITY, "promised": "chat"},
            "chat; with severity=critical: pager; with severity=warning: chat",
            "",
        ),
        (
            {"receivers": ("chat",), "ways": BY_SEVERITY, "promised": "pager"},
            "chat; with severity=critical: pager; with severity=warning: chat",
            "it depends on a label that is a template",
        ),
        (
            {"ways": BY_SEVERITY, "promised": "pager", "is_rendered": False},
            "with severity=critical: pager; with severity=warning: chat",
            "it depends on a label that is a template",
        ),
    ],
)
def test_who_is_told_may_depend_on_a_template(facts: dict, told: str, question: str) -> None:
    found = routed(**{"amtool": facts.get("receivers", ("on-call",)), **facts})
    assert (found.told, found.open_question, found.route_problem) == (told, question, "")


def test_no_value_of_a_template_leads_to_whom_the_contract_means() -> None:
    found = routed(ways=BY_SEVERITY, promised="mail")
    assert (found.open_question, found.route_problem) == ("", "the contract says mail")
