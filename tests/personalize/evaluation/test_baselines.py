"""What every adaptation has to beat, against naive loops and worked examples."""

import numpy as np
import pytest

from personalize.adaptation.base import Prediction
from personalize.evaluation.baselines import BASELINES, ORACLES, Setting, previous_units


def setting(classes=0, ordered=True, seed=0, y=None) -> Setting:
    rng = np.random.default_rng(seed)
    n = 24
    person = np.repeat(["a", "b", "c"], 8)
    labels = rng.integers(0, classes, n).astype(float) if classes else rng.normal(size=n)

    def fitted(x, y):
        return lambda some: Prediction(np.full(len(some), y[:16].mean()), np.ones(len(some)))

    return Setting(
        x=rng.normal(size=(n, 2)),
        columns=("AU04", "AU12"),
        y=labels if y is None else y,
        participant=person,
        recording=person,
        t0=np.tile(np.arange(8.0), 3),
        since=np.tile(np.arange(8.0), 3),
        ordered=ordered,
        train=np.arange(16),
        test=np.arange(20, 24),
        classes=classes,
        fitted=fitted,
        seed=seed,
    )


def test_majority_is_the_training_mean_or_the_commonest_class():
    at = setting()
    np.testing.assert_allclose(BASELINES["majority"](at).value, at.y[:16].mean())
    at = setting(classes=3)
    found = BASELINES["majority"](at)
    np.testing.assert_allclose(found.probability[0], np.bincount(at.y[:16].astype(int), minlength=3) / 16)
    assert set(found.value) == {float(np.bincount(at.y[:16].astype(int)).argmax())}


def test_previous_label_is_that_of_the_unit_before():
    at = setting()
    np.testing.assert_array_equal(BASELINES["previous_label"](at).value, at.y[19:23])
    first = at._replace(test=np.array([16, 17]))
    np.testing.assert_array_equal(BASELINES["previous_label"](first).value, [at.y[:16].mean(), at.y[16]])
    classes = setting(classes=3)
    np.testing.assert_array_equal(BASELINES["previous_label"](classes).value, classes.y[19:23])
    assert BASELINES["previous_label"](setting(ordered=False)) == "the rows have no order in time"


def test_previous_units_by_a_naive_loop():
    rng = np.random.default_rng(1)
    recording, t0 = rng.choice(["r", "s"], 40), rng.integers(0, 15, 40).astype(float)
    for i, j in enumerate(previous_units(recording, t0)):
        before = [t0[k] for k in range(40) if recording[k] == recording[i] and t0[k] < t0[i]]
        assert (j == -1) == (not before)
        if before:
            assert recording[j] == recording[i]
            assert t0[j] == max(before)


def test_participant_oracle_is_the_mean_of_the_persons_test_labels():
    at = setting()._replace(test=np.arange(12, 24), train=np.arange(8))
    found = BASELINES["participant_oracle"](at).value
    np.testing.assert_allclose(found[:4], at.y[12:16].mean())
    np.testing.assert_allclose(found[4:], at.y[16:24].mean())


@pytest.mark.parametrize("name", ["permuted_within", "permuted_across"])
def test_permuted_labels_are_the_training_peoples_own(name):
    seen = {}

    def fitted(x, y):
        seen["y"] = y
        return lambda some: Prediction(np.zeros(len(some)), np.ones(len(some)))

    at = setting()._replace(fitted=fitted)
    BASELINES[name](at)
    y = seen["y"]
    np.testing.assert_array_equal(y[16:], at.y[16:])
    np.testing.assert_allclose(np.sort(y[:16]), np.sort(at.y[:16]))
    assert (y[:16] != at.y[:16]).sum() > 8
    same_people = sorted(y[:8]) == sorted(at.y[:8])
    assert same_people == (name == "permuted_within")
    BASELINES[name](at)
    np.testing.assert_array_equal(seen["y"], y)


@pytest.mark.parametrize("name", sorted(set(BASELINES) - set(ORACLES)))
def test_only_oracles_look_at_test_labels(name):
    at = setting()
    other = setting(y=np.where(np.arange(24) >= 16, 50.0, at.y))
    a, b = (BASELINES[name](one) for one in (at, other))
    assert isinstance(a, str) or np.array_equal(a.value, b.value)
