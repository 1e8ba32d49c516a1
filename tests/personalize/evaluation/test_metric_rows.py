"""No number without its interval."""

import numpy as np
import pandas as pd
import pytest

from personalize.evaluation.metrics import metrics_of
from personalize.evaluation.rows import (
    KEYS,
    POOLINGS,
    RowError,
    check_interval,
    check_rows,
    interval_rows,
    primary_pooling,
    score,
)
from personalize.evaluation.targets import VIEWS
from pretrain.errors import UserError
from tests.personalize.evaluation.evaluation_worlds import world, world_of


def a_row(**changes):
    row = dict.fromkeys(KEYS, "x") | {"value": 0.5, "low": 0.4, "high": 0.6, "interval": "b", "reason": None}
    return row | changes


def test_good_rows_pass():
    check_rows([a_row(), a_row(value=None, low=None, high=None, interval=None, reason="one class")])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"low": None}, "number without its interval"),
        ({"high": np.nan}, "number without its interval"),
        ({"interval": None}, "number without its interval"),
        ({"value": np.nan}, "no number with an interval"),
        ({"low": 0.7}, "no number with an interval"),
        ({"value": None}, "null without a reason"),
        ({"extra": 1}, r"keys differ from the layout: \['extra'\]"),
    ],
)
def test_seeded_faults_are_caught(changes, message):
    with pytest.raises(RowError, match=message):
        check_rows([a_row(), a_row(**changes)])


def test_a_missing_key_is_caught():
    row = a_row()
    del row["interval"]
    with pytest.raises(RowError, match="'interval'"):
        check_rows([row])


def scored(**columns):
    table = {"participant": ["a"] * 3 + ["b"] * 3, "truth": [1.0, 2, 6, 1, 1, 1], "prediction": [1.0, 3, 5, 1, 2, 3]}
    rows = score(pd.DataFrame({**table, **columns}), threshold=4.0, seed=0)
    return {(row["metric"], row["pooling"]): row for row in rows}


def test_people_without_a_value_are_left_out_and_counted():
    rows = scored()
    mae = rows["mae", "mean_over_participants"]
    assert (mae["value"], mae["n_participants"], mae["n_units"]) == (pytest.approx(5 / 6), 2, 6)
    factor = np.exp(12.7062047 * (1 / 6) / (5 / 6))  # of two people: t with one degree of freedom
    assert (mae["low"], mae["high"]) == pytest.approx((5 / 6 / factor, 5 / 6 * factor))
    assert rows["mae", "pooled"]["value"] == pytest.approx(5 / 6)
    pcc = rows["pcc", "mean_over_participants"]
    assert (pcc["value"], pcc["n_participants"], pcc["n_units"]) == (None, 1, 3)
    assert "over one participant" in pcc["reason"]
    assert "undefined without 1 of the participants" in rows["pcc", "pooled"]["reason"]
    assert rows["ccc", "pooled"]["n_units"] == 6


def test_the_primary_row_is_the_mean_where_everybody_has_the_metric():
    found = primary_pooling(list(scored().values()))
    assert (found["mae"], found["pcc"]) == POOLINGS
    assert set(found) == set(metrics_of("numeric"))


def test_one_participant_has_no_interval_and_so_no_number():
    for row in scored(participant=["a"] * 6).values():
        assert row["value"] is None
        assert row["reason"]


def of_kind(kind):
    units, target = world_of(kind, cut=True)
    columns = {"participant": units.names[units.code], "truth": units.truth, "prediction": units.prediction}
    return pd.DataFrame({**columns, "cut": units.cut}), target


@pytest.mark.parametrize("kind", VIEWS)
def test_every_kind_of_target_has_all_of_its_metrics(kind):
    table, target = of_kind(kind)
    rows = score(table, threshold=target.threshold, seed=0, kind=kind)
    assert [(r["metric"], r["pooling"]) for r in rows] == [(m, p) for m in metrics_of(kind) for p in POOLINGS]
    for row in rows:
        check_interval(row, row["value"], row["metric"])
        assert row["value"] is None or row["low"] <= row["value"] <= row["high"]
    assert sum(row["value"] is None for row in rows) <= 3


def test_the_cuts_of_the_folds_are_used():
    table, _ = of_kind("numeric")
    rows = {r["metric"]: r for r in score(table.assign(cut=-1e9), threshold=4.2, seed=0) if r["pooling"] == "pooled"}
    assert (rows["sensitivity"]["value"], rows["specificity"]["value"]) == (1.0, 0.0)


def test_another_kind_is_refused():
    with pytest.raises(UserError, match="did you mean 'ordinal'"):
        score(of_kind("numeric")[0], threshold=None, seed=0, kind="ordinl")


def test_all_intervals_stand_beside_the_default():
    truth, prediction, participant = world(12)
    table = pd.DataFrame({"participant": participant, "truth": truth, "prediction": prediction})
    rows = interval_rows(table, ["mae"], threshold=None, draws=500, seed=0)
    names = ["jackknife_t_95", "bootstrap_percentile_95", "bootstrap_bca_95"]
    assert [r["interval"] for r in rows] == [*names, *names, "frames_jackknife_t_95"]
    default = {r["pooling"]: r for r in score(table, threshold=None, seed=0) if r["metric"] == "mae"}
    for row in rows:
        assert row["low"] < row["value"] < row["high"]
        if row["interval"] == "jackknife_t_95":
            assert (row["low"], row["high"]) == (default[row["pooling"]]["low"], default[row["pooling"]]["high"])
    undefined = interval_rows(table, ["auroc"], threshold=None, draws=500, seed=0)
    assert all(row["low"] is None and "no threshold" in row["reason"] for row in undefined)
