"""Label schemes against their definitions, and what they make of a cohort."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.cohorts.cohort import Cohort
from personalize.cohorts.features import embedded_features
from personalize.cohorts.joining import join
from personalize.cohorts.labels import overlap_majority
from personalize.cohorts.layout import read_cohort
from personalize.cohorts.schemes import MARKS, SCHEMES, LabelScheme, periods, pspi_above, with_periods
from pretrain.errors import UserError
from tests.personalize.cohorts.cohort_worlds import linear_world, write_events

DEFINED = {
    "pspi_bin": lambda v: int(v > 0),
    "pspi4_bargshady": lambda v: 0 if v == 0 else 1 if v == 1 else 2 if v in (2, 3) else 3,
    "self_report3": lambda v: 0 if v == 0 else 1 if 1 <= v <= 6 else 2,
    "self_report3_low": lambda v: 0 if v == 0 else 1 if 1 <= v <= 4 else 2,
    "period_ordinal": lambda v: v - 1,
}


def of_single(scheme: LabelScheme, values) -> list[float]:
    """Levels of rows that lie in one rating each."""
    return scheme(np.eye(len(values)), np.array(values, float)).target.tolist()


@pytest.mark.parametrize("name", SCHEMES)
def test_levels_are_those_of_the_definition(name):
    scheme, rule = SCHEMES[name], DEFINED[name]
    values = range(1, 5) if name == "period_ordinal" else range(17 if scheme.scale == "pspi" else 11)
    assert of_single(scheme, values) == [rule(v) for v in values]
    assert len(scheme.classes) == len(scheme.above) + 1 == len({rule(v) for v in values})


def test_other_thresholds():
    assert of_single(pspi_above(2), [0, 2, 3, 16]) == [0, 0, 1, 1]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 16), st.floats(0.01, 0.3)), min_size=1, max_size=3))
def test_a_row_has_the_level_that_it_overlaps_most(pairs):
    value, share = (np.array(each, float) for each in zip(*pairs, strict=True))
    scheme = SCHEMES["pspi4_bargshady"]
    code = np.array([DEFINED["pspi4_bargshady"](v) for v in value], float)
    found, expected = scheme(share[None], value), overlap_majority(share[None], code)
    assert found.target == expected.target and found.weight == expected.weight and found.valid.all()
    assert not scheme(np.zeros((1, len(value))), value).valid.any()


@pytest.mark.parametrize("ordered", [False, True])
def test_the_engine_joins_by_a_scheme(tmp_path, ordered):
    path, file = linear_world(tmp_path, people=3, units=6)
    said = [0, 1, 6, 7, 10, 4]
    for events in path.rglob("*_events.tsv"):
        write_events(events, np.arange(6.0), said)
    cohort = read_cohort(path)
    scheme = SCHEMES["self_report3"]
    rows, _ = join(cohort, embedded_features(cohort, file)[0], scheme.scale, scheme.kind(ordered))
    assert rows.y.tolist() == [0, 1, 1, 2, 2, 1] * 6
    assert scheme.kind(ordered).classes == (() if ordered else ("none", "moderate", "severe"))


def test_words_and_levels_without_order_are_refused(tmp_path):
    path, file = linear_world(tmp_path, people=2, units=2)
    write_events(path / "sub-01/ses-01/sub-01_ses-01_events.tsv", [0.0], ["much"])
    cohort = read_cohort(path)
    with pytest.raises(UserError, match="'much' on the scale 'vas' is not a number"):
        join(cohort, embedded_features(cohort, file)[0], "vas", SCHEMES["self_report3"].kind())
    with pytest.raises(ValueError, match="have no order"):
        LabelScheme("state", (0,), ("a", "b"), ordinal=False).kind(ordered=True)


def marked(*recordings) -> Cohort:
    """Recordings with (mark, onset) pairs."""
    rows = [
        {
            "participant": "p",
            "recording": f"r{i}",
            "onset": at,
            "duration": 0.0,
            "scale": "mark",
            "value": mark,
            "rater": "self",
        }
        for i, marks in enumerate(recordings)
        for mark, at in marks
    ]
    columns = ["participant", "recording", "onset", "duration", "scale", "value", "rater"]
    return Cohort(Path("c"), "c", pd.DataFrame(), pd.DataFrame(), pd.DataFrame(rows, columns=columns))


def test_periods_are_the_halves_before_and_after_the_threshold():
    np.testing.assert_array_equal(periods(10.0, 20.0, 40.0), [[10, 15], [15, 20], [20, 30], [30, 40]])
    cohort = with_periods(marked([("t2", 20.0), ("t1", 10.0), ("t3", 40.0), ("t4", 50.0)], [("t1", 1.0), ("t2", 2.0)]))
    found = cohort.ratings[cohort.ratings["scale"] == "period"]
    assert found["recording"].unique().tolist() == ["r0"]
    assert found["value"].tolist() == ["1", "2", "3", "4"]
    np.testing.assert_array_equal(found["onset"], [10, 15, 20, 30])
    np.testing.assert_array_equal(found["duration"], [5, 5, 10, 10])
    assert len(cohort.ratings) == 6 + 4


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        ([], "no recording has t1, t2, t3"),
        ([("t1", 0.0), ("t3", 2.0)], "no recording has t1, t2, t3"),
        ([("t1", 0.0), ("t2", 3.0), ("t3", 2.0)], "0, 3, 2 s are not in the order t1, t2, t3"),
        ([("t1", 0.0), ("t1", 1.0), ("t2", 3.0), ("t3", 4.0)], "recording r0 has a mark twice"),
    ],
)
def test_marks_that_make_no_periods_are_refused(marks, words):
    assert MARKS == ("t1", "t2", "t3")
    with pytest.raises(UserError, match=words):
        with_periods(marked(marks))
