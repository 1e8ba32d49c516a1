"""Frame by frame, then over time: one convolutional network sees every frame, a small transformer the sequence.

The transformer is the block of the video transformer, on one token per frame (so this is ViViT's model 2, Arnab 2021,
with a convolutional first half): it sees all frames at once, where a recurrent network would need a step per frame,
and adds no second way of looking at time.
"""

from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int
from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from pretrain.encoders.blocks import Block, run_blocks, stack_blocks
from pretrain.encoders.conv import ConvTrunk, Stages, refuse_dropping, side_after
from pretrain.encoders.features import ClipInput, Features, Positive, look, look_map


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class FrameConfig(ClipInput):
    """Size of an encoder that sees frames first and time afterwards."""

    kind: Literal["frames"] = "frames"
    width: Positive = 128
    stages: Stages = (32, 64, 96, 128)
    depth: Positive = 2
    """Transformer blocks over time."""
    heads: Positive = 4
    mlp_ratio: Positive = 4

    can_drop: ClassVar[bool] = False
    """Whether the encoder can look at some cells only."""

    @model_validator(mode="after")
    def _fits(self) -> "FrameConfig":
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self

    @property
    def cells(self) -> tuple[int, int, int]:
        """Times, rows and columns of the maps."""
        side = side_after(self.size, len(self.stages))
        return self.frames, side, side


class FrameEncoder(nnx.Module):
    """Clip to features by way of its frames."""

    def __init__(self, config: FrameConfig, *, rngs: nnx.Rngs, dtype: DTypeLike, platform: str) -> None:
        self.config = config
        self.dtype = dtype
        t, h, w = config.cells
        d = config.width
        self.trunk = ConvTrunk(config.channels, config.stages, d, rngs=rngs, dtype=dtype)
        self.look = look_map(rngs, h * w, d)
        self.position = nnx.Param(0.02 * jax.random.normal(rngs.params(), (t, d)))

        def block(rngs: nnx.Rngs) -> Block:
            return Block(d, config.heads, config.mlp_ratio, order="joint", rngs=rngs, dtype=dtype, platform=platform)

        self.blocks = stack_blocks(block, config.depth, rngs)
        self.norm = nnx.LayerNorm(d, rngs=rngs)
        self.look_in_time = look_map(rngs, t, d)

    def __call__(
        self, clips: Float[Array, "b t h w c"], keep: Int[Array, "b kept"] | None = None, *, intermediates: bool = False
    ) -> Features:
        """Encodes whole clips; the maps are those of the frames, before they see each other.

        With `intermediates` come the outputs of the stages, `stage_0` on, [b t h w d], the frames' vectors, `frames`,
        and the outputs of the blocks over time, `block_00` on, [b t d].
        """
        refuse_dropping(keep)
        b, t = clips.shape[:2]
        maps, outputs = self.trunk(clips.reshape(b * t, *clips.shape[2:]))
        frames = look(maps.reshape(b * t, -1, self.config.width), self.look[...]).reshape(b, t, -1)
        vector, blocks = self._over_time(frames, collect=intermediates)
        maps = maps.reshape(b, t, *maps.shape[1:])
        named = {name: x.reshape(b, t, *x.shape[1:]) for name, x in outputs.items()} | {"frames": frames} | blocks
        return Features(
            vector=vector,
            tokens=maps.reshape(b, -1, self.config.width),
            maps=maps,
            intermediates={name: x.astype(jnp.float32) for name, x in named.items() if intermediates},
        )

    def _over_time(self, frames: Float[Array, "b t d"], *, collect: bool) -> tuple[Array, dict[str, Array]]:
        x = (frames + self.position[...]).astype(self.dtype)
        x, outputs = run_blocks(self.blocks, x[:, :, None], remat=False, collect=collect)
        vector = look(self.norm(x[:, :, 0].astype(jnp.float32)), self.look_in_time[...])
        return vector, {} if outputs is None else {f"block_{i:02d}": o[:, :, 0] for i, o in enumerate(outputs)}
