"""Calibration of events, against scikit-learn, exact leave-one-out, and worlds whose calibration is known."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from personalize.evaluation.calibration import (
    METRICS,
    PROBABILITY,
    calibration_rows,
    calibration_statistic,
    reliability_rows,
)
from personalize.evaluation.intervals import bounded
from personalize.evaluation.logistic import log_odds
from personalize.evaluation.people import by_people
from personalize.evaluation.rows import check_interval
from personalize.evaluation.statistics import statistic


def events(people=30, units=40, slope=1.0, intercept=0.0, seed=0):
    """Probabilities whose true recalibration has this slope and intercept; people differ in their own."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(people, units))
    chance = 1 / (1 + np.exp(-(intercept + 0.3 * rng.normal(size=(people, 1)) + slope * x)))
    truth = (rng.random((people, units)) < chance).astype(float)
    names = np.repeat([f"p{i:02d}" for i in range(people)], units)
    return by_people(truth.ravel(), 1 / (1 + np.exp(-x.ravel())), names)


def test_scores_are_those_of_scikit_learn():
    units = events(slope=0.6, intercept=-0.5)
    found = {row["metric"]: row for row in calibration_rows([units])}
    assert tuple(found) == METRICS
    assert found["brier"]["value"] == pytest.approx(brier_score_loss(units.truth, units.prediction))
    fit = LogisticRegression(C=np.inf, tol=1e-10).fit(log_odds(units.prediction)[:, None], units.truth)
    assert found["calibration_slope"]["value"] == pytest.approx(fit.coef_[0, 0], abs=1e-4)
    assert found["calibration_slope"]["low"] < 0.6 < found["calibration_slope"]["high"]
    assert found["calibration_intercept"]["low"] < -0.5 < found["calibration_intercept"]["high"]
    assert {row["n_participants"] for row in found.values()} == {30}
    for row in found.values():
        check_interval(row, row["value"], row["metric"])


@pytest.mark.parametrize("metric", ["calibration_intercept", "calibration_slope"])
def test_gathered_units_give_the_interval_of_the_exact_leave_one_out(metric):
    units = events(slope=1.4, people=25, seed=3)
    exact = bounded(statistic(metric, units, PROBABILITY, "pooled"))
    found = bounded(calibration_statistic(metric, units))
    assert found["value"] == exact["value"]
    width = exact["high"] - exact["low"]
    assert found["low"] == pytest.approx(exact["low"], abs=0.01 * width)
    assert found["high"] == pytest.approx(exact["high"], abs=0.01 * width)


def test_a_person_without_whom_there_is_no_slope_is_named_as_the_reason():
    truth, p = np.array([0.0, 0, 1, 1, 1, 0]), np.array([0.1, 0.2, 0.8, 0.9, 0.3, 0.6])
    units = by_people(truth, p, np.array(["a", "a", "b", "b", "c", "c"]))
    row = {row["metric"]: row for row in calibration_rows([units])}["calibration_slope"]
    assert row["value"] is None
    assert row["reason"] == "undefined without 1 of the participants"


def test_events_of_one_class_have_reasons():
    units = events(people=4, units=5)._replace(truth=np.zeros(20))
    found = {row["metric"]: row for row in calibration_rows([units])}
    for metric in ("brier_scaled", "calibration_intercept", "calibration_slope"):
        assert found[metric]["value"] is None
        assert found[metric]["reason"] == "all 20 units of one class"
    assert found["brier"]["value"] > 0


def test_the_reliability_curve_is_that_of_scikit_learn():
    units = events(slope=0.5)
    rows = reliability_rows([units])
    seen, predicted = calibration_curve(units.truth, units.prediction, n_bins=10, strategy="quantile")
    np.testing.assert_allclose([row["value"] for row in rows], seen)
    np.testing.assert_allclose([row["predicted"] for row in rows], predicted)
    assert [row["n_units"] for row in rows] == [120] * 10
    assert rows[0]["low"] > rows[0]["predicted"]  # too extreme: events are commoner than the lowest bin says
    assert rows[-1]["high"] < rows[-1]["predicted"]
    for row in rows:
        check_interval(row, row["value"], "bin")


def test_bins_of_few_people_count_these_only_and_of_one_person_say_so():
    truth = np.array([0.0, 1, 0, 1, 1, 0, 1, 0])
    p = np.array([0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9])
    units = by_people(truth, p, np.array(list("aabbcccc")))
    rows = reliability_rows([units])
    assert [row["n_participants"] for row in rows] == [2, 1]
    assert rows[1]["value"] is None
    assert "one participant" in rows[1]["reason"]
    assert (rows[0]["from"], rows[-1]["to"]) == (0.1, 0.9)


def test_one_constant_probability_is_one_bin():
    units = events(people=5, units=6)
    rows = reliability_rows([units._replace(prediction=np.full(30, 0.4))])
    assert len(rows) == 1
    assert rows[0]["value"] == pytest.approx(units.truth.mean())


def test_draws_share_their_bins_and_units_are_those_of_one():
    several = [events(seed=seed) for seed in (1, 2, 3)]
    rows = reliability_rows(several)
    everything = np.concatenate([units.truth for units in several])
    weight = np.array([row["n_units"] for row in rows])
    assert weight.sum() == pytest.approx(1200, abs=10)
    assert np.average([row["value"] for row in rows], weights=weight) == pytest.approx(everything.mean(), abs=1e-3)
