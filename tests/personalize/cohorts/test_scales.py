"""Ratings that cannot be on the scale that a cohort states, and times that are no seconds."""

import json

import numpy as np
import pandas as pd
import pytest

from personalize.cohorts.features import embedded_features, tabulated_features
from personalize.cohorts.joining import join
from personalize.cohorts.layout import read_cohort
from pretrain.errors import UserError
from tests.personalize.cohorts.cohort_worlds import linear_world, write_events

FILE = "sub-02/ses-01/sub-02_ses-01_events.tsv"


@pytest.fixture
def cohort_path(tmp_path):
    return linear_world(tmp_path, people=3, units=4)[0]


def state(cohort, about, where="events.json"):
    (cohort / where).write_text(json.dumps(about))


def rate(cohort, values, scale="vas"):
    write_events(cohort / FILE, np.arange(float(len(values))), values, scale=scale)


@pytest.mark.parametrize(
    ("about", "values", "message"),
    [
        ({"Minimum": 0, "Maximum": 10}, [10, 11], r"row 3: rating '11' .* 'vas': it goes from 0 to 10"),
        ({"Minimum": 0}, ["-0.5"], r"row 2: rating '-0.5' .* it goes from 0 to inf"),
        ({"Minimum": 0, "Maximum": 10}, [3, "much"], r"row 3: rating 'much' .* it goes from 0 to 10"),
        ({"Levels": {"rest": "", "pain": ""}}, ["rest", "pian"], r"row 3: .* levels; did you mean 'pain'"),
        ({"Levels": [0, 1, 2]}, [2, 3], r"row 3: .* not one of its 3 levels"),
    ],
)
def test_a_rating_outside_its_stated_scale_is_refused_by_name(cohort_path, about, values, message):
    rate(cohort_path, values)
    read_cohort(cohort_path)  # nothing is stated, so nothing is refused
    state(cohort_path, {"vas": about}, FILE.replace(".tsv", ".json"))
    with pytest.raises(UserError, match=message):
        read_cohort(cohort_path)


def test_ends_missing_values_and_other_scales_are_on_it(cohort_path):
    state(cohort_path, {"vas": {"Minimum": -100, "Maximum": 100}, "onset": {"Units": "s"}})
    rate(cohort_path, [-100, 100.0, None])
    read_cohort(cohort_path)
    rate(cohort_path, [1000], scale="heart")
    read_cohort(cohort_path)
    state(cohort_path, {"vas": {"Levels": ["1", "2"]}})
    rate(cohort_path, ["1.0"])
    with pytest.raises(UserError, match=r"sub-01_ses-01_events\.tsv, row 2"):
        read_cohort(cohort_path)


def test_what_stands_beside_a_table_goes_before_the_root(cohort_path):
    state(cohort_path, {"vas": {"Minimum": -100, "Maximum": 100}})
    rate(cohort_path, [11])
    read_cohort(cohort_path)
    state(cohort_path, {"vas": {"Maximum": 10}}, FILE.replace(".tsv", ".json"))
    with pytest.raises(UserError, match="'11' is not on the scale"):
        read_cohort(cohort_path)


@pytest.mark.parametrize("about", [[], {"vas": {"Maximum": "high"}}, {"vas": {"Levels": 5}}])
def test_a_json_that_states_no_scale_is_refused(cohort_path, about):
    state(cohort_path, about)
    with pytest.raises(UserError, match="not a JSON object of scales"):
        read_cohort(cohort_path)


@pytest.mark.parametrize("onset", ["2026-03-29T02:30:00+01:00", "10:15:00", "2026-03-29", "14:00Z"])
def test_times_of_the_clock_are_refused_by_name(cohort_path, onset):
    (cohort_path / FILE).write_text(f"onset\tduration\tscale\tvalue\trater\n{onset}\t1\tvas\t1\tself\n")
    with pytest.raises(UserError, match=r"row 2: onset .* is a time of the clock"):
        read_cohort(cohort_path)


def test_infinite_times_are_refused(cohort_path):
    (cohort_path / FILE).write_text("onset\tduration\tscale\tvalue\trater\ninf\t1\tvas\t1\tself\n")
    with pytest.raises(UserError, match="row 2: onset is infinite"):
        read_cohort(cohort_path)


def test_unsorted_and_overlapping_ratings_are_joined_as_sorted_ones(tmp_path):
    path, file = linear_world(tmp_path, people=3, units=4)
    onset, value = np.array([0.0, 0.5, 1.0, 2.0]), np.array([1.0, 9.0, 3.0, 5.0])
    found = []
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        write_events(path / FILE, onset[order], value[order], duration=1.5)
        cohort = read_cohort(path)
        rows, _ = join(cohort, embedded_features(cohort, file)[0], "vas")
        found.append(rows.y[rows.recording == "sub-02_ses-01"])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[0][0], (1 * 1.0 + 9 * 0.5) / 1.5)


def test_a_column_of_clock_times_in_a_table_of_features_is_refused(tmp_path):
    folder = tmp_path / "sub-A"
    folder.mkdir()
    pd.DataFrame({"participant_id": ["sub-A"]}).to_csv(tmp_path / "participants.tsv", sep="\t", index=False)
    (folder / "sub-A_features.tsv").write_text("onset\tau4\n10:15:00\t1\n")
    with pytest.raises(UserError, match=r"sub-A_features\.tsv, row 2: onset '10:15:00' is a time of the clock"):
        tabulated_features(read_cohort(tmp_path))
