"""Missed high pain, numbers that follow from sums, and how many people it would take."""

import numpy as np
import pytest
import scipy.stats

from personalize.evaluation.intervals import bounded
from personalize.evaluation.jackknife import jackknife_interval
from personalize.evaluation.missed import high_from, missed_high
from personalize.evaluation.people import by_people
from personalize.evaluation.rows import check_interval
from personalize.evaluation.sample_size import PEOPLE, sample_size_rows
from personalize.evaluation.totals import ratio, statistic_of_sums


def world(people=10, units=20, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 10, people * units)
    return by_people(truth, truth + rng.normal(0, 4, len(truth)), np.repeat([f"p{i}" for i in range(people)], units))


def test_missed_high_pain_is_counted_by_person():
    units = world()
    found = missed_high([units], 8.0, 4.0)
    high = units.truth >= 8
    low = high & (units.prediction < 4)
    assert high_from(4.0, 10.0) == pytest.approx(8.0)
    assert (found["n_units"], found["missed"]) == (high.sum(), low.sum())
    assert found["value"] == pytest.approx(low.sum() / high.sum())
    left = [low[units.code != i].sum() / high[units.code != i].sum() for i in range(10)]
    assert (found["low"], found["high"]) == pytest.approx(jackknife_interval(found["value"], np.array(left), "logit"))
    for row in found["by_person"]:
        own = units.names[units.code] == row["participant"]
        assert (row["n_units"], row["missed"]) == (high[own].sum(), low[own].sum())
    check_interval(found, found["value"], "missed")


def test_people_without_high_pain_do_not_count_and_without_any_there_is_a_reason():
    units = world()
    calm = units._replace(truth=np.where(units.code < 7, 1.0, units.truth))
    assert missed_high([calm], 8.0, 4.0)["n_participants"] == len(missed_high([calm], 8.0, 4.0)["by_person"]) == 3
    nobody = missed_high([units], 11.0, 4.0)
    assert (nobody["value"], nobody["reason"], nobody["by_person"]) == (None, "no unit is rated 11 or more", [])


def test_of_probabilities_each_unit_has_its_cut():
    units = by_people(
        np.array([1.0, 1, 0, 1]), np.array([0.3, 0.3, 0.1, 0.9]), np.array(list("abab")), np.array([0.2, 0.4, 0.5, 0.5])
    )
    found = missed_high([units], 1.0, None)
    assert (found["n_units"], found["missed"]) == (3, 1)


def test_sums_over_draws_are_averaged_and_the_uncounted_change_nothing():
    sums = np.array([[[1.0, 2], [3, 4], [0, 0]], [[2.0, 2], [1, 4], [0, 0]]])
    there = np.array([True, True, False])
    found = statistic_of_sums(sums, ratio(0, 1), "logit", "none", there)
    assert found.value == pytest.approx((4 / 6 + 3 / 6) / 2)
    assert found.people == 2
    np.testing.assert_allclose(found.left_out(), [(3 / 4 + 1 / 4) / 2, (1 / 2 + 1) / 2])
    empty = statistic_of_sums(np.zeros((1, 3, 2)), ratio(0, 1), "logit", "nothing there", np.zeros(3, bool))
    assert (bounded(empty)["value"], bounded(empty)["reason"]) == (None, "nothing there")


def test_a_detectable_difference_is_found_four_times_in_five():
    rng = np.random.default_rng(0)
    rows = sample_size_rows(rng.normal(0, 2.0, 5000), "as it is", difference=True)
    assert tuple(row["people"] for row in rows) == PEOPLE == (10, 20, 50, 100, 200)
    for row in rows[:3]:
        sample = rng.normal(row["detectable"], row["between_people"], (3000, row["people"]))
        found = scipy.stats.ttest_1samp(sample, 0, axis=1).pvalue < 0.05
        assert found.mean() == pytest.approx(0.8, abs=0.04)
        width = np.mean(2 * scipy.stats.t.ppf(0.975, row["people"] - 1) * sample.std(1, ddof=1)) / row["people"] ** 0.5
        assert row["width"] == pytest.approx(width, rel=0.05)
    assert sample_size_rows(rng.random(9), "logit", difference=False)[0]["detectable"] is None


def test_one_person_foretells_nothing():
    for row in sample_size_rows(np.array([1.0, np.nan]), "log", difference=True):
        assert (row["width"], row["detectable"], row["n_participants"]) == (None, None, 1)
        assert row["reason"] == "fewer than two people have it"
    assert sample_size_rows(np.ones(5), "log", difference=False)[0]["reason"] == "nobody differs from anybody"
    assert sample_size_rows(np.ones(5), "logit", difference=False)[0]["reason"] == "nobody differs from anybody"
