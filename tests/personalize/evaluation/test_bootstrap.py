"""The participant bootstrap against a naive loop, and paired differences."""

import numpy as np
import pandas as pd
import pytest

from personalize.evaluation.bootstrap import (
    by_people,
    draw_counts,
    mean_replicates,
    percentile_interval,
    person_values,
    pooled_replicates,
)
from personalize.evaluation.comparison import paired_difference
from personalize.evaluation.metrics import METRICS
from pretrain.errors import UserError


def world(people=7, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 15, people)
    participant = np.repeat([f"sub-{i:02d}" for i in range(people)], sizes)
    truth = np.repeat(4 + rng.normal(size=people), sizes) + rng.normal(size=sizes.sum())
    prediction = np.round(truth + noise * rng.normal(size=sizes.sum()) + 1000, 1) - 1000  # with ties
    return truth, prediction, participant


@pytest.mark.parametrize("metric", METRICS)
def test_pooled_replicates_equal_a_naive_loop(metric):
    truth, prediction, participant = world()
    units = by_people(truth, prediction, participant)
    counts = draw_counts(7, 60, seed=3)
    fast = pooled_replicates(metric, units, counts, 4.0)
    for counted, value in zip(counts, fast, strict=True):
        rows = np.repeat(np.arange(len(truth)), counted[units.code])
        slow = METRICS[metric](truth[rows], prediction[rows], 4.0).value
        assert np.isnan(value) if slow is None else value == pytest.approx(slow, abs=1e-9)


@pytest.mark.parametrize("metric", METRICS)
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


def test_large_offsets_lose_no_precision():
    truth, prediction, participant = world()
    counts = draw_counts(7, 20, seed=0)
    near = pooled_replicates("pcc", by_people(truth, prediction, participant), counts, None)
    far = pooled_replicates("pcc", by_people(truth + 1e6, prediction + 1e6, participant), counts, None)
    np.testing.assert_allclose(near, far, atol=1e-8)


def test_undefined_resamples():
    assert percentile_interval(np.array([1.0, np.nan, np.nan])) is None
    assert percentile_interval(np.array([1.0, 1.0, np.nan])) == (1.0, 1.0)
    units = by_people(np.ones(6), np.arange(6.0), np.repeat(["a", "b"], 3))
    for metric in ("pcc", "ccc", "auroc", "f1_macro"):
        assert np.isnan(pooled_replicates(metric, units, np.array([[1, 1]]), 4.0)).all()
    assert np.isnan(pooled_replicates("auroc", units, np.array([[1, 1]]), None)).all()


def test_the_same_seed_draws_the_same_people():
    np.testing.assert_array_equal(draw_counts(9, 50, 1), draw_counts(9, 50, 1))
    assert (draw_counts(9, 50, 1).sum(axis=1) == 9).all()
    assert not np.array_equal(draw_counts(9, 50, 1), draw_counts(9, 50, 2))


def test_intervals_cover_a_mean_about_as_often_as_they_say():
    """Percentile intervals are a little narrow; 30 people, 300 repetitions, binomial error 1.5 points."""
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(300):
        low, high = percentile_interval(mean_replicates(rng.normal(size=30), draw_counts(30, 500, seed)))
        hits += low <= 0 <= high
    assert 0.88 < hits / 300 < 0.98


def predictions(noise, seed=0, people=7):
    truth, prediction, participant = world(people, 0, noise)
    onset = np.concatenate([np.arange((participant == p).sum()) for p in np.unique(participant)]).astype(float)
    rng = np.random.default_rng(seed)
    table = {"participant": participant, "recording": participant, "track": 0, "onset": onset, "truth": truth}
    return pd.DataFrame({**table, "prediction": prediction + noise * rng.normal(size=len(truth))})


@pytest.mark.parametrize("pooling", ["mean_over_participants", "pooled"])
@pytest.mark.parametrize("metric", METRICS)
def test_paired_difference_equals_a_naive_loop(metric, pooling):
    a, b = predictions(0.3), predictions(1.0)
    found = paired_difference(a, b.sample(frac=1, random_state=1), metric, threshold=4.0, pooling=pooling, draws=40)
    names = np.unique(a["participant"])

    def value(table):
        return METRICS[metric](table["truth"].to_numpy(), table["prediction"].to_numpy(), 4.0).value

    def difference(drawn):
        if pooling == "pooled":
            parts = [pd.concat([t[t["participant"] == n] for n in drawn]) for t in (a, b)]
            pair = [value(part) for part in parts]
            return np.nan if None in pair else pair[0] - pair[1]
        pairs = [[value(t[t["participant"] == n]) for t in (a, b)] for n in drawn]
        kept = [x - y for x, y in pairs if x is not None and y is not None]
        return np.mean(kept) if kept else np.nan

    assert found["difference"] == pytest.approx(difference(names))
    slow = np.array([difference(np.repeat(names, counted)) for counted in draw_counts(7, 40, 0)])
    assert (found["low"], found["high"]) == pytest.approx(percentile_interval(slow))
    assert found["few_participants"]


def test_a_system_does_not_differ_from_itself():
    a = predictions(0.5)
    found = paired_difference(a, a, "mae", threshold=None)
    assert (found["difference"], found["low"], found["high"]) == (0.0, 0.0, 0.0)


def test_pairing_narrows_the_interval():
    a, b = predictions(1.0, people=30), predictions(1.0, people=30)
    b = b.assign(prediction=a["prediction"] + 0.01)
    paired = paired_difference(a, b, "mae", threshold=None)
    assert paired["high"] - paired["low"] < 0.05
    assert not paired["few_participants"]


def test_other_units_are_refused():
    a = predictions(1.0)
    with pytest.raises(UserError, match="not the same test units"):
        paired_difference(a, a.iloc[1:], "mae", threshold=None)
    with pytest.raises(UserError, match="hold a unit twice"):
        paired_difference(a, pd.concat([a, a]), "mae", threshold=None)
    with pytest.raises(UserError, match="different ratings"):
        paired_difference(a, a.assign(truth=a["truth"] + 1), "mae", threshold=None)
    with pytest.raises(UserError, match="did you mean 'mae'"):
        paired_difference(a, a, "mea", threshold=None)


def test_undefined_differences_have_a_reason():
    a = predictions(1.0)
    constant = a.assign(prediction=1.0)
    found = paired_difference(a, constant, "pcc", threshold=None)
    assert found["difference"] is None
    assert "constant prediction" in found["reason"]
    found = paired_difference(a, a, "auroc", threshold=None, pooling="pooled")
    assert found["difference"] is None
    assert "no threshold" in found["reason"]
