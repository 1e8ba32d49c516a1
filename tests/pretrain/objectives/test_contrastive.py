"""InfoNCE, its candidates and its targets against naive loops, and the promises of its options."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.objectives.contrastive import (
    candidate_counts,
    centre,
    info_nce,
    measure_distance,
    soft_targets,
    temperature_of,
)
from tests.support import naive_objectives as naive


@pytest.fixture
def clips():
    return some_clips(0)


def some_clips(seed, tracks=4, per_track=3):
    rng = np.random.default_rng(seed)
    n = tracks * per_track
    return {
        "a": rng.normal(size=(n, 4)).astype(np.float32),
        "b": rng.normal(size=(n, 4)).astype(np.float32),
        "track": np.repeat(np.arange(tracks), per_track),
        "time": rng.uniform(0, 10, n).astype(np.float32),
        "measures": rng.normal(size=(n, 5)).astype(np.float32),
        "known": rng.random((n, 5)) < 0.8,
    }


def distances(c):
    return measure_distance(jnp.asarray(c["measures"]), jnp.asarray(c["known"]))


def counts_of(c, share, weighted=True, seconds=1.0):
    return candidate_counts(
        jnp.asarray(c["track"]),
        jnp.asarray(c["time"]),
        distances(c),
        same_track_share=share,
        min_seconds=seconds,
        weighted=weighted,
    )


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_candidates_equal_the_loop(clips, share, weighted):
    distance = naive.measure_distance(clips["measures"], clips["known"])
    np.testing.assert_allclose(distances(clips), distance, rtol=1e-5, atol=1e-7)
    expected = naive.candidate_counts(clips["track"], clips["time"], distance, share, 1.0, weighted)
    np.testing.assert_allclose(counts_of(clips, share, weighted), expected, rtol=1e-4, atol=1e-6)
    targets = soft_targets(distances(clips), counts_of(clips, share, weighted), 0.3)
    np.testing.assert_allclose(targets, naive.soft_targets(distance, expected, 0.3), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_loss_and_every_gradient_equal_the_loop(clips, share, soft):
    counts = counts_of(clips, share)
    targets = soft_targets(distances(clips), counts, 0.3) if soft else jnp.eye(12)
    fixed = (np.asarray(counts, np.float64), np.asarray(targets, np.float64))

    def loss(a, b, log_temperature):
        return info_nce(a, b, counts, targets, temperature_of(log_temperature))

    at = (clips["a"], clips["b"], np.float32(math.log(0.1)))
    value, gradients = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2)))(*map(jnp.asarray, at))
    np.testing.assert_allclose(value, naive.info_nce(at[0], at[1], *fixed, 0.1), rtol=1e-5)
    for which, gradient in enumerate(gradients):

        def along(x, which=which):
            a, b, t = (x if i == which else np.asarray(at[i], np.float64) for i in range(3))
            return naive.info_nce(a, b, *fixed, np.exp(t))

        np.testing.assert_allclose(gradient, naive.gradient(along, at[which]), rtol=1e-3, atol=2e-5)


def test_share_zero_is_the_usual_recipe(clips):
    counts = np.asarray(counts_of(clips, 0.0))
    same = clips["track"][:, None] == clips["track"]
    assert (counts[~same] == 1).all()
    assert (counts[same] == np.eye(12)[same]).all()
    with_only_one_clip_per_track = jnp.asarray(clips["a"][::3]), jnp.asarray(clips["b"][::3])
    value = info_nce(*with_only_one_clip_per_track, jnp.ones((4, 4)), jnp.eye(4), jnp.asarray(0.1))
    a, b = (z / jnp.linalg.norm(z, axis=1, keepdims=True) for z in with_only_one_clip_per_track)
    clip = [optax.softmax_cross_entropy_with_integer_labels(s, jnp.arange(4)).mean() for s in (a @ b.T, b @ a.T)]
    assert not np.allclose(value, sum(clip) / 2)  # at temperature 1
    clip = [optax.softmax_cross_entropy_with_integer_labels(10 * s, jnp.arange(4)).mean() for s in (a @ b.T, b @ a.T)]
    np.testing.assert_allclose(value, sum(clip) / 2, rtol=1e-5)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31 - 1), st.floats(0, 0.95), st.booleans())
def test_candidates_keep_their_promises(seed, share, weighted):
    c = some_clips(seed, tracks=3, per_track=4)
    c["measures"][1] = c["measures"][2] = c["measures"][0]
    counts = np.asarray(counts_of(c, share, weighted, seconds=0.5))
    own = np.eye(12, dtype=bool)
    same = (c["track"][:, None] == c["track"]) & ~own
    near = np.abs(c["time"][:, None] - c["time"]) <= 0.5
    assert (counts[own] == 1).all()
    assert (counts[same & near] == 0).all()
    if weighted:
        assert counts[0, 1] == counts[1, 2] == 0  # same expression: no negative
    negatives = np.where(own, 0, counts)
    has = (negatives * same).sum(1) > 0
    np.testing.assert_allclose(negatives.sum(1), 8, rtol=1e-5)
    np.testing.assert_allclose((negatives * same).sum(1)[has], 8 * share, rtol=1e-4)


def test_unknown_measures_say_nothing_of_a_distance():
    measures, known = jnp.array([[0.0, 5.0], [1.0, 9.0], [0.0, 0.0]]), jnp.array([[1, 1], [1, 0], [0, 0]]).astype(bool)
    expected = [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    np.testing.assert_array_equal(measure_distance(measures, known), expected)


def test_narrow_targets_are_the_own_view_and_wide_ones_are_all_candidates(clips):
    counts = counts_of(clips, 0.3)
    np.testing.assert_allclose(soft_targets(distances(clips), counts, 1e-3), np.eye(12), atol=1e-6)
    np.testing.assert_allclose(
        soft_targets(distances(clips), counts, 1e6), counts / counts.sum(1, keepdims=True), rtol=1e-4
    )


def test_soft_loss_is_lowest_where_similarity_is_minus_the_distance():
    """Two dimensions, temperature and width such that cos = 1 - distance can be had exactly."""
    angle = np.linspace(0, 2, 7)
    z = jnp.asarray(np.stack([np.cos(angle), np.sin(angle)], 1), jnp.float32)
    distance = jnp.clip(1 - z @ z.T, 0)
    counts = jnp.ones((7, 7))
    targets = soft_targets(distance, counts, 0.3)
    gradient_of = jax.jit(jax.grad(info_nce))
    gradient = gradient_of(z, z, counts, targets, jnp.asarray(0.3))
    np.testing.assert_allclose(gradient, 0, atol=1e-6)
    one_hot = gradient_of(z, z, counts, jnp.eye(7), jnp.asarray(0.3))
    assert np.abs(np.asarray(one_hot)).max() > 0.01


def test_perfect_views_of_apart_clips_have_no_loss():
    eye = jnp.eye(6)
    assert info_nce(eye, eye, jnp.ones((6, 6)), eye, jnp.asarray(0.02)) < 1e-6


def test_features_of_length_zero_have_a_finite_gradient():
    value, gradient = jax.jit(jax.value_and_grad(info_nce))(
        jnp.zeros((4, 3)), jnp.ones((4, 3)), jnp.ones((4, 4)), jnp.eye(4), jnp.asarray(0.1)
    )
    np.testing.assert_allclose(value, math.log(4), rtol=1e-6)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(("start", "wanted", "ends"), [(1e-4, 0.5, 0.5), (30.0, 0.5, 0.5), (0.1, 1e-9, 0.01)])
def test_temperature_stays_in_its_range_and_comes_back_from_outside(start, wanted, ends):
    log_temperature = jnp.asarray(math.log(start))
    slope = jax.jit(jax.grad(lambda t: (jnp.log(temperature_of(t)) - math.log(wanted)) ** 2))
    for step in range(300):
        if step % 50 == 0:
            assert 0.01 - 1e-6 <= temperature_of(log_temperature) <= 1 + 1e-6
        log_temperature -= 0.05 * slope(log_temperature)
    np.testing.assert_allclose(temperature_of(log_temperature), ends, rtol=1e-3)


def found(centred, own):
    """Share of clips whose other view is the nearest one."""
    a, b = (z / np.linalg.norm(z, axis=-1, keepdims=True) for z in (centred[:, :, 0], centred[:, :, 1]))
    a, b = a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])
    return ((a @ b.T).argmax(1) == own).mean()


def test_centring_takes_the_track_away_and_leaks_no_answer():
    rng = np.random.default_rng(0)
    tracks, clips = 100, 4
    views_without_a_face = rng.normal(size=(tracks, clips, 2, 512)).astype(np.float32)
    own = np.arange(tracks * clips)
    chance = 1 / (tracks * clips)
    assert found(np.asarray(centre(jnp.asarray(views_without_a_face))), own) < 5 * chance
    # the mean of the other clips' views is the same vector in both views of a clip, and gives it away
    everything = views_without_a_face.sum((1, 2), keepdims=True)
    others = (everything - views_without_a_face.sum(2, keepdims=True)) / (2 * clips - 2)
    assert found(views_without_a_face - others, own) > 20 * chance

    who = 3 * rng.normal(size=(tracks, 1, 1, 512)).astype(np.float32)
    np.testing.assert_allclose(
        centre(jnp.asarray(views_without_a_face + who)), centre(jnp.asarray(views_without_a_face)), atol=1e-4
    )
