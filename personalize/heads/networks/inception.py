"""Pictures to vectors by few Inception blocks (Szegedy 2016, the block of its 35 x 35 maps)."""

from typing import Annotated, Any, Literal

import jax.numpy as jnp
from annotated_types import Len, MultipleOf
from flax import nnx
from jaxtyping import Array, Float
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from personalize.heads.networks.stages import (
    ConvUnit,
    Mode,
    Norm,
    Positive,
    Stages,
    Vector,
    channels_of,
    pooled,
    with_channel,
)


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Inception:
    """A stem that quarters the side of a picture, then blocks with a pooling by 2 between them."""

    kind: Literal["inception"] = "inception"
    stem: Positive = 16
    """Channels."""
    channels: Annotated[tuple[Annotated[Positive, MultipleOf(4)], ...], Len(1)] = (32, 64, 96)
    """Of each block, a quarter from each of its four branches."""
    norm: Norm = "batch"

    def stages(self, shape: tuple[int, ...], rngs: nnx.Rngs) -> dict[str, Any]:
        """For pictures [h w] or [h w c]: `stem`, `block_1`, ..., `vector`."""
        made: dict[str, Any] = {"stem": Stem(channels_of(shape, 3), self.stem, self.norm, rngs=rngs)}
        channels = self.stem
        for i, out in enumerate(self.channels):
            made[f"block_{i + 1}"] = InceptionBlock(channels, out, self.norm, pool=i > 0, rngs=rngs)
            channels = out
        return {**made, "vector": Vector(pool=False, mean=True)}


class Stem(nnx.Module):
    """Two convolutions with stride 2."""

    def __init__(self, channels: int, out: int, norm: Norm, *, rngs: nnx.Rngs) -> None:
        self.units = Stages(
            {
                "conv_1": ConvUnit(channels, out, 3, stride=2, norm=norm, rngs=rngs),
                "conv_2": ConvUnit(out, out, 3, stride=2, norm=norm, rngs=rngs),
            }
        )

    def __call__(self, x: Float[Array, "b *n"], mode: Mode) -> Float[Array, "b h w c"]:
        """Pictures with or without an axis of channels."""
        return self.units(with_channel(x, 4), mode)


class InceptionBlock(nnx.Module):
    """Branches side by side: 1 x 1; 3 x 3; two of 3 x 3; 1 x 1 on means of 3 x 3 cells."""

    def __init__(self, channels: int, out: int, norm: Norm, *, pool: bool, rngs: nnx.Rngs) -> None:
        width = out // 4

        def branch(*kernels: int) -> Stages:
            sizes = zip((channels, *(width for _ in kernels)), kernels, strict=False)
            return Stages(
                {f"conv_{i + 1}": ConvUnit(a, width, k, norm=norm, rngs=rngs) for i, (a, k) in enumerate(sizes)}
            )

        self.pool = pool
        self.one = branch(1)
        self.three = branch(1, 3)
        self.five = branch(1, 3, 3)
        self.mean = branch(1)

    def __call__(self, x: Float[Array, "b h w c"], mode: Mode) -> Float[Array, "b y x d"]:
        """All branches, one after the other along the channels."""
        x = pooled(x) if self.pool else x
        around = nnx.avg_pool(x, (3, 3), strides=(1, 1), padding="SAME", count_include_pad=False)
        return jnp.concatenate(
            [self.one(x, mode), self.three(x, mode), self.five(x, mode), self.mean(around, mode)], -1
        )
