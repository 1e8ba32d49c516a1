"""Standardisation per person, from units without labels."""

import numpy as np
import pytest
from sklearn.base import clone

from personalize.adaptation.normalise import Normalise
from pretrain.errors import UserError

RNG = np.random.default_rng(0)
PERSON = np.repeat(["a", "b", "c"], [40, 40, 1])
X = RNG.normal(size=(81, 3)) * np.repeat([[1.0], [3.0], [1.0]], [40, 40, 1], axis=0) + 5
X[PERSON == "b", 2] = 7.0


def test_everybody_has_mean_zero_and_their_own_spread():
    out = Normalise(strength=1e-9).fit_transform(X, groups=PERSON)
    for person in ("a", "b"):
        np.testing.assert_allclose(out[person == PERSON].mean(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(out[person == PERSON][:, :2].std(axis=0, ddof=1), 1, atol=1e-6)
    np.testing.assert_array_equal(out[PERSON == "b"][:, 2], 0)  # constant
    np.testing.assert_array_equal(out[PERSON == "c"], 0)  # a single row is its own mean


def test_spreads_are_shrunk_to_the_pooled_one_within_people():
    model = Normalise(strength=5.0).fit(X, groups=PERSON)
    ss = sum(((X[p == PERSON] - X[p == PERSON].mean(0)) ** 2).sum(0) for p in "abc")
    pooled = ss / (81 - 3)
    own = ((X[PERSON == "a"] - X[PERSON == "a"].mean(0)) ** 2).sum(0)
    np.testing.assert_allclose(model.scales_["a"] ** 2, (own + 5 * pooled) / 44)
    np.testing.assert_allclose(model.scales_["c"] ** 2, pooled)


def test_people_unknown_get_the_mean_and_spread_of_all():
    model = Normalise().fit(X, groups=PERSON)
    np.testing.assert_allclose(model.transform(X[:2], np.array(["new", "new"])), (X[:2] - X.mean(0)) / X.std(0))
    assert model.seen_.participants == model.participants_ == {"a", "b", "c"}
    assert clone(model).get_params() == {"strength": 1.0}


def test_a_column_without_spread_in_anybody_is_harmless():
    flat = np.column_stack([X, np.full(81, 4.0)])
    model = Normalise().fit(flat, groups=PERSON)
    out = model.transform(flat, np.append(PERSON[:-1], "new"))
    np.testing.assert_array_equal(out[:, 3], 0)
    assert np.isfinite(out).all()


def test_rows_that_are_not_finite_are_refused_in_the_fit_and_kept_as_such_afterwards():
    bad = X.copy()
    bad[PERSON == "c"] = np.nan
    with pytest.raises(UserError, match="'c' has features not finite in 1 of 1 rows"):
        Normalise().fit(bad, groups=PERSON)
    out = Normalise().fit(X, groups=PERSON).transform(bad, PERSON)
    assert np.isnan(out[-1]).all() and np.isfinite(out[:-1]).all()
