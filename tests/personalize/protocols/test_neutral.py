"""How the neutral moment is found, and what it costs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.adaptation.reference import minus_reference
from personalize.protocols.neutral import (
    first_seconds,
    label_zero,
    lowest_predicted,
    marked_rest,
    minus_neutral,
    overlapping,
)

N = 12
PERSON = np.repeat(["a", "b"], 6)
RECORDING = np.repeat(["a1", "a2", "b1", "b2"], 3)
T0 = np.tile(np.arange(3.0), 4)
T1 = T0 + 1.5  # neighbours overlap
USABLE = np.ones(N, bool)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 99), st.floats(0.5, 5.0))
def test_the_opening_is_that_of_the_reference_adaptation(seed, seconds):
    rng = np.random.default_rng(seed)
    x, usable = rng.normal(size=(N, 2)), rng.random(N) < 0.7
    neutral = first_seconds(RECORDING, T0, T1, usable, seconds)
    np.testing.assert_array_equal(minus_neutral(x, neutral), minus_reference(x, RECORDING, T0, T1, usable, seconds))
    assert neutral.marks() == ()
    assert not neutral.labels_used.any()


def test_units_that_share_time_with_the_reference_are_told():
    neutral = first_seconds(RECORDING, T0, T1, USABLE, 1.5)
    assert np.flatnonzero(neutral.reference).tolist() == [0, 3, 6, 9]
    assert np.flatnonzero(neutral.overlapping).tolist() == [0, 1, 3, 4, 6, 7, 9, 10]


SPANS = st.lists(st.tuples(st.integers(0, 15), st.integers(1, 5), st.booleans()), min_size=1, max_size=9)


@settings(deadline=None, max_examples=50)
@given(SPANS)
def test_overlap_equals_a_naive_loop(spans):
    t0, length, chosen = (np.array(column) for column in zip(*spans, strict=True))
    t0, t1 = t0.astype(float), (t0 + length).astype(float)
    found = overlapping(chosen, np.full(len(t0), "r"), t0, t1)
    naive = [any(chosen[j] and t0[j] < t1[i] and t0[i] < t1[j] for j in range(len(t0))) for i in range(len(t0))]
    assert found.tolist() == naive


def test_a_marked_rest_holds_whole_units_of_its_recording():
    neutral = marked_rest(RECORDING, T0, T1, USABLE, np.array(["a1", "b2"]), np.array([0.5, 0.0]), np.array([3.0, 2.5]))
    assert np.flatnonzero(neutral.reference).tolist() == [1, 9, 10]
    out = minus_neutral(np.arange(24.0).reshape(12, 2), neutral)
    assert np.isnan(out[3:9]).all()  # nobody said when these rested
    assert np.isfinite(out[[0, 1, 2, 9, 10, 11]]).all()
    assert neutral.marks() == ()


def test_the_lowest_predicted_is_transductive():
    predicted = np.array([3.0, 1, 2, np.nan, 5, 4, 0, 0, 0, 1, 2, 3])
    neutral = lowest_predicted(RECORDING, USABLE & (np.arange(N) != 9), predicted, 2)
    assert np.flatnonzero(neutral.reference).tolist() == [1, 2, 4, 5, 6, 7, 10, 11]
    assert neutral.marks() == ("transductive",)
    assert not neutral.overlapping.any()  # or the test would hang on the model


ZERO = np.array([0.0, 4, 0, 0, 5, 6, 1, 2, 3, 0, np.nan, 9])


@pytest.mark.parametrize(("offered", "oracle"), [("calibration", False), ("test", True), ("both", True)])
def test_zero_labels_count_and_those_of_the_test_are_an_oracle(offered, oracle):
    test = np.isin(RECORDING, ["a2", "b2"])
    masks = {"calibration": ~test, "test": test, "both": np.ones(N, bool)}
    neutral = label_zero(PERSON, RECORDING, T0, T1, USABLE, ZERO, masks[offered], test)
    assert neutral.oracle is oracle
    assert neutral.marks() == (("ORACLE",) if oracle else ())
    used = {"calibration": [3, 3], "test": [3, 2], "both": [6, 5]}[offered]
    assert neutral.labels_used.tolist() == [used[0]] * 6 + [used[1]] * 6
    assert (neutral.reference <= (masks[offered] & (np.nan_to_num(ZERO, nan=1.0) <= 0))).all()
    assert (neutral.overlapping & test).any() == oracle


def test_a_window_that_reaches_into_the_test_makes_an_oracle():
    test = T0 == 1.0
    neutral = label_zero(PERSON, RECORDING, T0, T1, USABLE, ZERO, T0 == 0.0, test)
    assert neutral.oracle
    apart = label_zero(PERSON, RECORDING, T0, T0 + 1.0, USABLE, ZERO, T0 == 0.0, test)
    assert not apart.oracle


def test_the_reference_by_label_is_the_persons():
    neutral = label_zero(PERSON, RECORDING, T0, T1, USABLE, ZERO, RECORDING == "a1", np.zeros(N, bool))
    x = np.arange(12.0)[:, None]
    out = minus_neutral(x, neutral)
    np.testing.assert_array_equal(out[:6], x[:6] - 1.0)  # the mean of units 0 and 2, for both recordings
    assert np.isnan(out[6:]).all()  # b has no zero
