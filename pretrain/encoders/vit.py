"""A video vision transformer with tubelet tokens and joint or factorised space-time attention, from tiny to large.

Source: ViViT (Arnab 2021) with tubelet embedding; joint attention is its model 1, factorised attention its model 3.
Dropping of cells at all times (tubes) as in VideoMAE (Tong 2022).
"""

from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int
from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from pretrain.encoders.blocks import Block, Order, run_blocks, stack_blocks
from pretrain.encoders.features import ClipInput, Features, Positive, look, look_map


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class VideoViTConfig(ClipInput):
    """Size of a video transformer; `SIZES` holds the usual ones."""

    kind: Literal["vit"] = "vit"
    width: Positive = 96
    depth: Positive = 4
    heads: Positive = 3
    tubelet: tuple[Positive, Positive, Positive] = (4, 8, 8)
    """Frames, rows and columns of one token."""
    attention: Order = "joint"
    """`joint`: every token attends to all; `factorised`: to those of its moment, then to those of its place.

    Factorised attention costs less for long clips and has a third more parameters.
    """
    mlp_ratio: Positive = 4
    remat: bool = False
    """Recompute activations in the backward pass: about a seventh of the memory for about a third more time."""

    can_drop: ClassVar[bool] = True
    """Whether the encoder can look at some cells only."""

    @model_validator(mode="after")
    def _fits(self) -> "VideoViTConfig":
        t, h, w = self.tubelet
        if self.frames % t or self.size % h or self.size % w:
            raise ValueError(f"tubelet {self.tubelet} does not divide {self.frames} frames of {self.size} pixels")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self

    @property
    def cells(self) -> tuple[int, int, int]:
        """Times, rows and columns of the maps."""
        t, h, w = self.tubelet
        return self.frames // t, self.size // h, self.size // w


SIZES: dict[str, dict[str, int]] = {
    "tiny": {"width": 192, "depth": 12, "heads": 3},
    "small": {"width": 384, "depth": 12, "heads": 6},
    "base": {"width": 768, "depth": 12, "heads": 12},
    "large": {"width": 1024, "depth": 24, "heads": 16},
}
"""The usual sizes: `VideoViTConfig(**SIZES["base"], frames=16, size=224, tubelet=(2, 16, 16), channels=3)`."""


class VideoViT(nnx.Module):
    """Clip to features; parameters of all blocks are stacked along a leading axis."""

    def __init__(self, config: VideoViTConfig, *, rngs: nnx.Rngs, dtype: DTypeLike, platform: str) -> None:
        self.config = config
        self.dtype = dtype
        (t, h, w), (cells_t, cells_h, cells_w) = config.tubelet, config.cells
        d, cells = config.width, cells_t * cells_h * cells_w
        self.embed = nnx.Linear(t * h * w * config.channels, d, dtype=dtype, rngs=rngs)
        self.position = nnx.Param(0.02 * jax.random.normal(rngs.params(), (cells, d)))

        def block(rngs: nnx.Rngs) -> Block:
            return Block(
                d, config.heads, config.mlp_ratio, order=config.attention, rngs=rngs, dtype=dtype, platform=platform
            )

        self.blocks = stack_blocks(block, config.depth, rngs)
        self.norm = nnx.LayerNorm(d, rngs=rngs)
        self.look = look_map(rngs, cells, d)

    def __call__(
        self, clips: Float[Array, "b t h w c"], keep: Int[Array, "b kept"] | None = None, *, intermediates: bool = False
    ) -> Features:
        """Encodes clips.

        `keep` names the cells of the rows x columns grid that are looked at, at all times (all when None). With
        `intermediates` come the outputs of all blocks, `block_00` on: [b t h w d], or [b t kept d] with `keep`.
        """
        t, h, w = self.config.cells
        x = self._tubelets(clips)
        position, where = (p[...].reshape(t, h * w, -1) for p in (self.position, self.look))
        if keep is not None:
            x = jnp.take_along_axis(x, keep[:, None, :, None], axis=2)
            position, where = (p[:, keep].swapaxes(0, 1) for p in (position, where))
        x = self.embed(x) + position.astype(self.dtype)
        x, outputs = run_blocks(self.blocks, x, remat=self.config.remat, collect=intermediates)
        grid = self.norm(x.astype(jnp.float32))
        b, d = len(clips), self.config.width
        tokens = grid.reshape(b, -1, d)
        shape = (b, t, h, w, d) if keep is None else grid.shape
        named = {} if outputs is None else {f"block_{i:02d}": o.reshape(shape) for i, o in enumerate(outputs)}
        return Features(
            vector=look(tokens, where.reshape(*where.shape[:-3], -1, d)),
            tokens=tokens,
            maps=None if keep is not None else grid.reshape(shape),
            intermediates={name: o.astype(jnp.float32) for name, o in named.items()},
        )

    def _tubelets(self, clips: Float[Array, "b t h w c"]) -> Float[Array, "b times places p"]:
        b, frames, height, width, c = clips.shape
        t, h, w = self.config.tubelet
        x = clips.reshape(b, frames // t, t, height // h, h, width // w, w, c)
        return x.transpose(0, 1, 3, 5, 2, 4, 6, 7).reshape(b, frames // t, -1, t * h * w * c)
