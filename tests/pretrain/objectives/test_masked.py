"""The masked loss against a naive loop, and that the decoder is shown what is in sight and nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from pydantic import TypeAdapter, ValidationError

from pretrain.clips.augment import kept_cells
from pretrain.objectives.masked import Decoder, MaskedConfig, cell_pixels, hidden_tubes, masked_loss, place
from tests.support import naive_objectives as naive

CELLS = (2, 3, 2)


def some_clips(channels=1):
    rng = np.random.default_rng(0)
    clips = rng.normal(size=(3, 4, 6, 4, channels)).astype(np.float32)
    keep = np.stack([rng.permutation(6)[:2] for _ in range(3)])
    pixels = 2 * 2 * 2 * channels
    return clips, keep, rng.normal(size=(3, 2, 6, pixels)).astype(np.float32)


def loss(predicted, clips, keep):
    return masked_loss(predicted, cell_pixels(clips, CELLS), hidden_tubes(keep, 6))


@pytest.mark.parametrize("channels", [1, 3])
def test_loss_and_gradient_equal_the_loop(channels):
    clips, keep, predicted = some_clips(channels)
    value, gradient = jax.jit(jax.value_and_grad(loss))(*map(jnp.asarray, (predicted, clips, keep)))
    np.testing.assert_allclose(value, naive.masked_loss(predicted, clips, keep, CELLS), rtol=1e-5)
    sample = [(0, 0, s, 1) for s in range(6)] + [(2, 1, s, 7) for s in range(6)]
    for at in sample:
        step = np.zeros(predicted.shape)
        step[at] = 1e-4
        up, down = (naive.masked_loss(predicted + sign * step, clips, keep, CELLS) for sign in (1, -1))
        np.testing.assert_allclose(gradient[at], (up - down) / 2e-4, rtol=1e-3, atol=1e-6)
    in_sight = np.zeros((3, 2, 6), bool)
    in_sight[np.arange(3)[:, None, None], np.arange(2)[:, None], keep[:, None]] = True
    assert (np.asarray(gradient)[in_sight] == 0).all()
    assert (np.asarray(gradient)[~in_sight] != 0).all()


def test_blank_cells_do_not_blow_up():
    pixels = cell_pixels(jnp.zeros((1, 4, 6, 4, 1)), CELLS)
    assert (pixels == 0).all()


def test_tokens_in_sight_go_to_their_tubes():
    seen = jnp.arange(8, dtype=jnp.float32).reshape(1, 2, 2, 2)
    placed = np.asarray(place(seen, jnp.array([[4, 1]]), jnp.array([-1.0, -2.0]), 6))
    assert placed.shape == (1, 2, 6, 2)
    for time in range(2):
        assert (placed[0, time, 4] == seen[0, time, 0]).all()
        assert (placed[0, time, 1] == seen[0, time, 1]).all()
        assert (placed[0, time, [0, 2, 3, 5]] == [-1, -2]).all()


def test_hidden_tubes_are_the_stated_share():
    keep = kept_cells(jax.random.key(0), 50, 49, 0.25)
    hidden = np.asarray(hidden_tubes(keep, 49))
    assert (hidden.sum(1) == 49 - 12).all()
    assert len({tuple(h) for h in hidden}) == 50


def test_decoder_does_not_care_in_what_order_it_is_shown_the_tubes():
    config = MaskedConfig(weight=1.0, decoder_width=32, decoder_depth=1)
    decoder = Decoder(config, 5, CELLS, 8, rngs=nnx.Rngs(0), dtype=jnp.float32, platform="cpu")
    tokens = jax.random.normal(jax.random.key(1), (2, 2, 3, 5))
    keep = jnp.array([[0, 3, 5], [2, 1, 4]])
    turned = jnp.array([2, 0, 1])
    paint = jax.jit(lambda tokens, keep: decoder(tokens.reshape(2, 6, 5), keep))
    one = paint(tokens, keep)
    np.testing.assert_allclose(one, paint(tokens[:, :, turned], keep[:, turned]), atol=1e-5)
    assert np.abs(np.asarray(one - paint(tokens[:, :, turned], keep))).max() > 1e-3


@pytest.mark.parametrize("wrong", [{"decoder_width": 48}, {"share": 0.0}, {"share": 1.0}, {"weight": -1}])
def test_wrong_configs_are_refused(wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(MaskedConfig).validate_python(wrong)
