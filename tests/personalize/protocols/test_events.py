"""Probabilities of events, and what training people make of them."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from personalize.adaptation.base import Prediction, of_classes
from personalize.config import AdaptationConfig, PersonalizeConfig
from personalize.evaluation.logistic import log_odds, recalibration
from personalize.evaluation.metrics import METRICS
from personalize.evaluation.targets import Target
from personalize.protocols import cells
from personalize.protocols.cells import Models, predict_all, run_cell
from personalize.protocols.events import event_columns, event_probability, recalibrate
from personalize.protocols.plan import Plan
from personalize.protocols.units import read_units
from tests.personalize.protocols.cell_worlds import table_world


def plan(problem, **options) -> Plan:
    named = (AdaptationConfig("none"), AdaptationConfig("ridge", 3))
    return Plan(problem, PersonalizeConfig(adaptations=named, **options), named)


def test_numbers_are_normal_about_their_prediction():
    value, se = np.array([3.0, 5.0, 4.0, 4.0, 3.9, 4.1]), np.array([1.0, 2.0, 0.5, 0.0, 0.0, np.nan])
    found = event_probability(Prediction(value, se), 4.0)
    np.testing.assert_allclose(found[:3], scipy.stats.norm.sf(4.0, value[:3], se[:3]))
    np.testing.assert_array_equal(found[3:5], [1.0, 0.0])
    assert np.isnan(found[5])
    assert event_probability(Prediction(value, se), None) is None


def test_of_two_classes_the_second_is_the_event_and_of_three_none_is():
    two = np.array([[0.2, 0.8], [0.9, 0.1]])
    np.testing.assert_array_equal(event_probability(of_classes(two), None), two[:, 1])
    three = of_classes(np.full((4, 3), 1 / 3))
    assert event_probability(three, 4.0) is None
    assert recalibrate(three, np.zeros(4), 4.0, read_units(list("aabb"))) is None
    assert all(np.isnan(column).all() for column in event_columns(three, 4.0, None).values())


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.floats(0.3, 2.5), st.floats(-2.0, 2.0))
def test_recalibration_is_that_of_an_unpenalised_logistic_regression(seed, slope, intercept):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.05, 0.95, 300)
    event = (rng.random(300) < 1 / (1 + np.exp(-(intercept + slope * log_odds(p))))).astype(float)
    found = recalibration(event, p)
    fit = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(log_odds(p)[:, None], event)
    if fit.coef_[0, 0] > 0:
        np.testing.assert_allclose(found, (fit.intercept_[0], fit.coef_[0, 0]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("event", "probability", "expected"),
    [
        ([0, 0, 0], [0.1, 0.5, 0.9], (np.nan, np.nan)),
        ([], [], (np.nan, np.nan)),
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], (np.nan, np.nan)),  # told apart: no finite slope
        ([0, 0, 0, 1], [0.3, 0.3, 0.3, 0.3], (np.log(1 / 3), 0.0)),
        ([0, 0, 0, 1], [0.9, 0.8, 0.7, 0.1], (np.log(1 / 3), 0.0)),
        ([0, 1, 0, 1], [0.9, 0.8, 0.7, 0.1], (0.0, 0.0)),  # the wrong way round
    ],
)
def test_where_nothing_can_be_learned_the_prevalence_is_left_or_nothing(event, probability, expected):
    np.testing.assert_allclose(recalibration(np.array(event, float), np.array(probability, float)), expected, atol=1e-9)


def test_recalibration_mends_what_is_wrong_for_everybody():
    """A standard error of less than half the right size, seen on training people, mended for others like them."""
    rng = np.random.default_rng(0)
    value = rng.normal(size=(2, 1500))
    y = value + rng.normal(size=value.shape)
    train, test = (Prediction(each, np.full(1500, 0.4)) for each in value)
    fitted = recalibrate(train, y[0], 0.0, read_units(np.repeat(["a", "b", "c"], 500)))
    assert fitted is not None
    before, event = event_probability(test, 0.0), (y[1] >= 0).astype(float)
    after = fitted.apply(before)
    slopes = [METRICS["calibration_slope"](event, p, Target("probability")).value for p in (before, after)]
    assert slopes[0] < 0.5
    assert slopes[1] == pytest.approx(1, abs=0.15)
    assert brier_score_loss(event, after) < brier_score_loss(event, before) - 0.01


def test_recalibrated_probabilities_have_the_training_peoples_prevalence():
    problem = table_world(people=8)
    found = plan(problem, threshold=0.5)
    job = found.jobs()[0]
    population = Models(found).population(job, cells.raw(found))
    fitted, rows = population.calibration, population.rows
    p = event_probability(population.head.left_out_, 0.5)
    assert fitted.apply(p).mean() == pytest.approx((found.y[rows] >= 0.5).mean(), abs=1e-9)
    assert fitted.seen_.participants == frozenset(found.units.participant[job.train])


@pytest.mark.parametrize("classes", [0, 2])
def test_nothing_about_events_comes_from_the_person_tested(classes):
    problem = table_world(classes=classes)
    found = plan(problem, threshold=0.5)
    job = found.jobs()[0]
    mine = problem.rows.participant == job.outer
    turned = np.where(mine, 1 - problem.rows.y, problem.rows.y)
    other = plan(replace(problem, rows=replace(problem.rows, y=turned)), threshold=0.5)
    a, b = (run_cell(p, Models(p), job, p.cells[0]).table for p in (found, other))
    for column in ("event_probability", "event_recalibrated", "event_cut"):
        assert np.isfinite(a[column]).all()
        np.testing.assert_array_equal(a[column], b[column])
    assert (a["truth"] != b["truth"]).any()
    if classes:
        np.testing.assert_array_equal(a["event_cut"], a["cut"])
        np.testing.assert_array_equal(a["event_probability"], a["p_b"])


def test_a_recalibration_that_has_seen_the_person_tested_is_caught(monkeypatch):
    found = plan(table_world(), threshold=0.5)
    job, models = found.jobs()[0], Models(found)
    assert not run_cell(found, models, job, found.cells[0]).findings
    honest = cells.recalibrate
    monkeypatch.setattr(cells, "recalibrate", lambda left, y, threshold, units: honest(left, y, threshold, found.units))
    leaks = run_cell(found, Models(found), job, found.cells[0]).findings
    assert {leak.reason for leak in leaks} == {"calibration"}
    assert "test units" in leaks[0].text


def test_without_a_threshold_there_is_no_event():
    table = predict_all(plan(table_world(), threshold=None))
    for column in ("event_probability", "event_recalibrated", "event_cut"):
        assert table[column].isna().all()
    assert (table["seconds"] == 1.0).all()
