"""The video transformer: token order, token dropping, remat, sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from pydantic import ValidationError

from pretrain.encoders.vit import SIZES, VideoViT, VideoViTConfig

SMALL = VideoViTConfig(width=16, depth=2, heads=2, tubelet=(2, 8, 8), frames=4, size=16)


def net(config=SMALL, seed=0):
    return VideoViT(config, rngs=nnx.Rngs(seed))


def some_clips(n=2):
    return jnp.asarray(np.random.default_rng(0).normal(size=(n, 4, 16, 16, 1)), jnp.float32)


def test_tubelets_are_in_space_time_order():
    x = jnp.arange(4 * 16 * 16, dtype=jnp.float32).reshape(1, 4, 16, 16, 1)
    tokens = np.asarray(net()._tubelets(x))
    assert tokens.shape == (1, SMALL.tokens, 2 * 8 * 8)
    expected = np.asarray(x)[0, 2:4, 0:8, 8:16, 0].reshape(-1)  # second half in time, top row, right column
    assert (tokens[0, 5] == expected).all()


def test_keeping_all_tokens_in_any_order_changes_nothing():
    model, x = net(), some_clips()
    order = jnp.stack([jnp.arange(SMALL.tokens)[::-1]] * 2)
    np.testing.assert_allclose(model(x).vector, model(x, order).vector, atol=1e-5)


def test_dropped_tokens_are_not_seen():
    model, x = net(), some_clips(1)
    keep = jnp.array([[0, 1]])
    changed = x.at[:, 2:].set(9.0)  # tokens 4.. only
    np.testing.assert_allclose(model(x, keep).vector, model(changed, keep).vector, atol=1e-6)
    assert not np.allclose(model(x).vector, model(changed).vector)


def test_remat_gives_the_same_gradient():
    def gradient(config):
        graph, params = nnx.split(net(config), nnx.Param)
        return jax.grad(lambda p: (nnx.merge(graph, p)(some_clips()).vector ** 2).sum())(params)

    plain = gradient(SMALL)
    remat = gradient(VideoViTConfig(width=16, depth=2, heads=2, tubelet=(2, 8, 8), frames=4, size=16, remat=True))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), nnx.to_pure_dict(plain), nnx.to_pure_dict(remat)
    )


@pytest.mark.parametrize(("name", "millions"), [("tiny", 5.5), ("small", 21.6), ("base", 86.0), ("large", 303.5)])
def test_sizes_have_the_usual_parameter_counts(name, millions):
    """Of the usual ViT with 16 x 16 patches, counted without its class token and classifier."""
    config = VideoViTConfig(**SIZES[name], frames=1, size=224, tubelet=(1, 16, 16), channels=3)
    state = nnx.state(nnx.eval_shape(lambda: VideoViT(config, rngs=nnx.Rngs(0))), nnx.Param)
    count = sum(int(np.prod(x.shape)) for x in jax.tree.leaves(nnx.to_pure_dict(state)))
    assert abs(count / 1e6 - millions) < 0.02 * millions


@pytest.mark.parametrize("wrong", [{"size": 50}, {"frames": 5}, {"width": 97}])
def test_sizes_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValidationError):
        VideoViTConfig(**wrong)
