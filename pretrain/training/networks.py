"""The networks of a pretraining run.

NNX describes the networks; training sees plain dicts of arrays, which is what optimizers, checkpoints and sharding
rules want, and faster than NNX's own transforms.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from pretrain.clips.dataset import MEASURES
from pretrain.config import PretrainConfig
from pretrain.encoders.attention import local_platform
from pretrain.encoders.encoder import make_encoder
from pretrain.objectives.masked import Decoder


class Networks(nnx.Module):
    """The encoder and the heads that only training needs."""

    def __init__(self, config: PretrainConfig, *, rngs: nnx.Rngs) -> None:
        width, projected = config.encoder.width, config.contrastive.dimensions
        dtype = jnp.dtype(config.precision)
        self.encoder = make_encoder(config.encoder, rngs=rngs, dtype=dtype)
        self.projection = nnx.Sequential(
            nnx.Linear(width, 2 * width, rngs=rngs), nnx.gelu, nnx.Linear(2 * width, projected, rngs=rngs)
        )
        self.log_temperature = nnx.Param(jnp.asarray(math.log(config.contrastive.temperature), jnp.float32))
        self.pairwise = nnx.Param(jax.random.normal(rngs.params(), (width, len(MEASURES))) * width**-0.5)
        if config.masked.weight:
            self.decoder = Decoder(
                config.masked,
                width,
                config.encoder.cells,
                pixels_per_cell(config),
                rngs=rngs,
                dtype=dtype,
                platform=local_platform(),
            )


def pixels_per_cell(config: PretrainConfig) -> int:
    """Numbers that one cell of a clip holds: frames × rows × columns × channels."""
    t, h, w = config.encoder.cells
    encoder = config.encoder
    return (encoder.frames // t) * (encoder.size // h) * (encoder.size // w) * encoder.channels


def graph(config: PretrainConfig) -> Any:
    """Everything of the networks but their numbers: `nnx.merge(graph(config), params)` puts them together."""
    return nnx.graphdef(nnx.eval_shape(lambda: Networks(config, rngs=nnx.Rngs(0))))
