"""Numbers of the report know where they stand, and no other number can be printed."""

import json
import re

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.report.numbers import decimals, final, interval_text, plain, pointed, written
from tests.pipelines.report.report_pages import at_pointer

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


def leaves(value):
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from leaves(each)
    elif hasattr(value, "at"):
        yield value


@given(JSON)
def test_pointers_lead_back_whatever_the_keys(value):
    value = json.loads(json.dumps(value))
    found = pointed(value)
    assert found == value
    for number in leaves(found):
        assert at_pointer(value, number.at) == number


@given(st.floats(-1e6, 1e6))
def test_element_holds_the_whole_value_and_the_rounded_one(value):
    text = str(written(pointed({"a/b": [value]})["a/b"][0]))
    match = re.fullmatch(r'<data value="([^"]+)" data-at="/a~1b/0" data-format=".2f">(.+)</data>', text)
    assert match
    assert float(match[1]) == value
    assert float(match[2].replace("−", "-")) == pytest.approx(value, abs=0.005000001)


@pytest.mark.parametrize("value", [1, 2.5, None, jinja2.Undefined(name="x")])
def test_other_numbers_and_nothing_cannot_be_printed(value):
    with pytest.raises(TypeError):
        final(value)


def test_text_and_truth_values_can():
    assert [final(value) for value in ("a", True)] == ["a", True]


@given(st.floats(1e-6, 1e5))
def test_decimals_show_two_digits_of_the_width(width):
    digits = decimals(0.0, width)
    assert 0 <= digits <= 3
    if 0.01 <= width < 100:
        assert float(format(width, f".{digits}f")) == pytest.approx(width, rel=0.06)


def test_interval_as_text():
    assert interval_text({"value": -0.1, "low": -0.25, "high": 0.05}) == "−0.10 [−0.25, 0.05]"
    assert interval_text({"difference": 0.1, "low": 0.0, "high": 0.25}, "difference", True) == "+0.10 [+0.00, +0.25]"
    assert interval_text({"value": None, "low": None, "high": None}) == "undefined"
    assert plain(0.999, ".0%") == "100%"
