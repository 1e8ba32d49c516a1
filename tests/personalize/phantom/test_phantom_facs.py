"""Coding and PSPI against rows made by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.phantom.face.facs import AU, AUS, LONGEST_BLINK, facs, lid_events, pspi
from personalize.phantom.face.parameters import INDEX, MAXIMUM, MUSCLES, UNITS


def codes(**units: float) -> list[float]:
    return [units.get(name, 0.0) for name in AUS]


def muscles(**values: float) -> np.ndarray:
    return np.array([[values.get(name, 0.0) for name in MUSCLES]])


def code(**values: float) -> dict[str, float]:
    return dict(zip(AUS, facs(muscles(**values))[0], strict=True))


def test_pspi_of_hand_made_rows():
    rows = [
        (codes(), 0),
        (codes(AU04=5, AU06=5, AU07=5, AU09=5, AU10=5, AU43=1), 16),
        (codes(AU04=2, AU06=1, AU07=3, AU10=1), 6),
        (codes(AU06=3, AU12=5), 3),
        (codes(AU01=5, AU02=5, AU05=5, AU12=5, AU20=5, AU25=5, AU26=5, AU27=5, AU45=1), 0),
        (codes(AU43=1), 1),
        (codes(AU04=1, AU06=2, AU07=2, AU09=4, AU10=3, AU43=1), 8),
    ]
    np.testing.assert_array_equal(pspi(np.array([row for row, _ in rows])), [score for _, score in rows])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=len(MUSCLES), max_size=len(MUSCLES)))
def test_codes_and_pspi_stay_in_range_and_pspi_ignores_other_units(shares):
    row = facs(np.array([shares]) * MAXIMUM.astype(float))
    top = np.array([1.0 if name in ("AU43", "AU45") else 5.0 for name in AUS])
    assert (row >= 0).all() and (row <= top + 1e-6).all()
    other = row.copy()
    for name in set(AUS) - {"AU04", "AU06", "AU07", "AU09", "AU10", "AU43"}:
        other[0, AU[name]] = 0
    assert 0 <= pspi(row)[0] == pspi(other)[0] <= 16


def test_units_are_muscles():
    row = muscles(**{name: i / 4 for i, name in enumerate(UNITS)})
    np.testing.assert_array_equal(facs(row)[0, : len(UNITS)], row[0, : len(UNITS)])


@pytest.mark.parametrize(
    ("opening", "seen"),
    [(0, []), (0.02, []), (0.10, ["AU25"]), (0.4, ["AU25", "AU26"]), (0.8, ["AU25", "AU27"]), (1, ["AU25", "AU27"])],
)
def test_one_opening_of_the_mouth_gives_25_26_or_27(opening, seen):
    row = code(mouth=opening)
    assert [name for name in ("AU25", "AU26", "AU27") if row[name] > 0] == seen


def test_intensities_of_an_opening_mouth_only_rise_until_the_next_unit_takes_over():
    rows = facs(np.repeat(muscles(), 101, 0) + np.linspace(0, 1, 101)[:, None] * muscles(mouth=1))
    for name in ("AU25", "AU27"):
        assert (np.diff(rows[:, AU[name]]) >= 0).all()
    drop = rows[:, AU["AU26"]]
    assert (drop[rows[:, AU["AU27"]] > 0] == 0).all()
    assert (np.diff(drop[rows[:, AU["AU27"]] == 0]) >= 0).all()


def test_a_strongly_raised_upper_lip_parts_the_lips():
    assert code(AU10=5)["AU25"] > 0
    assert code(AU10=1)["AU25"] == 0
    assert code(AU10=5)["AU26"] == 0


def test_lids_in_stills():
    assert code(lids=0.9)["AU43"] == 1
    assert code(lids=0.5)["AU43"] == 0


@pytest.mark.parametrize("fps", [10, 25])
def test_short_closures_are_blinks_and_long_ones_closed_eyes(fps):
    blink, rest = round(LONGEST_BLINK * fps), 2 * fps
    closure = np.concatenate([np.zeros(rest), np.ones(blink), np.zeros(rest), np.ones(blink + 1), np.full(rest, 0.5)])
    shut, blinked = lid_events(closure, fps)
    starts = np.cumsum([rest, blink, rest])
    expected_blink, expected_shut = np.zeros((2, len(closure)))
    expected_blink[starts[0] : starts[1]] = 1
    expected_shut[starts[2] : starts[2] + blink + 1] = 1
    np.testing.assert_array_equal(blinked, expected_blink)
    np.testing.assert_array_equal(shut, expected_shut)


def test_a_closure_at_the_edges_of_a_film_counts():
    assert lid_events(np.ones(20), 10)[0].all()
    assert lid_events(np.ones(3), 10)[1].all()


def test_lid_muscle_alone_is_what_43_reads():
    rows = np.repeat(muscles(), 30, 0)
    rows[5:8, INDEX["lids"]] = 1
    found = facs(rows, 10)
    assert found[5:8, AU["AU45"]].all() and not found[:, AU["AU43"]].any()
