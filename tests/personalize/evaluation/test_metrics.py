"""Metrics against hand-computed and published values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from personalize.evaluation.metrics import METRICS, metrics_of
from personalize.evaluation.plain_numbers import icc
from personalize.evaluation.targets import Target

TRUTH = np.array([1.0, 2.0, 3.0, 6.0])
PREDICTION = np.array([2.0, 2.0, 5.0, 5.0])


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("mae", 1.0),  # (1 + 0 + 2 + 1) / 4
        ("mse", 1.5),  # (1 + 0 + 4 + 1) / 4
        ("mae_by_level", 1.0),
        ("pcc", 9 / np.sqrt(14 * 9)),  # sums about the means 3 and 3.5: Stp 9, Stt 14, Spp 9
        ("ccc", 2 * 2.25 / (3.5 + 2.25 + 0.25)),
        ("kappa_quadratic", 2 * 2.25 / (3.5 + 2.25 + 0.25)),  # the levels are whole
        ("icc31", 18 / 23),  # 2 Stp / (Stt + Spp)
        ("calibration_slope", 1.0),  # Stp / Spp
        ("calibration_intercept", -0.5),
        ("c_index", 5 / 6),  # 5 pairs rightly, 2 of them... (1,2): tie, (3,6): tie -> 4 + 2/2 of 6
        ("auroc", 2.5 / 3),  # cut at 4: 6 against 1, 2, 3; 5 beats 2 and 2 and ties with 5
        ("auprc", 0.5),  # the one event is found together with one other
        ("accuracy", 0.75),  # tp 1, fp 1, fn 0, tn 2
        ("balanced_accuracy", (1 + 2 / 3) / 2),
        ("f1_macro", (2 / 3 + 4 / 5) / 2),
        ("f1_micro", 0.75),
        ("sensitivity", 1.0),
        ("specificity", 2 / 3),
        ("ppv", 0.5),
        ("npv", 1.0),
    ],
)
def test_by_hand(metric, expected):
    assert METRICS[metric](TRUTH, PREDICTION, 4.0).value == pytest.approx(expected, abs=1e-12)


def test_probabilities_by_hand():
    truth, prediction = np.array([0.0, 0, 1, 1]), np.array([0.1, 0.6, 0.62, 1.0])
    found = {m: METRICS[m](truth, prediction, Target("probability")).value for m in metrics_of("probability")}
    brier = (0.01 + 0.36 + 0.38**2) / 4
    assert found["brier"] == pytest.approx(brier, abs=1e-12)
    assert found["brier_scaled"] == pytest.approx(1 - brier / 0.25, abs=1e-12)
    assert found["ece"] == pytest.approx((0.1 + abs(1 - 1.22) + 0.0) / 4, abs=1e-12)  # bins 1, 6 and the last
    assert (found["auroc"], found["auprc"], found["accuracy"], found["sensitivity"]) == (1.0, 1.0, 0.75, 1.0)


def test_several_classes_by_hand():
    truth, prediction = np.array([0.0, 0, 1, 1, 2, 2]), np.array([0.0, 0, 1, 2, 2, 0])
    found = {m: METRICS[m](truth, prediction, Target("class")).value for m in metrics_of("class")}
    assert found["accuracy"] == found["f1_micro"] == pytest.approx(4 / 6, abs=1e-12)
    assert found["balanced_accuracy"] == pytest.approx((1 + 0.5 + 0.5) / 3, abs=1e-12)
    assert found["f1_macro"] == pytest.approx((4 / 5 + 2 / 3 + 2 / 4) / 3, abs=1e-12)
    assert found["sensitivity"] is None


def test_a_rare_level_counts_as_much_as_a_common_one():
    truth, prediction = np.array([0.0, 0, 0, 0, 4]), np.array([0.0, 0, 0, 1, 1])
    assert METRICS["mae_by_level"](truth, prediction, None).value == pytest.approx((0.25 + 3) / 2, abs=1e-12)


def test_shrout_and_fleiss_1979():
    """Six targets and four judges: table 2, with the coefficients of table 4 and of later packages."""
    ratings = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
    assert icc(ratings) == pytest.approx((0.289764, 0.714841), abs=5e-7)
    truth, prediction = ratings[:, 0], ratings[:, 2]
    found = [METRICS[name](truth, prediction, None).value for name in ("icc21", "icc31")]
    assert found == pytest.approx(icc(ratings[:, [0, 2]]), abs=1e-12)


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
    found = [METRICS[f"calibration_{name}"](y, x, None).value for name in ("slope", "intercept")]
    assert found == pytest.approx((0.5, y.mean() - x.mean()), abs=5e-4)  # the published line: y = 3 + 0.5 x


def test_quadratic_kappa_from_its_definition():
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, 9, (2, 80)).astype(float)
    truth[truth == 4] = 8  # a level that neither uses much changes no weight
    observed = np.mean((truth - prediction) ** 2)
    expected = np.mean((truth[:, None] - prediction[None]) ** 2)
    assert METRICS["kappa_quadratic"](truth, prediction, None).value == pytest.approx(1 - observed / expected, abs=1e-9)
    assert METRICS["kappa_quadratic"](truth, prediction + 0.3, None).value == pytest.approx(
        1 - observed / expected, abs=1e-9
    )


def test_calibration_of_two_probabilities_is_saturated():
    """With two different predictions the logistic fit goes through both observed shares."""
    prediction = np.repeat([0.2, 0.7], [10, 20])
    truth = np.concatenate([np.arange(10) < 3, np.arange(20) < 12]).astype(float)
    slope = (logit(0.6) - logit(0.3)) / (logit(0.7) - logit(0.2))
    probability = Target("probability")
    assert METRICS["calibration_slope"](truth, prediction, probability).value == pytest.approx(slope, abs=1e-9)
    intercept = METRICS["calibration_intercept"](truth, prediction, probability).value
    assert expit(logit(prediction) + intercept).sum() == pytest.approx(truth.sum(), abs=1e-9)


def test_extreme_probabilities_have_a_slope_below_one():
    rng = np.random.default_rng(0)
    x = rng.normal(size=40_000)
    truth = (rng.random(len(x)) < expit(x)).astype(float)
    found = METRICS["calibration_slope"](truth, expit(2 * x + 0.5), Target("probability")).value
    assert found == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("metric", "truth", "prediction", "target", "reason"),
    [
        ("auroc", [1, 2], [1, 2], 4.0, "all 2 units of one class"),
        ("f1_macro", [5, 6], [1, 2], 4.0, "all 2 units of one class"),
        ("auroc", [1, 6], [1, 2], None, "no threshold"),
        ("sensitivity", [1, 2], [1, 6], 4.0, "no event in the truth"),
        ("specificity", [5, 6], [1, 6], 4.0, "nothing but events"),
        ("ppv", [1, 6], [1, 2], 4.0, "no event was called"),
        ("npv", [1, 6], [5, 5], 4.0, "everything was called"),
        ("pcc", [1, 1], [1, 2], None, "constant truth"),
        ("pcc", [1, 2], [1, 1 + 1e-15], None, "constant prediction"),
        ("pcc", [1], [1], None, "fewer than two units"),
        ("ccc", [1], [1], None, "fewer than two units"),
        ("ccc", [1, 1], [1, 2], None, "constant truth"),
        ("icc21", [1, 1], [1, 2], None, "constant truth"),
        ("icc21", [1, 2], [2, 1], None, "estimate of the variance is 0"),
        ("kappa_quadratic", [1, 1], [1, 1], None, "constant truth"),
        ("c_index", [1, 1], [1, 2], None, "constant truth"),
        ("calibration_slope", [1, 2], [1, 1], None, "constant prediction"),
        ("calibration_slope", [0, 1], [0.2, 0.7], Target("probability"), "no finite slope"),
        ("calibration_intercept", [1, 1], [0.2, 0.7], Target("probability"), "all 2 units of one class"),
        ("brier_scaled", [1, 1], [0.2, 0.7], Target("probability"), "all 2 units of one class"),
        ("balanced_accuracy", [1, 1], [1, 2], Target("class"), "all 2 units of one class"),
        *((m, [], [], None, "no units") for m in ("mae", "mse", "mae_by_level", "calibration_intercept")),
        *((m, [], [], Target("probability"), "no units") for m in ("ece", "brier", "accuracy", "f1_micro")),
    ],
)
def test_undefined_is_none_with_a_reason(metric, truth, prediction, target, reason):
    value = METRICS[metric](np.array(truth, float), np.array(prediction, float), target)
    assert value.value is None
    assert reason in value.reason


floats = st.floats(-100, 100, allow_subnormal=False).map(lambda v: round(v, 3))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(floats, floats), min_size=2, max_size=30))
def test_ranges(pairs):
    truth, prediction = np.array(pairs).T
    found = {name: METRICS[name](truth, prediction, 0.0).value for name in metrics_of("numeric")}
    for name in ("pcc", "ccc", "icc31", "kappa_quadratic"):
        assert found[name] is None or -1 - 1e-9 <= found[name] <= 1 + 1e-9
    for name in set(found) - {"pcc", "ccc", "icc21", "icc31", "kappa_quadratic", "mse", "mae", "mae_by_level"}:
        assert name.startswith("calibration") or found[name] is None or 0 <= found[name] <= 1
    if found["pcc"] is not None:
        assert abs(found["ccc"]) <= abs(found["pcc"]) + 1e-9


@settings(deadline=None)
@given(st.lists(st.tuples(floats, floats), min_size=2, max_size=25))
def test_concordance_counts_pairs(pairs):
    truth, prediction = np.array(pairs).T
    wins = [
        (p > q) + (p == q) / 2
        for t, p in zip(truth, prediction, strict=True)
        for u, q in zip(truth, prediction, strict=True)
        if t > u
    ]
    found = METRICS["c_index"](truth, prediction, None).value
    assert found == pytest.approx(np.mean(wins), abs=1e-9) if wins else found is None
