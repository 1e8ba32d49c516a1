"""The pairwise loss against a naive loop, and its antisymmetry."""

import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.objectives.pairwise import differences, pairwise_loss


def naive(predicted, measures, rank_weight):
    p, c, _, m = predicted.shape
    values = []
    for t in range(p):
        for i in range(c):
            for j in range(c):
                for k in range(m):
                    if i == j:
                        continue
                    wanted = measures[t, i, k] - measures[t, j, k]
                    error = abs(predicted[t, i, j, k] - wanted)
                    huber = 0.5 * error**2 if error <= 1 else error - 0.5
                    rank = abs(wanted) * np.log1p(np.exp(-np.sign(wanted) * predicted[t, i, j, k]))
                    values.append(huber + rank_weight * rank)
    return np.mean(values)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31 - 1))
def test_loss_equals_the_loop(seed):
    rng = np.random.default_rng(seed)
    features, head = rng.normal(size=(3, 4, 6)), rng.normal(size=(6, 5))
    measures = rng.normal(size=(3, 4, 5)).astype(np.float32)
    predicted = differences(jnp.asarray(features, jnp.float32), jnp.asarray(head, jnp.float32))
    expected = naive(np.asarray(predicted, np.float64), measures, 0.5)
    np.testing.assert_allclose(pairwise_loss(predicted, jnp.asarray(measures), 0.5), expected, rtol=1e-5)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31 - 1))
def test_antisymmetric_exactly(seed):
    rng = np.random.default_rng(seed)
    f = jnp.asarray(rng.normal(size=(2, 5, 8)), jnp.float32)
    d = np.asarray(differences(f, jnp.asarray(rng.normal(size=(8, 5)), jnp.float32)))
    assert (d == -d.transpose(0, 2, 1, 3)).all()


def test_what_is_the_same_all_along_a_track_costs_nothing_and_teaches_nothing():
    rng = np.random.default_rng(0)
    f, head = jnp.asarray(rng.normal(size=(2, 5, 8)), jnp.float32), jnp.asarray(rng.normal(size=(8, 5)), jnp.float32)
    identity = jnp.asarray(rng.normal(size=(2, 1, 8)), jnp.float32)
    np.testing.assert_allclose(differences(f, head), differences(f + identity, head), atol=1e-4)
