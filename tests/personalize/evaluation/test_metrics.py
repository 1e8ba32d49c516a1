"""Metrics against hand-computed and published values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.evaluation.metrics import METRICS

TRUTH = np.array([1.0, 2.0, 3.0, 6.0])
PREDICTION = np.array([2.0, 2.0, 5.0, 5.0])


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("mae", 1.0),  # (1 + 0 + 2 + 1) / 4
        ("pcc", 9 / np.sqrt(14 * 9)),  # sums about the means 3 and 3.5: Stp 9, Stt 14, Spp 9
        ("ccc", 2 * 2.25 / (3.5 + 2.25 + 0.25)),
        ("auroc", 2.5 / 3),  # cut at 4: 6 against 1, 2, 3; 5 beats 2 and 2 and ties with 5
        ("f1_macro", (2 / 3 + 4 / 5) / 2),  # tp 1, fp 1, fn 0, tn 2
    ],
)
def test_by_hand(metric, expected):
    assert METRICS[metric](TRUTH, PREDICTION, 4.0).value == pytest.approx(expected, abs=1e-12)


def test_concordance_of_a_shifted_copy():
    """Lin 1989: precision 1 times accuracy 2 / (v + 1/v + u^2), with u the shift in standard deviations."""
    truth = np.arange(10.0)
    u = 3 / truth.std()
    assert METRICS["ccc"](truth, truth + 3, None).value == pytest.approx(2 / (2 + u**2), abs=1e-12)
    assert METRICS["ccc"](truth, np.full(10, 3.0), None).value == 0.0


def test_anscombes_quartet():
    x = np.array([10.0, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5])
    y = np.array([8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68])
    assert METRICS["pcc"](x, y, None).value == pytest.approx(0.816, abs=5e-4)


@pytest.mark.parametrize(
    ("metric", "truth", "prediction", "threshold", "reason"),
    [
        ("auroc", [1, 2], [1, 2], 4.0, "all 2 units below 4"),
        ("f1_macro", [5, 6], [1, 2], 4.0, "all 2 units at or above 4"),
        ("auroc", [1, 6], [1, 2], None, "no threshold"),
        ("pcc", [1, 1], [1, 2], None, "constant truth"),
        ("pcc", [1, 2], [1, 1 + 1e-15], None, "constant prediction"),
        ("pcc", [1], [1], None, "fewer than two units"),
        ("ccc", [1], [1], None, "fewer than two units"),
        ("ccc", [1, 1], [1, 2], None, "constant truth"),
        ("mae", [], [], None, "no units"),
    ],
)
def test_undefined_is_none_with_a_reason(metric, truth, prediction, threshold, reason):
    value = METRICS[metric](np.array(truth, float), np.array(prediction, float), threshold)
    assert value.value is None
    assert reason in value.reason


floats = st.floats(-100, 100, allow_subnormal=False).map(lambda v: round(v, 3))


@given(st.lists(st.tuples(floats, floats), min_size=2, max_size=30))
def test_ranges(pairs):
    truth, prediction = np.array(pairs).T
    found = {name: metric(truth, prediction, 0.0).value for name, metric in METRICS.items()}
    for name in ("auroc", "f1_macro"):
        assert found[name] is None or 0 <= found[name] <= 1
    for name in ("pcc", "ccc"):
        assert found[name] is None or -1 - 1e-9 <= found[name] <= 1 + 1e-9
    if found["pcc"] is not None:
        assert abs(found["ccc"]) <= abs(found["pcc"]) + 1e-9
