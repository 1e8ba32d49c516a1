"""Augmentation changes what it should, and nothing when it is off."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pretrain.clips import augment as module
from pretrain.clips.augment import AugmentConfig, kept_cells, normalise

pytestmark = pytest.mark.usefixtures("compile_quickly")

augment = jax.jit(module.augment, static_argnums=(2, 3, 4))
to_input = jax.jit(module.to_input, static_argnums=(1, 2))
OFF = AugmentConfig(shift=0, zoom=0, flip=0, gamma=0, ramp=0, noise=0, cutout=0)


def clips(n=3):
    return jnp.asarray(np.random.default_rng(0).integers(0, 255, (n, 4, 16, 16, 1)), jnp.uint8)


def test_off_is_the_plain_input():
    plain = to_input(clips(), 16, 1.0)
    np.testing.assert_allclose(augment(jax.random.key(0), clips(), 16, 1.0, OFF), plain, atol=2e-3)


def test_flip_is_a_mirror():
    always = AugmentConfig(shift=0, zoom=0, flip=1, gamma=0, ramp=0, noise=0, cutout=0)
    flipped = augment(jax.random.key(0), clips(), 16, 1.0, always)
    np.testing.assert_allclose(flipped, to_input(clips(), 16, 1.0)[:, :, :, ::-1], atol=2e-3)


def test_every_clip_its_own_draw_and_all_frames_the_same():
    still = jnp.broadcast_to(clips(1)[:, :1], (2, 4, 16, 16, 1))
    look = augment(jax.random.key(1), still, 16, 1.0, AugmentConfig(noise=0))
    np.testing.assert_allclose(look[:, :1], look[:, 1:2], atol=1e-5)
    assert float(jnp.abs(look[0] - look[1]).max()) > 0.1


def test_view_is_the_middle_of_the_crop():
    x = clips()
    np.testing.assert_allclose(to_input(x, 8, 0.5), to_input(x[:, :, 4:12, 4:12], 8, 1.0), atol=1e-4)
    same = augment(jax.random.key(0), x, 8, 0.5, OFF)
    np.testing.assert_allclose(same, to_input(x, 8, 0.5), atol=2e-3)


def test_normalise_makes_light_level_irrelevant():
    x = clips().astype(jnp.float32)
    np.testing.assert_allclose(normalise(x), normalise(x * 0.5 + 20), atol=1e-3)


def test_kept_cells_are_distinct_and_of_the_stated_share():
    kept = np.asarray(kept_cells(jax.random.key(0), 5, 40, 0.3))
    assert kept.shape == (5, 12)
    assert all(len(set(row)) == 12 for row in kept.tolist())
    assert not (kept[0] == kept[1]).all()
    assert set(kept.flat) <= set(range(40))
    assert kept_cells(jax.random.key(0), 2, 9, 0.01).shape == (2, 1)
