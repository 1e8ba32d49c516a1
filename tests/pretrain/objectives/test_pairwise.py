"""The pairwise loss against a naive loop, its antisymmetry, and what it leaves out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.objectives.pairwise import absolute_loss, differences, head_values, pairwise_loss
from tests.support import naive_objectives as naive


def some_clips(seed, p=2, c=4, d=5, m=3):
    rng = np.random.default_rng(seed)
    features, head = rng.normal(size=(p, c, d)), rng.normal(size=(d, m))
    return features, head, rng.normal(size=(p, c, m)), rng.random((p, c, m)) < 0.8


def single(*arrays):
    return [jnp.asarray(a, jnp.float32 if a.dtype == np.float64 else a.dtype) for a in arrays]


def loss(features, head, measures, known, rank_weight=0.5):
    return pairwise_loss(differences(features, head), measures, known, rank_weight)


def absolute(features, head, measures, known):
    return absolute_loss(head_values(features, head), measures, known)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("ours", "loop"),
    [
        (loss, lambda f, h, m, k: naive.pairwise_loss(f, h, m, k, 0.5)),
        (absolute, naive.absolute_loss),
    ],
)
def test_loss_and_gradients_equal_the_loop(seed, ours, loop):
    f, h, m, k = some_clips(seed)
    assert not k.all()
    value, gradients = jax.jit(jax.value_and_grad(ours, argnums=(0, 1)))(*single(f, h, m, k))
    np.testing.assert_allclose(value, loop(f, h, m, k), rtol=1e-5)
    np.testing.assert_allclose(gradients[0], naive.gradient(lambda x: loop(x, h, m, k), f), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(gradients[1], naive.gradient(lambda x: loop(f, x, m, k), h), rtol=1e-3, atol=1e-5)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31 - 1), st.sampled_from([1.0, 1e3]))
def test_antisymmetric_exactly(seed, scale):
    rng = np.random.default_rng(seed)
    f = jnp.asarray(scale + rng.normal(size=(3, 7, 96)), jnp.float32)
    head = jnp.asarray(rng.normal(size=(96, 5)), jnp.float32)
    for program in (differences, jax.jit(differences)):
        d = np.asarray(program(f, head))
        assert (d == -d.transpose(0, 2, 1, 3)).all()


def test_what_is_the_same_all_along_a_track_costs_nothing():
    f, head, _, _ = single(*some_clips(0))
    identity = jnp.asarray(np.random.default_rng(1).normal(size=(2, 1, 5)), jnp.float32)
    np.testing.assert_allclose(differences(f, head), differences(f + identity, head), atol=1e-4)


@pytest.mark.parametrize(("ours", "free"), [(loss, True), (absolute, False)])
def test_only_the_absolute_term_leaves_no_free_offset(ours, free):
    f, head, measures, known = single(*some_clips(0))
    slope = jax.jit(jax.grad(lambda offset: ours(f + offset, head, measures, known)))(jnp.zeros((2, 1, 5)))
    assert (np.abs(np.asarray(slope)).max() < 1e-6) == free


@pytest.mark.parametrize("ours", [loss, absolute])
def test_unknown_measures_neither_train_nor_dilute(ours):
    f, head, measures, known = single(*some_clips(0))
    both = jax.jit(jax.value_and_grad(ours, argnums=(0, 1)))
    for nonsense in (np.nan, 1e9):
        other = jnp.where(known, measures, nonsense)
        one, two = (both(f, head, m, known) for m in (measures, other))
        jax.tree.map(np.testing.assert_array_equal, one, two)
    # a measure that is known nowhere changes nothing, not even the mean
    blind = known.at[:, :, 2].set(False)
    np.testing.assert_allclose(
        ours(f, head, measures, blind), ours(f, head[:, :2], measures[:, :, :2], known[:, :, :2]), rtol=1e-6
    )
    value, gradients = both(f, head, measures, jnp.zeros_like(known))
    assert value == 0
    assert all((g == 0).all() for g in gradients)


def test_perfect_differences_leave_the_ranking_term_alone():
    _, _, measures, known = single(*some_clips(0))
    wanted = measures[:, :, None] - measures[:, None]
    assert pairwise_loss(wanted, measures, known, 0.0) < 1e-7
    assert pairwise_loss(wanted, measures, known, 1.0) > 0.1
    assert pairwise_loss(3 * wanted, measures, known, 1.0) > pairwise_loss(wanted, measures, known, 1.0)
    assert pairwise_loss(-wanted, measures, known, 1.0) > pairwise_loss(0 * wanted, measures, known, 1.0)
