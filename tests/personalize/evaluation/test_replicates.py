"""Metrics of many resamples at once against a naive loop over the units of each."""

import numpy as np
import pytest

import personalize.evaluation.ranks as ranks
import personalize.evaluation.weighted as weighted
from personalize.evaluation.bootstrap import draw_counts
from personalize.evaluation.metrics import METRICS, metrics_of
from personalize.evaluation.people import by_people, mean_replicates, person_values, pooled_replicates
from personalize.evaluation.targets import VIEWS
from tests.personalize.evaluation.evaluation_worlds import world, world_of

CASES = [(kind, metric) for kind in VIEWS for metric in metrics_of(kind)]


@pytest.mark.parametrize(("kind", "metric"), CASES)
def test_pooled_replicates_equal_a_naive_loop(kind, metric):
    defined = 0
    for seed in range(2):
        units, target = world_of(kind, seed, cut=seed == 1)
        alone = np.eye(6, dtype=int)
        counts = np.vstack([draw_counts(6, 4, seed=3), alone, 1 - alone])
        fast = pooled_replicates(metric, units, counts, target)
        for counted, value in zip(counts, fast, strict=True):
            rows = np.repeat(np.arange(len(units.truth)), counted[units.code])
            cut = None if units.cut is None else units.cut[rows]
            slow = METRICS[metric](units.truth[rows], units.prediction[rows], target, cut).value
            assert np.isnan(value) if slow is None else value == pytest.approx(slow, abs=1e-9)
            defined += slow is not None
    assert defined > 16


@pytest.mark.parametrize("metric", ["auprc", "c_index"])
def test_parts_make_the_same_whole(metric, monkeypatch):
    units, target = world_of("numeric")
    counts = draw_counts(6, 5, seed=0)
    whole = pooled_replicates(metric, units, counts, target)
    monkeypatch.setattr(ranks, "_BLOCK", 3)
    monkeypatch.setattr(weighted, "_CELLS", 2 * len(units.truth))
    np.testing.assert_allclose(pooled_replicates(metric, units, counts, target), whole, rtol=1e-12)


@pytest.mark.parametrize("metric", ["auroc", "pcc", "ccc", "mae", "f1_macro"])
def test_mean_replicates_equal_a_naive_loop(metric):
    truth, prediction, participant = world()
    units = by_people(truth, prediction, participant)
    values, reasons = person_values(metric, units, 5.0)
    assert np.isnan(values).sum() == len(reasons)
    counts = draw_counts(7, 60, seed=3)
    for counted, value in zip(counts, mean_replicates(values, counts), strict=True):
        drawn = np.repeat(values, counted)
        slow = np.nanmean(drawn) if np.isfinite(drawn).any() else np.nan
        assert value == pytest.approx(slow, nan_ok=True)


@pytest.mark.parametrize("metric", ["pcc", "ccc", "icc21", "calibration_slope", "mse"])
def test_large_offsets_lose_no_precision(metric):
    truth, prediction, participant = world()
    counts = np.vstack([draw_counts(7, 20, seed=0), np.eye(7, dtype=int)])
    near = pooled_replicates(metric, by_people(truth, prediction, participant), counts, None)
    far = pooled_replicates(metric, by_people(truth + 1e6, prediction + 1e6, participant), counts, None)
    np.testing.assert_allclose(near, far, atol=1e-8)


def test_a_constant_person_far_from_the_others_has_no_correlation():
    truth, prediction = np.array([0.0, 1, 2, 0, 1, 2]), np.array([0.0, 1, 3, 1e5 / 3, 1e5 / 3, 1e5 / 3])
    units = by_people(truth, prediction, np.repeat(["a", "b"], 3))
    values, reasons = person_values("pcc", units, None)
    assert np.isnan(values).tolist() == [False, True]
    assert reasons == ["constant prediction"]
    assert person_values("ccc", units, None)[0][1] == 0.0


def test_undefined_resamples():
    units = by_people(np.ones(6), np.arange(6.0), np.repeat(["a", "b"], 3))
    for metric in ("pcc", "ccc", "auroc", "f1_macro"):
        assert np.isnan(pooled_replicates(metric, units, np.array([[1, 1]]), 4.0)).all()
    assert np.isnan(pooled_replicates("auroc", units, np.array([[1, 1]]), None)).all()
    assert np.isnan(pooled_replicates("brier", units, np.array([[1, 1]]), None)).all()
