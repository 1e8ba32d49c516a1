"""The formulas against a count of every product in the traced program; nothing is compiled."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import pytest
from flax import nnx
from jax.extend import core

from pretrain.clips.augment import AugmentConfig, number_kept
from pretrain.encoders.conv import ConvConfig
from pretrain.encoders.encoder import make_encoder
from pretrain.encoders.frames import FrameConfig
from pretrain.encoders.vit import SIZES, VideoViTConfig
from pretrain.training.flops import forward_flops, mfu, peak_flops, training_flops
from pretrain.training.losses import make_loss, make_views
from pretrain.training.mesh import make_mesh
from pretrain.training.step import abstract_batch, abstract_state
from tests.support.small import small


def counted(jaxpr):
    """Two operations for every multiplication of a matrix product or a convolution, scans as often as they run."""
    total = 0
    for equation in jaxpr.eqns:
        shapes = [v.aval.shape for v in equation.invars]
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            total += 2 * math.prod(equation.outvars[0].aval.shape) * math.prod(shapes[0][i] for i in contracted)
        if equation.primitive.name == "conv_general_dilated":
            out = equation.params["dimension_numbers"].rhs_spec[0]
            total += 2 * math.prod(equation.outvars[0].aval.shape) * math.prod(shapes[1]) // shapes[1][out]
        inner = [p for p in jax.tree.leaves(dict(equation.params), is_leaf=is_jaxpr) if is_jaxpr(p)]
        times = equation.params["length"] if equation.primitive.name == "scan" else 1
        total += times * sum(counted(getattr(p, "jaxpr", p)) for p in inner)
    return total


def is_jaxpr(x):
    return isinstance(x, core.Jaxpr | core.ClosedJaxpr)


VIT = VideoViTConfig(frames=8, size=48, width=24, depth=5, heads=3, tubelet=(2, 8, 8), channels=3)


@pytest.mark.parametrize(
    ("encoder", "share"),
    [
        (VIT, 1.0),
        (replace(VIT, attention="factorised", mlp_ratio=2), 1.0),
        (VIT, 0.3),
        (replace(VIT, attention="factorised", remat=True), 0.3),
        (FrameConfig(frames=6, size=50, depth=3), 1.0),
        (ConvConfig(frames=6, size=50, channels=3, stages=(8, 16, 24)), 1.0),
    ],
)
def test_forward_is_every_product_of_the_encoder(encoder, share):
    net = nnx.eval_shape(lambda: make_encoder(encoder, rngs=nnx.Rngs(0)))
    clips = jax.ShapeDtypeStruct((2, encoder.frames, encoder.size, encoder.size, encoder.channels), jnp.float32)
    kept = number_kept(math.prod(encoder.cells[1:]), share)
    keep = None if share == 1 else jax.ShapeDtypeStruct((2, kept), jnp.int32)
    program = jax.make_jaxpr(lambda n, c, k: n(c, k).vector)(net, clips, keep)
    assert counted(program.jaxpr) == 2 * forward_flops(encoder, share)


def test_training_is_every_product_of_the_step_within_a_twentieth():
    config = replace(
        small(masked__weight=1.0, masked__decoder_width=128, batch__tracks=2, contrastive__weight=0.1),
        encoder=VideoViTConfig(**SIZES["small"], frames=4, size=64),
        augment=AugmentConfig(token_share=0.5),
    )
    mesh = make_mesh()
    batch, state = abstract_batch(config, mesh, 64), abstract_state(config, mesh)
    views = jax.eval_shape(make_views(config), jax.random.key(0), batch)
    program = jax.make_jaxpr(jax.grad(make_loss(config), has_aux=True))(state["params"], views, batch)
    clips = config.batch.tracks * config.batch.clips_per_track
    assert counted(program.jaxpr) == pytest.approx(clips * training_flops(config), rel=0.05)


def test_what_is_computed_twice_counts_once():
    config = small()
    assert training_flops(config) == training_flops(small(encoder__remat="true"))
    assert config.views == 2
    assert training_flops(config) > 6 * forward_flops(config.encoder)


def test_usual_sizes_cost_what_the_literature_says():
    """A base ViT on one picture of 224 pixels in patches of 16: 17.6 G multiplications and additions (DeiT)."""
    picture = VideoViTConfig(**SIZES["base"], frames=1, size=224, tubelet=(1, 16, 16), channels=3)
    assert forward_flops(picture) / 2 == pytest.approx(17.6e9, rel=0.02)


def test_utilisation_is_work_done_over_work_possible():
    config = small(precision="bfloat16")
    rate = 0.4 * 8 * 989e12 / training_flops(config)
    assert mfu(config, rate, 8, "NVIDIA H100 80GB HBM3") == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("kind", "precision"), [("cpu", "bfloat16"), ("NVIDIA H100 PCIe", "bfloat16"), ("TPU v4", "float32")]
)
def test_peaks_that_are_not_known_are_not_guessed(kind, precision):
    assert peak_flops(kind, precision) is None
    assert mfu(small(precision=precision), 1.0, 1, kind) is None
