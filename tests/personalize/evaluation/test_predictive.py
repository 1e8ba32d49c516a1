"""Predictive intervals, people worse off, cuts, and means over draws: against naive loops."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from personalize.evaluation.comparison import paired_difference
from personalize.evaluation.predictive import coverage, harmed, person_errors
from personalize.evaluation.rows import score
from personalize.protocols.cut import best_cut
from pretrain.errors import UserError

PROBABILITIES = [0.0, 0.1, 0.25, 0.5, 0.7, 1.0]


def table(people=24, units=30, seeds=(0,), noise=1.0, se=1.0, seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    parts = []
    for draw in seeds:
        truth = rng.normal(size=(people, units)) + rng.normal(size=(people, 1))
        parts.append(
            pd.DataFrame(
                {
                    "participant": np.repeat([f"p{i:02d}" for i in range(people)], units),
                    "onset": np.tile(np.arange(units), people),
                    "truth": truth.ravel(),
                    "prediction": (truth + noise * rng.normal(size=truth.shape)).ravel(),
                    "se": se,
                    "seed": draw,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def test_right_standard_errors_cover_what_they_say_and_others_do_not():
    for se, expected in ((1.0, (0.8, 0.95)), (0.5, (0.478, 0.673)), (2.0, (0.990, 0.9999))):
        rows = coverage(table(units=400, se=se))
        assert [row["level"] for row in rows] == [0.8, 0.95]
        for row, value in zip(rows, expected, strict=True):
            assert row["value"] == pytest.approx(value, abs=0.01)
            assert row["low"] <= row["value"] <= row["high"]
    assert coverage(table(se=np.nan))[0]["reason"] == "no standard error"


def test_harmed_counts_people_by_a_naive_loop():
    before, after = table(noise=1.0, seed=1), table(noise=1.0, seed=1)
    after["prediction"] = after["truth"] + 1.05 * np.random.default_rng(5).normal(size=len(after))
    found = harmed(after, before, "numeric", 0.1)
    change = [
        (a["truth"] - a["prediction"]).abs().mean() - (b["truth"] - b["prediction"]).abs().mean()
        for (_, a), (_, b) in zip(after.groupby("participant"), before.groupby("participant"), strict=True)
    ]
    assert found["harmed"] == sum(c > 0.1 for c in change)
    assert found["helped"] == sum(c < -0.1 for c in change)
    assert found["value"] == pytest.approx(found["harmed"] / 24)
    assert 0 < found["harmed"] < 24
    nobody = harmed(before, before, "numeric", 0.1)
    assert (nobody["harmed"], nobody["low"]) == (0, 0.0)
    assert nobody["high"] == pytest.approx(1 - 0.025 ** (1 / 24))


def test_errors_of_classes_are_shares_of_wrong_ones():
    found = table().assign(truth=1.0)
    found["prediction"] = (np.arange(len(found)) % 3 > 0).astype(float)
    np.testing.assert_allclose(person_errors(found, "class"), 1 / 3)


def test_scores_of_draws_are_the_mean_over_draws():
    many = table(seeds=(3, 4, 5), people=9, units=12)
    rows = {(r["metric"], r["pooling"]): r for r in score(many, threshold=0.5, seed=0)}
    each = [score(part, threshold=0.5, seed=0) for _, part in many.groupby("seed")]
    for metric in ("mae", "ccc", "auroc", "f1_macro"):
        alone = [r["value"] for rows in each for r in rows if (r["metric"], r["pooling"]) == (metric, "pooled")]
        assert rows[metric, "pooled"]["value"] == pytest.approx(np.mean(alone), abs=1e-12)
        assert rows[metric, "pooled"]["n_units"] == 9 * 12
    by_person = many.groupby(["participant", "seed"]).apply(
        lambda p: (p["truth"] - p["prediction"]).abs().mean(), include_groups=False
    )
    assert rows["mae", "mean_over_participants"]["value"] == pytest.approx(by_person.mean(), abs=1e-12)
    assert rows["mae", "mean_over_participants"]["low"] < rows["mae", "mean_over_participants"]["high"]


def test_differences_of_draws_are_paired_draw_by_draw():
    a, b = table(seeds=(1, 2), people=8, units=10), table(seeds=(1, 2), people=8, units=10)
    b["prediction"] += 0.3
    for pooling in ("pooled", "mean_over_participants"):
        found = paired_difference(a, b, "mae", threshold=None, pooling=pooling)
        alone = [
            paired_difference(a[a["seed"] == s], b[b["seed"] == s], "mae", threshold=None, pooling=pooling)
            for s in (1, 2)
        ]
        assert found["difference"] == pytest.approx(np.mean([one["difference"] for one in alone]), abs=1e-12)
        assert 0 < found["p_permutation"] <= 1
    with pytest.raises(UserError, match="not the same test units"):
        paired_difference(a, b[b["seed"] == 1], "mae", threshold=None)


def test_draws_of_other_people_are_refused():
    many = table(seeds=(1, 2), people=5)
    with pytest.raises(UserError, match="the draws do not test the same people"):
        score(many[(many["seed"] == 1) | (many["participant"] != "p00")], threshold=None, seed=0)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PROBABILITIES), st.booleans()), min_size=2, max_size=25))
def test_the_cut_has_the_highest_balanced_accuracy_there_is(pairs):
    probability, event = (np.array(each) for each in zip(*pairs, strict=True))
    cut = best_cut(probability.astype(float), event.astype(float))
    assert 0 <= cut <= 1
    if event.all() or not event.any():
        assert cut == 0.5
        return
    found = balanced_accuracy_score(event, probability >= cut)
    best = max(balanced_accuracy_score(event, probability >= c) for c in [*PROBABILITIES, 1.01])  # no cut calls others
    assert found == pytest.approx(best)
    if roc_auc_score(event, probability) == 1:
        assert found == 1
