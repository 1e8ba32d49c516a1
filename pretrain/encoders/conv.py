"""A compact convolutional encoder: strided 3 x 3 convolutions over all frames of a clip at once.

The frames of a clip are the channels of one picture, so that the first layer already sees motion. Cheap on a few
cores, where a transformer's many small operations are not.
"""

import math
from typing import Annotated, ClassVar, Literal

import jax.numpy as jnp
from annotated_types import Len, MultipleOf
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from pretrain.encoders.features import ClipInput, Features, Positive, look, look_map

GROUP = 8
"""Channels that are normalised together (GroupNorm, Wu 2018)."""
Stages = Annotated[tuple[Annotated[Positive, MultipleOf(GROUP)], ...], Len(1)]
"""Channels after each halving of the picture's side."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ConvConfig(ClipInput):
    """Size of a convolutional encoder."""

    kind: Literal["conv"] = "conv"
    width: Positive = 128
    stages: Stages = (32, 64, 96, 128)

    can_drop: ClassVar[bool] = False
    """Whether the encoder can look at some cells only."""

    @property
    def cells(self) -> tuple[int, int, int]:
        """Times, rows and columns of the maps."""
        side = side_after(self.size, len(self.stages))
        return 1, side, side


def side_after(size: int, stages: int) -> int:
    """Side of the map of a picture after so many halvings, each rounded up."""
    return math.ceil(size / 2**stages)


def refuse_dropping(keep: Array | None) -> None:
    """Raises `ValueError` where an encoder that needs whole pictures is to look at some cells only."""
    if keep is not None:
        raise ValueError("a convolutional encoder sees whole pictures: it cannot drop cells")


class Stage(nnx.Module):
    """Halves the side of a picture."""

    def __init__(self, channels: int, out: int, *, rngs: nnx.Rngs, dtype: DTypeLike) -> None:
        self.conv = nnx.Conv(channels, out, (3, 3), strides=2, use_bias=False, dtype=dtype, rngs=rngs)
        self.norm = nnx.GroupNorm(out, num_groups=None, group_size=GROUP, dtype=dtype, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b y x d"]:
        """Convolution, normalisation, rectifier."""
        return nnx.relu(self.norm(self.conv(x)))


class ConvTrunk(nnx.Module):
    """Pictures to maps."""

    def __init__(self, channels: int, stages: Stages, width: int, *, rngs: nnx.Rngs, dtype: DTypeLike) -> None:
        sizes = zip((channels, *stages), stages, strict=False)
        # a dict by name, since the keys of a list are numbers, which checkpoints would turn into words
        self.stages = nnx.Dict({f"stage_{i}": Stage(a, b, rngs=rngs, dtype=dtype) for i, (a, b) in enumerate(sizes)})
        self.project = nnx.Linear(stages[-1], width, dtype=dtype, rngs=rngs)
        self.norm = nnx.LayerNorm(width, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"]) -> tuple[Float[Array, "b y x d"], dict[str, Array]]:
        """The map of every picture in float32, and the outputs of the stages by name."""
        outputs = {}
        for name, stage in self.stages.items():
            outputs[name] = x = stage(x)
        return self.norm(self.project(x).astype(jnp.float32)), outputs


class ConvEncoder(nnx.Module):
    """Clip to features by strided convolutions."""

    def __init__(self, config: ConvConfig, *, rngs: nnx.Rngs, dtype: DTypeLike) -> None:
        self.config = config
        channels = config.frames * config.channels
        self.trunk = ConvTrunk(channels, config.stages, config.width, rngs=rngs, dtype=dtype)
        self.look = look_map(rngs, math.prod(config.cells), config.width)

    def __call__(
        self, clips: Float[Array, "b t h w c"], keep: Int[Array, "b kept"] | None = None, *, intermediates: bool = False
    ) -> Features:
        """Encodes whole clips; with `intermediates` come the outputs of all stages, `stage_0` on, [b 1 h w d]."""
        refuse_dropping(keep)
        b, _, h, w, _ = clips.shape
        maps, outputs = self.trunk(jnp.moveaxis(clips, 1, 3).reshape(b, h, w, -1))
        tokens = maps.reshape(b, -1, self.config.width)
        return Features(
            vector=look(tokens, self.look[...]),
            tokens=tokens,
            maps=maps[:, None],
            intermediates={k: x[:, None].astype(jnp.float32) for k, x in outputs.items() if intermediates},
        )
