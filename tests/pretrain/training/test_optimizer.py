"""The schedule, and what the path of a parameter decides."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pretrain.encoders.conv import ConvConfig
from pretrain.encoders.frames import FrameConfig
from pretrain.encoders.vit import VideoViTConfig
from pretrain.errors import UserError
from pretrain.training.mesh import make_mesh
from pretrain.training.optimizer import OptimizerConfig, hold, make_optimizer, make_schedule, rate_scales
from pretrain.training.step import abstract_state
from tests.support.small import small

DEPTH = 4


@pytest.fixture(scope="module")
def params():
    config = small(encoder__depth=DEPTH, masked__weight=1.0, masked__decoder_depth=3)
    return abstract_state(config, make_mesh())["params"]


def by_path(tree):
    return {jax.tree_util.keystr(p, simple=True, separator="/"): x for p, x in jax.tree.leaves_with_path(tree)}


def test_rate_rises_in_a_line_and_falls_as_a_cosine_to_zero():
    schedule = make_schedule(OptimizerConfig(learning_rate=2.0, warmup=10), 110)
    wanted = [*np.arange(10) / 5, *(1 + np.cos(np.pi * np.arange(101) / 100))]
    np.testing.assert_allclose([schedule(t) for t in range(111)], wanted, atol=1e-5)


def test_nothing_is_scaled_unless_asked(params):
    assert {np.unique(s).item() for s in by_path(rate_scales(OptimizerConfig(), params)).values()} == {1.0}


def test_layers_decay_from_the_top_down_slice_by_slice(params):
    scales = by_path(rate_scales(OptimizerConfig(layer_decay=0.5), params))
    for path, scale in scales.items():
        if path.startswith("encoder/blocks/"):
            assert scale.shape == (DEPTH,) + (1,) * (by_path(params)[path].ndim - 1)
            np.testing.assert_allclose(scale.ravel(), 0.5 ** np.arange(DEPTH, 0, -1))
        elif path.startswith(("encoder/embed/", "encoder/position")):
            assert scale == 0.5 ** (DEPTH + 1)
        else:  # the encoder's last norm and look maps, the heads, and the decoder with its own blocks
            assert (scale == 1).all()
    assert sum(path.startswith("encoder/blocks/") for path in scales) > 10
    assert any(path.startswith("decoder/blocks/") for path in scales)


def test_one_block_is_frozen_by_its_number(params):
    scales = by_path(rate_scales(OptimizerConfig(freeze=("encoder/embed/*", "encoder/blocks/[02]/*")), params))
    for path, scale in scales.items():
        if path.startswith("encoder/blocks/"):
            assert scale.ravel().tolist() == [0, 1, 0, 1]
        else:
            assert (scale == 0).all() == path.startswith("encoder/embed/")


@pytest.mark.parametrize(
    "encoder",
    [VideoViTConfig(frames=4, depth=2), FrameConfig(frames=4, depth=2), ConvConfig(frames=4)],
    ids=lambda encoder: encoder.kind,
)
def test_every_parameter_of_every_encoder_has_a_path_that_can_be_named(encoder):
    params = abstract_state(replace(small(), encoder=encoder), make_mesh())["params"]
    for path in by_path(params):
        first = path.replace("/blocks/", "/blocks/0/")
        scales = by_path(rate_scales(OptimizerConfig(freeze=(first,)), params))
        assert [p for p, s in scales.items() if not np.all(s)] == [path]


def test_pattern_that_matches_nothing_names_the_nearest_path(params):
    with pytest.raises(UserError, match=r"no parameter's path matches 'encoder/embde/kernel'.*'encoder/embed/kernel'"):
        rate_scales(OptimizerConfig(freeze=("encoder/embde/kernel",)), params)


def test_layer_decay_needs_layers():
    with pytest.raises(UserError, match="needs an encoder with blocks"):
        rate_scales(OptimizerConfig(layer_decay=0.9), {"encoder": {"trunk": jnp.ones((3, 3))}})


def test_matrices_decay_and_biases_norms_and_positions_do_not(params):
    config = OptimizerConfig(weight_decay=0.5)
    ones, zeros = (jax.tree.map(lambda a, n=n: np.full(a.shape, n, np.float32), params) for n in (1, 0))
    optimizer = make_optimizer(config, params)
    updates = by_path(jax.jit(lambda p, g: optimizer.update(g, optimizer.init(p), p)[0])(ones, zeros))
    decayed = {path: bool((u == 0.5).all()) for path, u in updates.items()}
    assert all(decayed[path] or (np.asarray(u) == 0).all() for path, u in updates.items())
    for path, yes in decayed.items():
        assert yes == (path.endswith(("kernel", "look", "pairwise"))), path


def test_update_is_that_of_adamw():
    """Against optax's own, on a tree where everything decays."""
    rng = np.random.default_rng(0)
    params = {"encoder": {"kernel": jnp.asarray(rng.normal(size=(3, 4)), jnp.float32)}}
    config = OptimizerConfig(learning_rate=0.1, weight_decay=0.2, warmup=2)
    ours, schedule = make_optimizer(config, params), make_schedule(config, 10)
    theirs = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, b2=0.95, weight_decay=0.2))
    a, b, state_a, state_b = params, params, ours.init(params), theirs.init(params)
    for t in range(10):
        grads = {"encoder": {"kernel": jnp.asarray(rng.normal(size=(3, 4)), jnp.float32)}}
        up, state_a = ours.update(grads, state_a, a)
        a = optax.tree.add_scale(a, -schedule(t), up)
        up, state_b = theirs.update(grads, state_b, b)
        b = optax.apply_updates(b, up)
    np.testing.assert_allclose(a["encoder"]["kernel"], b["encoder"]["kernel"], rtol=1e-5)


def test_held_parameters_have_no_gradient():
    params = {"a": jnp.ones((2, 3)), "b": jnp.ones(3), "c": jnp.ones(3)}
    scales = {"a": np.float32([[0], [0.5]]), "b": np.zeros((), np.float32), "c": np.ones((), np.float32)}
    grads = jax.grad(lambda p: sum(x.sum() for x in jax.tree.leaves(hold(p, scales))))(params)
    assert grads["a"].tolist() == [[0] * 3, [1] * 3]
    assert (grads["b"].tolist(), grads["c"].tolist()) == ([0] * 3, [1] * 3)
