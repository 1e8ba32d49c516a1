"""The population head against naive refits and scikit-learn."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge

from personalize.heads.ridge import RidgeHead
from personalize.protocols.leakage import LeakError


def people(rng, n=60, d=8, groups=5):
    x = rng.normal(size=(n, d)) * rng.uniform(0.5, 3, d) + rng.normal(size=d)
    group = np.array([f"sub-{i}" for i in rng.integers(groups, size=n)])
    return x, x[:, 0] - x[:, 1] + rng.normal(size=n), group


def naive(x, y, w, scale, alpha, rows):
    """Ridge with a free intercept on the given rows, features scaled as stated."""
    model = Ridge(alpha=alpha)
    model.fit(x[rows] / scale, y[rows], sample_weight=w[rows])
    return model


@pytest.mark.parametrize("shape", [(60, 8), (30, 40)])  # more rows than features, and fewer
def test_equals_scikit_learn_and_leave_one_participant_out_refits(shape):
    rng = np.random.default_rng(0)
    x, y, group = people(rng, *shape)
    w = rng.uniform(0.2, 2, len(y))
    w /= w.mean()
    head = RidgeHead(alphas=(0.03,)).fit(x, y, group, held_out=["sub-99"], sample_weight=w)
    alpha = 0.03 * len(y)
    model = naive(x, y, w, head.scale_, alpha, slice(None))
    np.testing.assert_allclose(head.predict(x).value, model.predict(x / head.scale_), atol=1e-8)
    for name in np.unique(group):
        rest = naive(x, y, w, head.scale_, alpha, group != name)
        np.testing.assert_allclose(
            head.left_out_.value[group == name], rest.predict(x[group == name] / head.scale_), atol=1e-8
        )


def test_chooses_the_strength_with_least_error_on_left_out_people():
    rng = np.random.default_rng(1)
    x, y, group = people(rng, n=40, d=20)
    alphas = (1e-3, 0.1, 10.0)
    head = RidgeHead(alphas).fit(x, y, group, held_out=[])
    errors = []
    for alpha in alphas:
        left = RidgeHead((alpha,)).fit(x, y, group, held_out=[]).left_out_.value
        errors.append(np.mean([np.mean((left - y)[group == g] ** 2) for g in np.unique(group)]))
    assert head.alpha_ == alphas[int(np.argmin(errors))]


def test_features_without_spread_are_harmless():
    rng = np.random.default_rng(2)
    x, y, group = people(rng)
    x[:, 3] = 7.0
    assert np.isfinite(RidgeHead().fit(x, y, group, held_out=[]).predict(x).value).all()
    constant = RidgeHead().fit(np.ones_like(x), y, group, held_out=[])
    np.testing.assert_allclose(constant.predict(x).value, y.mean())


def test_records_who_it_saw_and_refuses_who_is_held_out():
    x, y, group = people(np.random.default_rng(3))
    head = RidgeHead().fit(x, y, group, held_out=["sub-7"])
    assert head.participants_ == set(group)
    with pytest.raises(LeakError, match="' SUB-2'"):
        RidgeHead().fit(x, y, group, held_out=[" SUB-2"])
    assert clone(head).get_params() == head.get_params()
