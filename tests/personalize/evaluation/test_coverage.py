"""How often intervals hold the truth: a small cell of `scripts/coverage`, and the truth that it counts by."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from personalize.evaluation.metrics import METRICS

SCRIPT = runpy.run_path(str(Path(__file__).parents[3] / "scripts" / "coverage"))


def test_the_closed_forms_are_the_metrics_of_very_many_people():
    seen = SCRIPT["world"](20_000, 0.6, np.random.default_rng(0))
    for units, system in zip(seen, (SCRIPT["A"], SCRIPT["B"]), strict=True):
        for metric, true in SCRIPT["true_values"](system).items():
            found = METRICS[metric](units.truth, units.prediction, SCRIPT["CENTRE"]).value
            assert found == pytest.approx(true, abs=0.015)


@pytest.mark.long
def test_the_default_holds_the_truth_and_the_interval_over_frames_does_not():
    """200 simulations of 25 people (and few draws for the bootstrap, which is not looked at).

    Of 0.95 the count has a standard deviation of 0.015, of 0.65 one of 0.034.
    """
    hits = SCRIPT["simulate"](25, 200, 20, 0.6, 0)
    for series, each in hits.items():
        default, frames = each[:, 0].mean(), each[:, 3].mean()
        assert 0.88 < default <= 1, series
        assert series[2] == "mean" or frames < default - 0.08, series
    assert hits["value", "auroc", "pooled"][:, 3].mean() < 0.8


def test_a_count_outside_the_promise_stands_out():
    cell, verdict = SCRIPT["cell"], SCRIPT["verdict"]
    good, bad = np.repeat([1.0, 0.0], [95, 5]), np.repeat([1.0, 0.0], [80, 20])
    assert cell(good).startswith("0.950 [0.88")
    assert cell(bad).startswith("**0.800**")
    assert verdict({25: {("value", "mae", "pooled"): good[:, None]}}).endswith("in every cell.")
    assert "value mae pooled at 25 people (0.800)" in verdict({25: {("value", "mae", "pooled"): bad[:, None]}})
    assert verdict({12: {("value", "mae", "pooled"): bad[:, None]}}).endswith("in every cell.")
