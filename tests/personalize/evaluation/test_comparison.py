"""Paired differences of two systems: intervals, permutation, Wilcoxon, Holm."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from personalize.evaluation.comparison import paired_difference
from personalize.evaluation.jackknife import jackknife_interval
from personalize.evaluation.metrics import METRICS
from personalize.evaluation.permutation import holm, mean_permutation, with_holm
from personalize.evaluation.rows import POOLINGS
from pretrain.errors import UserError
from tests.personalize.evaluation.evaluation_worlds import world

COMPARED = ("auroc", "pcc", "ccc", "mae", "f1_macro", "auprc")


def predictions(noise, seed=0, people=7):
    truth, prediction, participant = world(people, 0, noise)
    onset = np.concatenate([np.arange((participant == p).sum()) for p in np.unique(participant)]).astype(float)
    rng = np.random.default_rng(seed)
    table = {"participant": participant, "recording": participant, "track": 0, "onset": onset, "truth": truth}
    return pd.DataFrame({**table, "prediction": prediction + noise * rng.normal(size=len(truth))})


def naive(metric, pooling, a, b, names):
    """The difference of two tables over the named people, NaN where undefined."""

    def value(table):
        return METRICS[metric](table["truth"].to_numpy(), table["prediction"].to_numpy(), 4.0).value

    if pooling == "pooled":
        pair = [value(t[t["participant"].isin(names)]) for t in (a, b)]
        return np.nan if None in pair else pair[0] - pair[1]
    pairs = [[value(t[t["participant"] == n]) for t in (a, b)] for n in names]
    kept = [x - y for x, y in pairs if x is not None and y is not None]
    return np.mean(kept) if kept else np.nan


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("metric", COMPARED)
def test_paired_difference_equals_a_naive_loop(metric, pooling):
    a, b = predictions(0.3), predictions(1.0)
    found = paired_difference(a, b.sample(frac=1, random_state=1), metric, threshold=4.0, pooling=pooling)
    names = [n for n in np.unique(a["participant"]) if not np.isnan(naive(metric, "mean_over_participants", a, b, [n]))]
    names = list(np.unique(a["participant"])) if pooling == "pooled" else names
    assert found["difference"] == pytest.approx(naive(metric, pooling, a, b, names))
    slow = np.array([naive(metric, pooling, a, b, [n for n in names if n != out]) for out in names])
    expected = jackknife_interval(found["difference"], slow, "as it is")
    assert (found["low"], found["high"]) == pytest.approx(expected)
    assert (found["few_participants"], found["n_participants"]) == (True, len(names))


@pytest.mark.parametrize("metric", ["auroc", "mae", "ccc"])
def test_the_pooled_permutation_swaps_the_systems_of_whole_people(metric):
    a, b = predictions(0.5, people=5), predictions(0.8, people=5)
    names = np.unique(a["participant"])
    seen = naive(metric, "pooled", a, b, names)
    far = 0
    for pattern in range(32):
        swap = a["participant"].isin([n for i, n in enumerate(names) if pattern >> i & 1])
        x, y = a.copy(), b.copy()
        x.loc[swap, "prediction"], y.loc[swap, "prediction"] = b["prediction"][swap], a["prediction"][swap]
        far += abs(naive(metric, "pooled", x, y, names)) >= abs(seen) - 1e-12
    found = paired_difference(a, b, metric, threshold=4.0, pooling="pooled")
    assert found["p_permutation"] == pytest.approx(far / 32)
    assert found["p_wilcoxon"] is None


def test_the_permutation_of_means_is_scipys():
    changes = np.random.default_rng(0).normal(0.5, 1, size=9)
    theirs = scipy.stats.permutation_test((changes,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert mean_permutation(changes, 2000, 0) == pytest.approx(theirs.pvalue)
    drawn = mean_permutation(changes, 511, 0)  # fewer than the 512 patterns: drawn, and what was seen counts
    assert drawn == pytest.approx(theirs.pvalue, abs=0.07)
    assert mean_permutation(np.ones(40), 999, 0) == 1 / 1000


def test_wilcoxon_is_that_of_the_people():
    a, b = predictions(0.3, people=12), predictions(1.0, people=12)
    found = paired_difference(a, b, "mae", threshold=None)
    names = np.unique(a["participant"])
    changes = [naive("mae", "mean_over_participants", a, b, [n]) for n in names]
    assert found["p_wilcoxon"] == pytest.approx(scipy.stats.wilcoxon(changes).pvalue)
    assert found["p_permutation"] < 0.01


def test_a_system_does_not_differ_from_itself():
    a = predictions(0.5)
    for pooling in POOLINGS:
        found = paired_difference(a, a, "mae", threshold=None, pooling=pooling)
        assert (found["difference"], found["low"], found["high"]) == (0.0, 0.0, 0.0)
        assert found["p_permutation"] == 1.0
        assert found["p_wilcoxon"] in (None, 1.0)


def test_pairing_narrows_the_interval():
    a, b = predictions(1.0, people=30), predictions(1.0, people=30)
    b = b.assign(prediction=a["prediction"] + 0.01)
    paired = paired_difference(a, b, "mae", threshold=None)
    assert paired["high"] - paired["low"] < 0.05
    assert not paired["few_participants"]


def test_each_system_has_cuts_of_its_own():
    a = predictions(0.5).assign(cut=4.5)
    b = a.assign(cut=-1e9)
    found = paired_difference(a, b, "sensitivity", threshold=4.0, pooling="pooled")
    assert found["difference"] < 0
    assert paired_difference(a.assign(cut=4.0), a.drop(columns="cut"), "sensitivity", threshold=4.0)["difference"] == 0


def test_holm_of_a_worked_example():
    """0.005, 0.01, 0.03 and 0.04 times 4, 3, 2 and 1, never falling."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_families_are_by_metric_and_pooling():
    rows = [
        {"metric": metric, "pooling": pooling, "p_permutation": p}
        for metric, pooling, p in [("mae", "pooled", 0.02), ("mae", "pooled", 0.03), ("ccc", "pooled", 0.02)]
    ]
    done = with_holm([*rows, {"metric": "mae", "pooling": "pooled", "p_permutation": None}])
    assert [row["p_holm"] for row in done] == [0.04, 0.04, 0.02, None]


def test_other_units_are_refused():
    a = predictions(1.0)
    with pytest.raises(UserError, match="not the same test units"):
        paired_difference(a, a.iloc[1:], "mae", threshold=None)
    with pytest.raises(UserError, match="hold a unit twice"):
        paired_difference(a, pd.concat([a, a]), "mae", threshold=None)
    with pytest.raises(UserError, match="different ratings"):
        paired_difference(a, a.assign(truth=a["truth"] + 1), "mae", threshold=None)
    with pytest.raises(UserError, match="did you mean 'pcc'"):
        paired_difference(a, a, "pc", threshold=None)
    with pytest.raises(UserError, match="did you mean 'pooled'"):
        paired_difference(a, a, "mae", threshold=None, pooling="pool")


def test_undefined_differences_have_a_reason():
    a = predictions(1.0)
    constant = a.assign(prediction=1.0)
    found = paired_difference(a, constant, "pcc", threshold=None)
    assert found["difference"] is None
    assert "constant prediction" in found["reason"]
    found = paired_difference(a, a, "auroc", threshold=None, pooling="pooled")
    assert (found["difference"], found["p_permutation"]) == (None, None)
    assert "no threshold" in found["reason"]
