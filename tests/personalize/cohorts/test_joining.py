"""Feature rows and ratings meet where they overlap in time."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.cohorts.features import embedded_features
from personalize.cohorts.joining import join
from personalize.cohorts.labels import overlap_mean, overlap_shares
from personalize.cohorts.layout import read_cohort
from pretrain.errors import UserError
from tests.personalize.cohorts.cohort_worlds import linear_world, write_events


def test_overlap_by_hand():
    t0, t1 = np.array([0.0, 2.0, 4.0, 8.0]), np.array([2.0, 4.0, 6.0, 10.0])
    onset, duration = np.array([1.0, 3.0, 5.0]), np.array([2.0, 2.0, 0.0])  # [1,3) [3,5) and the moment 5
    share = overlap_shares(t0, t1, onset, duration)
    np.testing.assert_allclose(share, [[0.5, 0, 0], [0.5, 0.5, 0], [0, 0.5, 1], [0, 0, 0]])
    target, weight, valid = overlap_mean(share, np.array([2.0, 6.0, 9.0]))
    np.testing.assert_allclose(target, [2, 4, 8, np.nan])
    np.testing.assert_allclose(weight, [0.5, 1, 1, 0])
    assert valid.tolist() == [True, True, True, False]


def test_abutting_times_do_not_overlap_by_rounding():
    share = overlap_shares(np.array([0.0]), np.array([1.6000001]), np.array([1.6]), np.array([1.0]))
    assert share.tolist() == [[0.0]]


@given(st.lists(st.floats(0, 10), min_size=1, max_size=5), st.lists(st.floats(-5, 5), min_size=5, max_size=5))
def test_targets_lie_between_the_ratings(onsets, values):
    t0 = np.arange(12.0)
    value = np.array(values[: len(onsets)])
    labels = overlap_mean(overlap_shares(t0, t0 + 1, np.array(onsets), np.ones(len(onsets))), value)
    inside = labels.target[labels.valid]
    assert ((inside >= value.min() - 1e-9) & (inside <= value.max() + 1e-9)).all()
    assert np.isnan(labels.target[~labels.valid]).all()


def test_counts_what_is_missing(tmp_path):
    path, file = linear_world(tmp_path, people=3, units=4)
    table = pd.read_parquet(file)
    table = table[table["source"] != table["source"].iloc[0]]
    other = table.iloc[:2].assign(source="elsewhere/else.mp4")
    table = pd.concat([table, other], ignore_index=True)
    table.loc[0, "f3"] = np.nan
    table.to_parquet(file)
    (path / "sub-03/ses-02/sub-03_ses-02_events.tsv").unlink()
    cohort = read_cohort(path)
    features, seen = embedded_features(cohort, file)
    rows, counts = join(cohort, features, "vas")
    assert seen == {
        "videos": 6,
        "videos_without_feature_rows": 1,
        "feature_rows_of_other_sources": 2,
        "recordings_with_several_tracks": 0,
    }
    assert counts["rated_recordings_without_feature_rows"] == 1
    assert counts["feature_rows"] == 20
    assert counts["feature_rows_without_rating"] == 4
    assert counts["feature_rows_not_finite"] == 1
    assert counts["units"] == rows.valid.sum() == 15
    assert rows.sequence[rows.recording == "sub-03_ses-02"].tolist() == [1] * 4


def test_order_of_rows_in_the_file_does_not_matter(tmp_path):
    path, file = linear_world(tmp_path, people=2, units=4)
    cohort = read_cohort(path)
    first, _ = join(cohort, embedded_features(cohort, file)[0], "vas")
    pd.read_parquet(file).sample(frac=1, random_state=0).to_parquet(file)
    second, _ = join(cohort, embedded_features(cohort, file)[0], "vas")
    np.testing.assert_array_equal(first.x, second.x)
    np.testing.assert_array_equal(first.y, second.y)


def test_unusable_inputs_are_refused(tmp_path):
    path, file = linear_world(tmp_path, people=2, units=4)
    cohort = read_cohort(path)
    features, _ = embedded_features(cohort, file)
    with pytest.raises(UserError, match="overlaps a rating"):
        join(cohort, features.assign(t0=features["t0"] + 99, t1=features["t1"] + 99), "vas")
    write_events(path / "sub-01/ses-01/sub-01_ses-01_events.tsv", [0.0], ["much"])
    with pytest.raises(UserError, match="rating 'much' on the scale 'vas' is not a number"):
        join(read_cohort(path), features, "vas")
    table = pd.read_parquet(file)
    table.rename(columns={"source": "sources"}).to_parquet(file)
    with pytest.raises(UserError, match="did you mean 'sources'"):
        embedded_features(cohort, file)
    table.assign(source="x/y.mp4").to_parquet(file)
    with pytest.raises(UserError, match=r"its first source: x/y\.mp4"):
        embedded_features(cohort, file)
    table.assign(t1=table["t0"]).to_parquet(file)
    with pytest.raises(UserError, match="row 1: t1 is not after t0"):
        embedded_features(cohort, file)
    file.write_text("no parquet")
    with pytest.raises(UserError, match="not a Parquet file"):
        embedded_features(cohort, file)
