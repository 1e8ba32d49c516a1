"""Jackknife, percentile and BCa intervals against textbook ones, and at the edges."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.evaluation.bootstrap import bca_interval, draw_counts, mean_replicates, percentile_interval
from personalize.evaluation.intervals import default_limits, scattered
from personalize.evaluation.jackknife import SCALES, jackknife_interval, natural_scale
from personalize.evaluation.metrics import METRICS
from personalize.evaluation.people import by_people
from personalize.evaluation.statistics import statistic
from personalize.evaluation.targets import Target
from tests.personalize.evaluation.evaluation_worlds import world


def left_out(values):
    return (values.sum() - values) / (len(values) - 1)


def test_the_jackknife_of_a_mean_is_the_t_interval():
    values = np.random.default_rng(0).uniform(size=12)  # light tails: all degrees of freedom
    expected = scipy.stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert jackknife_interval(float(values.mean()), left_out(values), "as it is") == pytest.approx(tuple(expected))


def test_on_the_log_scale_the_limits_are_factors():
    values = np.random.default_rng(0).uniform(1, 2, size=12)
    mean, error = values.mean(), scipy.stats.sem(values)
    factor = np.exp(scipy.stats.t.ppf(0.975, 11) * error / mean)
    assert jackknife_interval(float(mean), left_out(values), "log") == pytest.approx((mean / factor, mean * factor))


def test_the_pooled_jackknife_equals_a_naive_loop():
    truth, prediction, participant = world(9)
    found = statistic("auroc", by_people(truth, prediction, participant), Target("numeric", 4.0), "pooled")
    slow = []
    for name in np.unique(participant):
        kept = participant != name
        slow.append(METRICS["auroc"](truth[kept], prediction[kept], 4.0).value)
    np.testing.assert_allclose(found.left_out(), slow, atol=1e-12)


def test_one_person_who_makes_the_variance_costs_degrees_of_freedom():
    values = np.array([0.0] * 19 + [10.0])
    low, high = jackknife_interval(float(values.mean()), left_out(values), "as it is")
    plain = scipy.stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert high - low == pytest.approx((plain.high - plain.low) * 3.182446 / 2.093024)  # t of 3 instead of 19
    halves = np.array([1.0] * 5 + [-1.0] * 5 + [0.0] * 20)  # ten of thirty make it: 3 * 10 - 2, hence all 28
    low, high = jackknife_interval(0.0, left_out(halves), "as it is")
    assert high == pytest.approx(scipy.stats.t.ppf(0.975, 28) * scipy.stats.sem(halves))


@pytest.mark.parametrize(("value", "side"), [(1.0, 1), (0.0, 0)])
def test_at_the_end_of_the_scale_it_is_clopper_and_pearson(value, side):
    exact = scipy.stats.binomtest(25 * side, 25).proportion_ci(0.95, method="exact")
    assert jackknife_interval(value, np.full(25, value), "logit") == pytest.approx((exact.low, exact.high))
    ends = jackknife_interval(2 * value - 1, np.full(25, 2 * value - 1), "fisher")
    assert ends == pytest.approx((2 * exact.low - 1, 2 * exact.high - 1))


def test_one_person_with_all_the_errors_leaves_a_finite_interval():
    """Without them the AUROC is 1, where the log-odds are infinite."""
    low, high = jackknife_interval(0.98, np.array([1.0] + [0.978] * 19), "logit")
    assert 0.5 < low < 0.98 < high < 1


@pytest.mark.parametrize(
    ("value", "others", "scale", "reason"),
    [
        (0.5, [0.5], "logit", "over one participant"),
        (0.5, [0.5, np.nan, 0.4], "logit", "undefined without 1 of the participants"),
        (0.0, [0.0, 0.0], "log", "no error at all"),
    ],
)
def test_no_interval_has_a_reason(value, others, scale, reason):
    assert reason in jackknife_interval(value, np.array(others), scale)


@settings(deadline=None)
@given(st.sampled_from(["logit", "fisher", "log"]), st.lists(st.floats(0.01, 0.99), min_size=2, max_size=30))
def test_intervals_stay_on_the_scale_and_hold_the_value(scale, values):
    values = np.array(values)
    value = float(values.mean())
    low, high = jackknife_interval(value, left_out(values), scale)
    assert SCALES[scale].lowest <= low <= value + 1e-9
    assert value - 1e-9 <= high <= SCALES[scale].highest


def test_natural_scales():
    found = {natural_scale(m): [n for n in METRICS if natural_scale(n) == natural_scale(m)] for m in METRICS}
    assert found["fisher"] == ["kappa_quadratic", "pcc", "ccc", "icc21", "icc31"]
    assert found["log"] == ["mse", "mae", "mae_by_level", "brier", "ece"]
    assert {"auroc", "accuracy", "f1_macro", "sensitivity", "c_index"} < set(found["logit"])


def test_bca_is_scipys():
    values = np.random.default_rng(1).exponential(size=15)
    replicates = mean_replicates(values, draw_counts(15, 999, 0))
    before = SimpleNamespace(bootstrap_distribution=replicates)
    theirs = scipy.stats.bootstrap((values,), np.mean, n_resamples=0, bootstrap_result=before, method="BCa")
    ours = bca_interval(float(values.mean()), replicates, left_out(values))
    assert ours == pytest.approx(tuple(theirs.confidence_interval))


def test_undefined_resamples():
    assert percentile_interval(np.array([1.0, np.nan, np.nan])) is None
    assert percentile_interval(np.array([1.0, 1.0, np.nan])) == (1.0, 1.0)
    assert bca_interval(1.0, np.array([0.5, 1.5]), np.array([1.0, np.nan])) is None
    assert bca_interval(2.0, np.array([0.5, 1.5]), np.array([1.0, 1.2])) is None
    assert bca_interval(1.0, np.array([0.5, 1.5, np.nan, np.nan, np.nan]), np.array([1.0, 1.2])) is None


def test_the_same_seed_draws_the_same_people():
    np.testing.assert_array_equal(draw_counts(9, 50, 1), draw_counts(9, 50, 1))
    assert (draw_counts(9, 50, 1).sum(axis=1) == 9).all()
    assert not np.array_equal(draw_counts(9, 50, 1), draw_counts(9, 50, 2))


def test_scattered_frames_keep_the_value_and_are_as_sure_as_independent_ones():
    """Of independent units the interval over random groups is the ordinary one of a mean."""
    rng = np.random.default_rng(0)
    error = rng.exponential(size=5000)
    units = by_people(np.zeros(5000), error, np.repeat(np.arange(10), 500))
    groups = scattered(units, 0)
    assert np.bincount(groups.code).tolist() == [50] * 100
    found = statistic("mae", groups, Target(), "pooled")
    low, high = default_limits(found)
    assert found.value == pytest.approx(error.mean())
    assert np.log(high / low) == pytest.approx(2 * 1.984 * scipy.stats.sem(error) / error.mean(), rel=0.2)


def test_an_interval_without_end_is_none():
    # an error next to 0 for all but one: on the log scale the reach is beyond what a number holds
    found = jackknife_interval(1e-4, np.array([1e-12, 1.3e-4, 1.3e-4, 1.3e-1]), "log")
    assert isinstance(found, str)
    assert "without end" in found
