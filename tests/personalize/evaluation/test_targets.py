"""Which metric is defined for which kind of target, and what a target may hold."""

import re

import numpy as np
import pytest

from personalize.evaluation import targets
from personalize.evaluation.metrics import METRICS, metrics_of
from personalize.evaluation.targets import VIEWS, Target, check_target
from pretrain.errors import UserError


def test_the_table_of_the_docstring_is_the_one_that_counts():
    lines = [line for line in targets.__doc__.splitlines() if line.startswith("| ") and "metrics" not in line]
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in lines]
    written = {m: row[1:] for row in cells for m in row[0].split(", ")}
    kinds = ("class", "ordinal", "numeric", "probability")
    assert written == {m: [VIEWS[kind].get(m, "–") for kind in kinds] for m in METRICS}


def test_every_fixed_name_is_defined_for_some_kind():
    fixed = """accuracy balanced_accuracy auroc auprc f1_macro f1_micro kappa_quadratic sensitivity specificity ppv npv
    mse mae mae_by_level pcc ccc icc21 icc31 c_index brier brier_scaled calibration_intercept calibration_slope ece"""
    assert set(re.findall(r"\w+", fixed)) == set(METRICS) == {m for kind in VIEWS for m in metrics_of(kind)}


def test_a_metric_of_another_kind_is_undefined():
    truth, prediction = np.array([0.0, 1.0]), np.array([0.2, 0.7])
    assert (
        METRICS["brier"](truth, prediction, Target("numeric", 0.5)).reason == "not defined for a target of kind numeric"
    )
    assert "kind class" in METRICS["mae"](truth, prediction, Target("class")).reason


def test_a_cut_is_not_the_threshold():
    """Truth 1 2 6 7 with events from 4 on; a cautious model never says more than 3 and is cut where training says."""
    truth, prediction = np.array([1.0, 2, 6, 7]), np.array([1.0, 1.5, 2.5, 3.0])
    assert METRICS["sensitivity"](truth, prediction, 4.0).value == 0.0
    assert METRICS["sensitivity"](truth, prediction, 4.0, np.full(4, 2.0)).value == 1.0
    by_fold = np.array([1.0, 2.0, 3.0, 3.0])  # calls the first and the last
    assert METRICS["sensitivity"](truth, prediction, 4.0, by_fold).value == 0.5
    assert METRICS["specificity"](truth, prediction, 4.0, by_fold).value == 0.5
    assert METRICS["auroc"](truth, prediction, 4.0, by_fold).value == 1.0


@pytest.mark.parametrize(
    ("target", "truth", "prediction", "message"),
    [
        (Target("nummeric"), [1.0], [1.0], "did you mean 'numeric'"),
        (Target("numeric"), [1.0], [np.nan], "finite"),
        (Target("probability"), [0.5], [0.5], "must be 0 or 1"),
        (Target("probability"), [1.0], [1.1], "between 0 and 1"),
        (Target("class"), [0.5], [1.0], "whole numbers"),
    ],
)
def test_what_a_target_may_hold(target, truth, prediction, message):
    with pytest.raises(UserError, match=message):
        check_target(target, np.array(truth), np.array(prediction))
