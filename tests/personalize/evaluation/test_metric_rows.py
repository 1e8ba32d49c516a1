"""No number without its interval."""

import numpy as np
import pandas as pd
import pytest

from personalize.evaluation.rows import KEYS, RowError, check_rows, score


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
    rows = score(pd.DataFrame({**table, **columns}), threshold=4.0, draws=2000, seed=0)
    return {(row["metric"], row["pooling"]): row for row in rows}


def test_people_without_a_value_are_left_out_and_counted():
    rows = scored()
    mae = rows["mae", "mean_over_participants"]
    assert (mae["value"], mae["n_participants"], mae["n_units"]) == (pytest.approx(5 / 6), 2, 6)
    assert (mae["low"], mae["high"]) == pytest.approx((2 / 3, 1.0))
    assert rows["mae", "pooled"]["value"] == pytest.approx(5 / 6)
    pcc = rows["pcc", "mean_over_participants"]
    assert (pcc["value"], pcc["n_participants"], pcc["n_units"]) == (None, 1, 3)
    assert "over one participant" in pcc["reason"]
    assert rows["pcc", "pooled"]["value"] is not None


def test_one_participant_has_no_interval_and_so_no_number():
    for row in scored(participant=["a"] * 6).values():
        assert row["value"] is None
        assert row["reason"]
