"""InfoNCE and its negative weights against naive loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.objectives.contrastive import info_nce, negative_weights


def naive_info_nce(a, b, negatives, temperature):
    a = a / (np.linalg.norm(a, axis=1, keepdims=True) + 1e-6)
    b = b / (np.linalg.norm(b, axis=1, keepdims=True) + 1e-6)
    total = 0.0
    for x, y in ((a, b), (b, a)):
        for i in range(len(x)):
            positive = np.exp(x[i] @ y[i] / temperature)
            rest = sum(negatives[i, j] * np.exp(x[i] @ y[j] / temperature) for j in range(len(x)) if j != i)
            total -= np.log(positive / (positive + rest))
    return total / (2 * len(a))


def naive_weights(track, time, measures, share, seconds):
    n = len(track)
    weights = np.zeros((n, n))
    for i in range(n):
        others = [j for j in range(n) if track[j] != track[i]]
        within = {
            j: np.abs(measures[i] - measures[j]).mean()
            for j in range(n)
            if track[j] == track[i] and abs(time[i] - time[j]) > seconds
        }
        total = sum(within.values())
        used = share if total > 0 else 0.0
        for j in others:
            weights[i, j] = 1 - used
        for j, distance in within.items():
            if total > 0:
                weights[i, j] = used * len(others) * distance / total
    return weights


@pytest.fixture
def clips():
    rng = np.random.default_rng(0)
    track = np.repeat(np.arange(4), 3)
    return {
        "a": rng.normal(size=(12, 8)).astype(np.float32),
        "b": rng.normal(size=(12, 8)).astype(np.float32),
        "track": track,
        "time": rng.uniform(0, 10, 12).astype(np.float32),
        "measures": rng.normal(size=(12, 5)).astype(np.float32),
    }


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_loss_and_gradient_equal_the_loop(clips, share):
    c = clips
    weights = negative_weights(
        jnp.asarray(c["track"]),
        jnp.asarray(c["time"]),
        jnp.asarray(c["measures"]),
        same_track_share=share,
        min_seconds=1.0,
    )
    expected_weights = naive_weights(c["track"], c["time"], c["measures"], share, 1.0)
    off_diagonal = ~np.eye(12, dtype=bool)
    np.testing.assert_allclose(np.asarray(weights)[off_diagonal], expected_weights[off_diagonal], rtol=1e-4, atol=1e-6)
    value = info_nce(jnp.asarray(c["a"]), jnp.asarray(c["b"]), weights, 0.1)
    np.testing.assert_allclose(value, naive_info_nce(c["a"], c["b"], expected_weights, 0.1), rtol=1e-4)
    gradient = jax.grad(lambda a: info_nce(a, jnp.asarray(c["b"]), weights, 0.1))(jnp.asarray(c["a"]))
    step = np.zeros_like(c["a"], dtype=np.float64)
    step[3, 2] = 1e-4
    up, down = (
        naive_info_nce(c["a"].astype(np.float64) + s * step, c["b"].astype(np.float64), expected_weights, 0.1)
        for s in (1, -1)
    )
    np.testing.assert_allclose(gradient[3, 2], (up - down) / 2e-4, rtol=1e-3)


def test_share_zero_is_the_usual_recipe(clips):
    c = clips
    weights = negative_weights(
        jnp.asarray(c["track"]),
        jnp.asarray(c["time"]),
        jnp.asarray(c["measures"]),
        same_track_share=0.0,
        min_seconds=0.1,
    )
    same = c["track"][:, None] == c["track"]
    assert (np.asarray(weights)[~same] == 1).all()
    assert (np.asarray(weights)[same] == 0).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31 - 1), st.floats(0, 0.95))
def test_weights_keep_their_promises(seed, share):
    rng = np.random.default_rng(seed)
    track, time = np.repeat(np.arange(3), 4), rng.uniform(0, 3, 12).astype(np.float32)
    measures = rng.normal(size=(12, 5)).astype(np.float32)
    measures[1] = measures[2] = measures[0]
    w = np.asarray(
        negative_weights(
            jnp.asarray(track), jnp.asarray(time), jnp.asarray(measures), same_track_share=share, min_seconds=0.5
        )
    )
    same = track[:, None] == track
    near = np.abs(time[:, None] - time) <= 0.5
    assert (w[same & near] == 0).all()
    assert w[0, 1] == w[1, 2] == 0  # same expression: no negative
    has = (w * same).sum(1) > 0
    np.testing.assert_allclose(w.sum(1), 8, rtol=1e-5)
    np.testing.assert_allclose((w * same).sum(1)[has], 8 * share, rtol=1e-4)


def test_perfect_views_of_apart_clips_have_no_loss():
    eye = jnp.eye(6)
    assert info_nce(eye, eye, jnp.ones((6, 6)), 0.02) < 1e-6
