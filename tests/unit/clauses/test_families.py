"""Families are those that the library reads, whatever the text, and however often its shape was read before."""

from __future__ import annotations

import random

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.clauses.families import read_families

_LINES = (
    "# HELP a_total what a counts\n",
    "# TYPE a_total counter\n",
    'a_total{path="/x",note="a \\"quoted\\" {brace} # sign"} 3\n',
    'a_total{path="/y", note=""} 4 1700000000123\n',
    "# HELP b what b is\n# TYPE b gauge\n",
    "# TYPE b gauge\n# HELP b told later\n",
    "b 1e3\nb{} 2\n",
    "b\t7\n",
    "  b 8\n",
    "# TYPE h histogram\n",
    'h_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 0.5\nh_count 2\n',
    "# TYPE s summary\n",
    's{quantile="0.5"} NaN\ns_sum +Inf\ns_count 0\n',
    'lonely{of="nobody"} -1.5\n',
    '{"dotted.name",x="y"} 1\n',
    '# TYPE "dotted.name" gauge\n',
    "# a remark\n",
    "\n",
    "windows 1\r\n",
    'c 1 # {trace_id="x"} 0.5\n',
    "# TYPE c counter\nc 1\n",
    "# EOF\n",
)
_WRONG = ("b 1_000\n", "b\n", 'b{x="y} 1\n', "b{x=y} 1\n", "# TYPE b\n", "<html>\n", "b one\n", 'b{__name__="c"} 1\n')


def _told(text: str, *, by_library: bool = False) -> object:
    read = text_string_to_metric_families if by_library else read_families
    try:
        return [(item.name, item.documentation, item.type, item.unit, repr(item.samples)) for item in read(text)]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        return type(error), str(error)


@pytest.mark.parametrize("seed", range(40))
def test_any_order_of_lines_is_read_as_the_library_reads_it(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(25):
        text = "".join(chance.choices(_LINES, k=chance.randint(1, 12)))
        assert _told(text) == _told(text, by_library=True), text


@pytest.mark.parametrize("wrong", _WRONG)
def test_what_the_library_refuses_is_refused_with_its_words(wrong: str) -> None:
    for before in ("", *_LINES):
        text = before + wrong
        assert _told(text) == _told(text, by_library=True), text


def test_values_are_those_of_the_text_though_its_shape_was_read_before() -> None:
    text = '# TYPE a gauge\na{{x="1"}} {}\na{{x="2"}} {} {}\n'
    list(read_families(text.format(1, 2, 3000)))
    (family,) = read_families(text.format(0.25, "-Inf", 5000))
    assert [(sample.value, sample.timestamp) for sample in family.samples] == [(0.25, None), (float("-inf"), 5.0)]


def test_two_families_of_one_shape_share_no_list() -> None:
    first, second = (next(iter(read_families("# TYPE a gauge\na 1\n"))) for _ in range(2))
    first.samples.clear()
    assert len(second.samples) == 1
