"""The networks of a pretraining run.

NNX describes the networks; training sees plain dicts of arrays, which is what optimizers, checkpoints and sharding
rules want, and faster than NNX's own transforms.
"""

from typing import Any

import jax
from flax import nnx

from pretrain.clips.dataset import MEASURES
from pretrain.config import PretrainConfig
from pretrain.encoders.vit import VideoViT


class Networks(nnx.Module):
    """The encoder and the heads that only training needs."""

    def __init__(self, config: PretrainConfig, *, rngs: nnx.Rngs) -> None:
        width, projected = config.encoder.width, config.contrastive.dimensions
        self.encoder = VideoViT(config.encoder, rngs=rngs)
        self.projection = nnx.Sequential(
            nnx.Linear(width, 2 * width, rngs=rngs), nnx.gelu, nnx.Linear(2 * width, projected, rngs=rngs)
        )
        self.pairwise = nnx.Param(jax.random.normal(rngs.params(), (width, len(MEASURES))) * width**-0.5)


def graph(config: PretrainConfig) -> Any:
    """Everything of the networks but their numbers: `nnx.merge(graph(config), params)` puts them together."""
    return nnx.graphdef(nnx.eval_shape(lambda: Networks(config, rngs=nnx.Rngs(0))))
