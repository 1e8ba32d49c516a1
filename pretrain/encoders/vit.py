"""A video vision transformer with tubelet tokens and joint space-time attention, from tiny to large.

Source: ViViT (Arnab 2021), model 1 with tubelet embedding; token dropping as in VideoMAE (Tong 2022). Tokens are not
averaged: faces are aligned, so every feature learns its own map of where in the clip it looks.
"""

from dataclasses import dataclass as plain_dataclass
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from annotated_types import Gt, Interval
from flax import nnx
from jaxtyping import Array, Float, Int
from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

Positive = Annotated[int, Gt(0)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class VideoViTConfig:
    """Size of a video transformer; `SIZES` holds the usual ones."""

    width: Positive = 96
    depth: Positive = 4
    heads: Positive = 3
    tubelet: tuple[Positive, Positive, Positive] = (4, 8, 8)
    """Frames, rows and columns of one token."""
    frames: Positive = 8
    size: Positive = 56
    view: Annotated[float, Interval(gt=0, le=1)] = 0.8
    """Central share of the crop that the encoder sees; crops are generous, so that augmentation can shift."""
    channels: Positive = 1
    mlp_ratio: Positive = 4
    remat: bool = False
    """Recompute activations in the backward pass: about a seventh of the memory for about a third more time."""

    @model_validator(mode="after")
    def _fits(self) -> "VideoViTConfig":
        t, h, w = self.tubelet
        if self.frames % t or self.size % h or self.size % w:
            raise ValueError(f"tubelet {self.tubelet} does not divide {self.frames} frames of {self.size} pixels")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self

    @property
    def tokens(self) -> int:
        """Tokens of a clip."""
        t, h, w = self.tubelet
        return (self.frames // t) * (self.size // h) * (self.size // w)


SIZES: dict[str, dict[str, int]] = {
    "tiny": {"width": 192, "depth": 12, "heads": 3},
    "small": {"width": 384, "depth": 12, "heads": 6},
    "base": {"width": 768, "depth": 12, "heads": 12},
    "large": {"width": 1024, "depth": 24, "heads": 16},
}
"""The usual sizes: `VideoViTConfig(**SIZES["base"], frames=16, size=224, tubelet=(2, 16, 16), channels=3)`."""


@jax.tree_util.register_dataclass
@plain_dataclass(frozen=True)
class Features:
    """What an encoder returns."""

    vector: Float[Array, "b d"]
    """One vector per clip."""
    tokens: Float[Array, "b n d"]
    """One vector per token, in space-time order (of those kept)."""


class Block(nnx.Module):
    """Pre-norm transformer block."""

    def __init__(self, config: VideoViTConfig, *, rngs: nnx.Rngs) -> None:
        d = config.width
        self.heads = config.heads
        self.norm1 = nnx.LayerNorm(d, rngs=rngs)
        self.qkv = nnx.Linear(d, 3 * d, rngs=rngs)
        self.out = nnx.Linear(d, d, rngs=rngs)
        self.norm2 = nnx.LayerNorm(d, rngs=rngs)
        self.up = nnx.Linear(d, config.mlp_ratio * d, rngs=rngs)
        self.down = nnx.Linear(config.mlp_ratio * d, d, rngs=rngs)

    def __call__(self, x: Float[Array, "b n d"]) -> Float[Array, "b n d"]:
        """Attention, then the two-layer perceptron, each added to its input."""
        b, n, d = x.shape
        q, k, v = jnp.moveaxis(self.qkv(self.norm1(x)).reshape(b, n, 3, self.heads, d // self.heads), 2, 0)
        x = x + self.out(jax.nn.dot_product_attention(q, k, v).reshape(b, n, d))
        return x + self.down(nnx.gelu(self.up(self.norm2(x))))


class VideoViT(nnx.Module):
    """Clip to features; parameters of all blocks are stacked along a leading axis."""

    def __init__(self, config: VideoViTConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        t, h, w = config.tubelet
        self.embed = nnx.Linear(t * h * w * config.channels, config.width, rngs=rngs)
        self.position = nnx.Param(0.02 * jax.random.normal(rngs.params(), (config.tokens, config.width)))

        @nnx.split_rngs(splits=config.depth)
        @nnx.vmap(in_axes=(0,), out_axes=0)
        def stack(rngs: nnx.Rngs) -> Block:
            return Block(config, rngs=rngs)

        self.blocks = stack(rngs)
        self.norm = nnx.LayerNorm(config.width, rngs=rngs)
        look = 1 + jax.random.normal(rngs.params(), (config.tokens, config.width))
        self.look = nnx.Param(look / config.tokens)

    def __call__(self, clips: Float[Array, "b t h w c"], keep: Int[Array, "b kept"] | None = None) -> Features:
        """Encodes clips; `keep` names the tokens that are looked at (all when None)."""
        x, look = self.embed(self._tubelets(clips)) + self.position[...], self.look[...]
        if keep is not None:
            x, look = jnp.take_along_axis(x, keep[:, :, None], axis=1), look[keep]
        graph, weights = nnx.split(self.blocks)

        def body(x: Array, w: Any) -> tuple[Array, None]:
            return nnx.merge(graph, w)(x), None

        if self.config.remat:
            body = jax.checkpoint(body, prevent_cse=False)
        x, _ = jax.lax.scan(body, x, weights)
        tokens = self.norm(x)
        return Features(vector=(tokens * look).sum(-2), tokens=tokens)

    def _tubelets(self, clips: Float[Array, "b t h w c"]) -> Float[Array, "b n p"]:
        b, frames, height, width, c = clips.shape
        t, h, w = self.config.tubelet
        x = clips.reshape(b, frames // t, t, height // h, h, width // w, w, c)
        return x.transpose(0, 1, 3, 5, 2, 4, 6, 7).reshape(b, -1, t * h * w * c)
