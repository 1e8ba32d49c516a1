"""Verdicts of claims, their hash, and what a claim may not say."""

import dataclasses
import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from personalize.config import AdaptationConfig, PersonalizeConfig
from personalize.evaluation.claims import (
    INCONCLUSIVE,
    NOT_SUPPORTED,
    SUPPORTED,
    ClaimConfig,
    ClaimSide,
    answer,
    claim_hash,
    verdict,
)
from personalize.evaluation.comparison import paired_difference
from personalize.evaluation.metrics import METRICS
from personalize.protocols.population import PopulationConfig
from pretrain.errors import UserError

NONE, RIDGE = ClaimSide("none"), ClaimSide("ridge", 5)


def claim(**changes):
    """Ridge has a lower MAE than the population model, by half a point."""
    wanted = {"says": "labels help", "metric": "mae", "direction": "lower", "delta": 0.5, "better": RIDGE, "than": NONE}
    return ClaimConfig(**(wanted | changes))


def predictions(error, people=12, seed=0):
    """Two units of each person; `error` is what each prediction is off by, without its sign."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(2, 8, 2 * people)
    return pd.DataFrame(
        {
            "participant": np.repeat([f"sub-{i:02d}" for i in range(people)], 2),
            "recording": "ses-01",
            "onset": np.tile([0.0, 1.0], people),
            "truth": truth,
            "prediction": truth + error,
        }
    )


limits = st.lists(st.floats(-100, 100), min_size=3, max_size=3).map(sorted)


@given(limits, st.floats(1e-6, 50))
@example([0.1, 0.2, 0.3], 0.5)  # a difference, but too small a one
@example([0.1, 0.6, 1.0], 0.5)
@example([-0.1, 0.6, 1.0], 0.5)
@example([0.0, 0.5, 1.0], 0.5)  # an interval that touches 0 is not above it
@example([0.1, 0.3, 0.5], 0.5)  # one that touches delta is not below it
def test_every_interval_has_exactly_one_verdict(ordered, delta):
    low, estimate, high = ordered
    holds = {
        SUPPORTED: low > 0 and estimate >= delta,
        NOT_SUPPORTED: high < delta,
        INCONCLUSIVE: not (low > 0 and estimate >= delta) and not high < delta,
    }
    assert [name for name, true in holds.items() if true] == [verdict(estimate, low, high, delta)]


@given(limits, st.floats(1e-6, 50), st.floats(0.01, 100))
def test_the_unit_of_the_metric_does_not_matter(ordered, delta, unit):
    """Points or tenths of points: powers of two, so that nothing is rounded."""
    factor = 2.0 ** round(np.log2(unit))
    low, estimate, high = ordered
    scaled = verdict(estimate * factor, low * factor, high * factor, delta * factor)
    assert scaled == verdict(estimate, low, high, delta)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ((0.8, 0.6, 1.0), SUPPORTED),
        ((0.5, 0.01, 1.0), SUPPORTED),
        ((0.49, 0.01, 1.0), INCONCLUSIVE),
        ((0.8, 0.0, 1.6), INCONCLUSIVE),
        ((0.3, 0.2, 0.4), NOT_SUPPORTED),
        ((0.0, -0.4, 0.4), NOT_SUPPORTED),
        ((-3.0, -4.0, -2.0), NOT_SUPPORTED),
        ((0.0, -0.5, 0.5), INCONCLUSIVE),
    ],
)
def test_verdicts_at_delta_one_half(limits, said):
    assert verdict(*limits, 0.5) == said


def test_an_answer_is_the_paired_difference_in_the_claimed_direction():
    rng = np.random.default_rng(1)
    good, bad = predictions(rng.normal(size=24)), predictions(2 * rng.normal(size=24))
    row, found = answer(claim(), good, bad, threshold=4.0), paired_difference(good, bad, "mae", threshold=4.0)
    assert (row["estimate"], row["low"], row["high"]) == (-found["difference"], -found["high"], -found["low"])
    assert row["low"] < row["estimate"] < row["high"]
    assert row["n_participants"] == 12
    higher = answer(claim(metric="auroc", direction="higher"), good, bad, threshold=4.0)
    assert higher["estimate"] == paired_difference(good, bad, "auroc", threshold=4.0)["difference"]


def test_a_claim_and_its_opposite_are_not_both_supported():
    rng = np.random.default_rng(1)
    good, bad = predictions(0.1 * rng.normal(size=24)), predictions(2 * rng.normal(size=24))
    assert answer(claim(), good, bad, threshold=None)["verdict"] == SUPPORTED
    assert answer(claim(), bad, good, threshold=None)["verdict"] == NOT_SUPPORTED


def test_a_difference_that_cannot_be_had_has_no_verdict():
    same = predictions(0.0)
    row = answer(claim(metric="auroc", direction="higher"), same, same, threshold=None)
    assert (row["verdict"], row["estimate"], row["low"]) == ("undefined", None, None)
    assert "no threshold" in row["reason"]
    one = answer(claim(), predictions(0.1, people=1), predictions(0.5, people=1), threshold=None)
    assert (one["verdict"], one["reason"]) == ("undefined", "no interval over one participant")


def test_marks_are_part_of_the_verdict():
    row = answer(claim(), predictions(0.1), predictions(2.0), threshold=None, marks=["LEAKY", "ORACLE"])
    assert (row["verdict"], row["marks"]) == ("supported LEAKY ORACLE", ["LEAKY", "ORACLE"])


def test_the_hash_is_that_of_the_canonical_text():
    text = (
        '{"about":{"inputs":1},"claim":{"better":{"adaptation":"ridge","k":5,"system":null},"delta":0.5,'
        '"direction":"lower","metric":"mae","pooling":"mean_over_participants","says":"labels help",'
        '"than":{"adaptation":"none","k":0,"system":null}}}'
    )
    assert claim_hash(claim(), {"inputs": 1}) == hashlib.sha256(text.encode()).hexdigest()


def test_the_hash_sees_every_change_and_no_order():
    about = {"config": {"seed": 0, "draws": 2000}, "inputs": {"ratings": "abc"}}
    changed = {
        "says": "labels help a lot", "metric": "mse", "delta": 0.25, "pooling": "pooled",
        "better": ClaimSide("ridge", 6), "than": ClaimSide("none", system="other"),
    }  # fmt: skip
    hashes = [claim_hash(claim(**{key: value}), about) for key, value in changed.items()]
    hashes.append(claim_hash(claim(metric="auroc", direction="higher"), about))
    hashes.append(claim_hash(claim(), {**about, "inputs": {"ratings": "abd"}}))
    assert len({claim_hash(claim(), about), *hashes}) == len(hashes) + 1
    turned = {"inputs": about["inputs"], "config": dict(reversed(about["config"].items()))}
    assert claim_hash(claim(), turned) == claim_hash(claim(), about)
    fields = {field.name for field in dataclasses.fields(ClaimConfig)}
    assert fields == {*changed, "direction"}, "a new field needs its line above"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"metric": "maee"}, "unknown metric 'maee'; did you mean 'mae'"),
        ({"metric": "calibration_slope", "direction": "higher"}, "best in the middle"),
        ({"direction": "higher"}, "lower mae is better"),
        ({"than": RIDGE}, "both sides are ridge k=5"),
    ],
)
def test_claims_that_say_nothing_are_refused(wrong, says):
    with pytest.raises(UserError, match=says):
        claim(**wrong)


@pytest.mark.parametrize("wrong", [{"delta": 0.0}, {"delta": -1.0}, {"delta": np.inf}, {"says": ""}, {"detla": 1.0}])
def test_wrong_values_are_refused_by_key(wrong):
    with pytest.raises(ValidationError) as caught:
        claim(**wrong)
    assert caught.value.errors()[0]["loc"] == (next(iter(wrong)),)


@pytest.mark.parametrize(
    ("settings", "changes", "says"),
    [
        ({}, {"better": ClaimSide("ridge", 4)}, r"`better`, ridge k=4, is not among .*did you mean 'ridge k=5'"),
        ({}, {"than": ClaimSide("rigde", 5)}, "`than`, rigde k=5, is not among"),
        ({"kind": "number"}, {"metric": "brier"}, "brier is not defined for a target of kind numeric"),
        ({"kind": "class"}, {"metric": "mae"}, "mae is not defined for a target of kind class"),
        ({"population": PopulationConfig()}, {}, "claims compare adaptations to persons"),
    ],
)
def test_claims_that_a_config_cannot_answer_are_refused(settings, changes, says):
    with pytest.raises(UserError, match=says):
        PersonalizeConfig(claims=(claim(**changes),), **settings)


def test_two_classes_may_have_probabilities():
    PersonalizeConfig(kind="class", claims=(claim(metric="brier"),))


def test_none_is_always_among_the_sides():
    config = PersonalizeConfig(adaptations=(AdaptationConfig("ridge", 5),), claims=(claim(),))
    assert config.claims[0].than == NONE


@pytest.mark.parametrize("metric", sorted(set(METRICS) - {"calibration_intercept", "calibration_slope"}))
def test_every_other_metric_has_one_direction(metric):
    made = []
    for direction in ("lower", "higher"):
        try:
            made.append(claim(metric=metric, direction=direction).direction)
        except UserError:
            continue
    assert made == ["lower" if metric in {"mse", "mae", "mae_by_level", "brier", "ece"} else "higher"]
