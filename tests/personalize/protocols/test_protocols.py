"""Who and what is in train, calibration and test."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.cohorts.features import embedded_features
from personalize.cohorts.joining import Rows, join
from personalize.cohorts.layout import read_cohort
from personalize.config import AdaptationConfig, PersonalizeConfig
from personalize.protocols.cells import predict_all
from personalize.protocols.config import KShotConfig
from personalize.protocols.kshot import blocked, calibration_units
from personalize.protocols.leakage import LeakError, assert_disjoint
from personalize.protocols.plan import Plan
from personalize.protocols.problem import Problem
from pretrain.errors import UserError
from tests.personalize.cohorts.cohort_worlds import linear_world


def load(path, file) -> Rows:
    cohort = read_cohort(path)
    return join(cohort, embedded_features(cohort, file)[0], "vas")[0]


def predictions_of(rows, config=None):
    """All cells of a config, `none` first."""
    config = config or PersonalizeConfig()
    return predict_all(Plan(Problem(rows), config, config.cells()))


@pytest.fixture
def rows(tmp_path):
    return load(*linear_world(tmp_path, people=5, units=12, width=6))


def test_later_recordings_are_tested():
    who = np.array(["a"] * 5)
    t0 = np.arange(5.0)
    pool, test = blocked(who, np.array([1, 1, 2, 3, 3]), t0, t0 + 1)
    assert pool.tolist() == [True, True, False, False, False]
    assert test.tolist() == [False, False, True, True, True]


def test_a_single_recording_is_halved_with_a_gap():
    t0 = np.arange(10.0)
    pool, test = blocked(np.full(10, "a"), np.zeros(10, int), t0, t0 + 1, 0.5, 2.0)
    assert np.flatnonzero(pool).tolist() == [0, 1, 2, 3, 4]
    assert np.flatnonzero(test).tolist() == [7, 8, 9]


@given(st.lists(st.integers(0, 2), min_size=1, max_size=20), st.floats(0, 5), st.floats(0.1, 0.9))
def test_pool_and_test_never_meet(sequence, purge, share):
    order = np.sort(np.array(sequence))
    t0 = np.arange(float(len(order)))
    pool, test = blocked(np.full(len(order), "a"), order, t0, t0 + 1, share, purge)
    assert not (pool & test).any()
    if order.min() == order.max() and pool.any() and test.any():
        assert t0[test].min() - (t0[pool] + 1).max() >= purge - 1e-9


def test_labels_are_spread_over_the_time_of_the_pool():
    t0 = np.array([0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100])
    pool = np.arange(11) < 10
    chosen = calibration_units(np.full(11, "a"), t0, t0 + 1, pool, 3)
    assert np.flatnonzero(chosen).tolist() == [1, 4, 7]
    assert calibration_units(np.full(11, "a"), t0, t0 + 1, pool, 99).tolist() == pool.tolist()
    assert not calibration_units(np.full(11, "a"), t0, t0 + 1, pool, 0).any()
    crowded = np.array([0.0, 0.1, 0.2, 0.3, 9.0])  # spread over time, not over the number of units
    assert np.flatnonzero(calibration_units(np.full(5, "a"), crowded, crowded, np.ones(5, bool), 2)).tolist() == [3, 4]


@given(st.integers(0, 30), st.integers(1, 20))
def test_k_labels_or_all_there_are(k, n):
    t0 = np.random.default_rng(n).uniform(0, 9, n).round(1)
    assert calibration_units(np.full(n, "a"), t0, t0 + 1, np.ones(n, bool), k).sum() == min(k, n)


@pytest.mark.parametrize("twin", ["sub-01", "SUB-01", " sub-01", "sub- 01", "Sub-01\n", "ｓub-01"])
def test_a_participant_on_both_sides_is_caught(twin):
    with pytest.raises(LeakError, match="held out but was seen"):
        assert_disjoint(["sub-02", "sub-01"], [twin])
    assert_disjoint(["sub-02", "sub-03"], [twin])


def test_a_participant_split_by_letter_case_is_caught_in_the_run(rows):
    half = (rows.participant == "sub-01") & (rows.sequence == 1)
    rows.participant[half] = "SUB-01"
    with pytest.raises(LeakError, match="SUB-01"):
        predictions_of(rows)


def test_test_units_are_the_same_for_every_adaptation_and_k(rows):
    adaptations = tuple(AdaptationConfig("ridge", k) for k in (0, 1, 3, 99))
    config = PersonalizeConfig(adaptations=(*PersonalizeConfig().adaptations, *adaptations))
    predictions = predictions_of(rows, config)
    parts = [part for _, part in predictions.groupby(["adaptation", "k"])]
    assert len(parts) == 9
    for part in parts:
        assert part["onset"].tolist() == parts[0]["onset"].tolist()
        assert part["participant"].tolist() == part["fold"].tolist() == parts[0]["participant"].tolist()
    assert set(predictions["recording"].str[-6:]) == {"ses-02"}
    assert len(parts[0]) == 5 * (12 - 2)  # the neutral moment of two seconds is tested by nobody
    assert set(predictions.query("k == 99")["labels"]) == {12}


def test_k_zero_equals_the_population_exactly(rows):
    config = PersonalizeConfig(adaptations=(AdaptationConfig("none"), AdaptationConfig("ridge", 0)))
    predictions = predictions_of(rows, config)
    none, ridge = (part["prediction"].to_numpy() for _, part in predictions.groupby("adaptation"))
    np.testing.assert_array_equal(none, ridge)


def test_nothing_of_the_tested_recording_leaks_into_its_prediction(rows):
    """Other labels, and later features, of the test units change no prediction of that person."""
    before = predictions_of(rows)
    tested = (rows.participant == "sub-03") & (rows.sequence == 1)
    changed = replace(rows, y=np.where(tested, 99.0, rows.y))
    after = predictions_of(changed)
    theirs = (before["participant"] == "sub-03").to_numpy()
    np.testing.assert_array_equal(before["prediction"][theirs], after["prediction"][theirs])
    assert not np.array_equal(before["prediction"][~theirs], after["prediction"][~theirs])


def test_too_few_people_are_refused(tmp_path):
    with pytest.raises(UserError, match="2 participants have labelled units; leaving one out needs at least 3"):
        predictions_of(load(*linear_world(tmp_path, people=2, units=4)))


def test_nothing_to_test_is_refused(rows):
    first = rows.sequence == 0
    only = Rows(**{name: values[first] for name, values in vars(rows).items()})
    with pytest.raises(UserError, match="nobody has units left to test"):
        predictions_of(only, PersonalizeConfig(protocol=KShotConfig(purge=99.0)))


def differing(tmp_path, differ, seed):
    rows = load(*linear_world(tmp_path / str(seed), people=16, units=16, width=12, differ=differ, seed=seed))
    config = PersonalizeConfig(adaptations=(AdaptationConfig("none"), AdaptationConfig("ridge", 5)))
    predictions = predictions_of(rows, config)
    error = (predictions["truth"] - predictions["prediction"]).abs().groupby(predictions["adaptation"]).mean()
    return error["none"], error["ridge"]


def test_five_labels_help_where_people_differ_and_do_not_harm_where_they_are_alike(tmp_path):
    none, ridge = np.mean([differing(tmp_path / "differ", 1.0, seed) for seed in range(2)], axis=0)
    assert ridge < 0.7 * none
    none, ridge = np.mean([differing(tmp_path / "alike", 0.0, seed) for seed in range(2)], axis=0)
    assert ridge < 1.02 * none
