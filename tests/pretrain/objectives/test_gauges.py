"""Gauges of collapse at their known values."""

import jax.numpy as jnp
import numpy as np

from pretrain.objectives.gauges import alignment, effective_rank, feature_std, uniformity, within_track_share


def test_effective_rank_of_known_matrices():
    rng = np.random.default_rng(0)
    line = rng.normal(size=(50, 1)) @ rng.normal(size=(1, 8))
    assert abs(effective_rank(jnp.asarray(line)) - 1) < 1e-2
    whole = np.linalg.qr(rng.normal(size=(64, 8)))[0]
    assert effective_rank(jnp.asarray(whole)) > 7.5


def test_feature_std_is_zero_when_all_are_equal_and_near_one_when_spread():
    rng = np.random.default_rng(0)
    assert feature_std(jnp.ones((20, 8))) < 1e-5
    assert abs(feature_std(jnp.asarray(rng.normal(size=(4000, 64)))) - 1) < 0.02


def test_within_track_share_at_its_ends_and_between():
    track = jnp.repeat(jnp.arange(4), 5)
    rng = np.random.default_rng(0)
    person = np.repeat(rng.normal(size=(4, 3)), 5, axis=0)
    assert within_track_share(jnp.asarray(person), track) < 1e-6
    pattern = rng.normal(size=(5, 3))
    same_for_all = np.tile(pattern - pattern.mean(0), (4, 1))
    assert abs(within_track_share(jnp.asarray(same_for_all), track) - 1) < 1e-5
    mixed = person + same_for_all
    expected = (same_for_all**2).sum() / (((mixed - mixed.mean(0)) ** 2).sum())
    np.testing.assert_allclose(within_track_share(jnp.asarray(mixed), track), expected, rtol=1e-4)


def test_alignment_at_its_known_values():
    eye = jnp.eye(4)
    assert alignment(eye, 3 * eye) < 1e-6
    np.testing.assert_allclose(alignment(eye, jnp.roll(eye, 1, axis=0)), 2, rtol=1e-6)
    np.testing.assert_allclose(alignment(eye, -eye), 4, rtol=1e-6)
    half_turned = jnp.concatenate([eye[:2], -eye[2:]])
    np.testing.assert_allclose(alignment(eye, half_turned), 2, rtol=1e-6)


def test_uniformity_at_its_known_values():
    assert abs(uniformity(jnp.ones((5, 3)))) < 1e-6
    np.testing.assert_allclose(uniformity(7 * jnp.eye(6)), -4, rtol=1e-6)
    # the corners of a square: two neighbours at distance² 2 and one opposite at 4, of each corner
    square = jnp.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
    np.testing.assert_allclose(uniformity(square), np.log((2 * np.exp(-4) + np.exp(-8)) / 3), rtol=1e-5)
    many = np.random.default_rng(0).normal(size=(1000, 256))
    np.testing.assert_allclose(uniformity(jnp.asarray(many, jnp.float32)), -4, atol=0.05)
