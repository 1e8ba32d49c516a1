"""Masked video: the encoder sees some tubes of a clip, a small decoder paints the rest.

A tube is one cell of the picture over the whole clip: hiding it at all times keeps the answer from being copied from
the next frame. Source: masked autoencoders (He 2022), VideoMAE (Tong 2022).
"""

from typing import Annotated

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt, Interval, MultipleOf
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, Int
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from pretrain.encoders.blocks import Block, run_blocks, stack_blocks

Cells = tuple[int, int, int]
"""Times, rows and columns into which an encoder cuts a clip."""

HEAD_WIDTH = 32
"""Dimensions of one attention head of the decoder."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class MaskedConfig:
    """The masked objective, for encoders that can leave out cells.

    It has a pass through the encoder of its own, with `1 - share` of the tokens, so that other objectives see whole
    clips with and without it. Its targets are the augmented pixels.
    """

    weight: Annotated[float, Ge(0)] = 0.0
    """Weight in the summed loss; 0 switches the objective off."""
    share: Annotated[float, Interval(gt=0, lt=1)] = 0.75
    """Share of the tubes that are hidden; VideoMAE hides 0.9 of 16 frames of 224 pixels."""
    decoder_width: Annotated[int, Gt(0), MultipleOf(HEAD_WIDTH)] = 64
    decoder_depth: Annotated[int, Gt(0)] = 2


class Decoder(nnx.Module):
    """From the tokens of the tubes in sight to the pixels of all cells; computes in `dtype`, paints in float32."""

    def __init__(
        self,
        config: MaskedConfig,
        width: int,
        cells: Cells,
        pixels: int,
        *,
        rngs: nnx.Rngs,
        dtype: DTypeLike,
        platform: str,
    ) -> None:
        """`width` of the encoder's tokens, its `cells`, and how many `pixels` a cell holds."""
        t, h, w = cells
        d = config.decoder_width
        self.enter = nnx.Linear(width, d, dtype=dtype, rngs=rngs)
        self.mask_token = nnx.Param(0.02 * jax.random.normal(rngs.params(), (d,)))
        self.position = nnx.Param(0.02 * jax.random.normal(rngs.params(), (t, h * w, d)))

        def block(rngs: nnx.Rngs) -> Block:
            return Block(d, d // HEAD_WIDTH, 4, order="joint", rngs=rngs, dtype=dtype, platform=platform)

        self.blocks = stack_blocks(block, config.decoder_depth, rngs)
        self.norm = nnx.LayerNorm(d, rngs=rngs)
        self.paint = nnx.Linear(d, pixels, rngs=rngs)

    def __call__(self, tokens: Float[Array, "b n d"], keep: Int[Array, "b kept"]) -> Float[Array, "b t s pixels"]:
        """Predicted pixels of every time and tube; `tokens` are those of the tubes `keep`, time by time."""
        t, tubes, d = self.position.shape
        seen = self.enter(tokens).reshape(len(tokens), t, -1, d)
        x = place(seen, keep, self.mask_token[...], tubes) + self.position[...].astype(seen.dtype)
        x, _ = run_blocks(self.blocks, x, remat=False, collect=False)
        return self.paint(self.norm(x.astype(jnp.float32)))


def place(
    seen: Float[Array, "b t kept d"], keep: Int[Array, "b kept"], mask: Float[Array, "d"], tubes: int
) -> Float[Array, "b t {tubes} d"]:
    """The tokens in sight at their tubes, and `mask` at all the others."""
    b, t, kept, d = seen.shape
    is_at = keep[:, :, None] == jnp.arange(tubes)
    slot = jnp.where(is_at.any(1), is_at.argmax(1), kept)
    choices = jnp.concatenate([seen, jnp.broadcast_to(mask.astype(seen.dtype), (b, t, 1, d))], axis=2)
    return jnp.take_along_axis(choices, slot[:, None, :, None], axis=2)


def hidden_tubes(keep: Int[Array, "b kept"], tubes: int) -> Bool[Array, "b {tubes}"]:
    """Which tubes are not kept."""
    return ~(keep[:, :, None] == jnp.arange(tubes)).any(1)


def cell_pixels(clips: Float[Array, "b f y x c"], cells: Cells) -> Float[Array, "b t s pixels"]:
    """The pixels of every cell at mean 0 and standard deviation 1 (He 2022), times by tubes."""
    b, frames, height, width, c = clips.shape
    t, h, w = cells
    x = clips.reshape(b, t, frames // t, h, height // h, w, width // w, c)
    x = x.transpose(0, 1, 3, 5, 2, 4, 6, 7).reshape(b, t, h * w, -1)
    return (x - x.mean(-1, keepdims=True)) * jax.lax.rsqrt(x.var(-1, keepdims=True) + 1e-6)


def masked_loss(
    predicted: Float[Array, "b t s pixels"], wanted: Float[Array, "b t s pixels"], hidden: Bool[Array, "b s"]
) -> Float[Array, ""]:
    """Mean squared error of the pixels of hidden tubes; what is in sight does not count."""
    error = ((predicted - wanted) ** 2).mean((1, 3))
    return jnp.where(hidden, error, 0.0).sum() / hidden.sum()
