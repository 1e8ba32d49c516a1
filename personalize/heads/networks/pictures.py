"""Pictures to vectors: convolutions and poolings in blocks (VGG, Simonyan 2015; and plainer ones)."""

from typing import Annotated, Any, Literal

from annotated_types import Len
from flax import nnx
from jaxtyping import Array, Float
from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from personalize.heads.networks.stages import (
    ConvUnit,
    Mode,
    Norm,
    Positive,
    Share,
    Stages,
    Vector,
    channels_of,
    drop_channels,
    pooled,
    with_channel,
)


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Blocks:
    """Blocks of convolutions with a pooling by 2 after each; a small VGG as it stands.

    VGG16 has channels (64, 128, 256, 512, 512) and convolutions (2, 2, 3, 3, 3).
    """

    kind: Literal["blocks"] = "blocks"
    channels: Annotated[tuple[Positive, ...], Len(1)] = (16, 32, 64)
    convolutions: Annotated[tuple[Positive, ...], Len(1)] = (2, 2, 2)
    """Per block."""
    kernel: Positive = 3
    stride: Positive = 1
    """Of the very first convolution."""
    padding: Literal["SAME", "VALID"] = "SAME"
    norm: Norm = "none"
    dropout: Share = 0.0
    """Of channels, after each pooling."""
    vector: Literal["mean", "cells"] = "mean"
    """What becomes of the last map: its mean over the cells, or all cells in a row."""

    @model_validator(mode="after")
    def _as_many(self) -> "Blocks":
        if len(self.channels) != len(self.convolutions):
            raise ValueError(f"{len(self.channels)} blocks in channels but {len(self.convolutions)} in convolutions")
        return self

    def stages(self, shape: tuple[int, ...], rngs: nnx.Rngs) -> dict[str, Any]:
        """For pictures [h w] or [h w c]: `block_1`, ..., `vector`; a block ends before its pooling."""
        made: dict[str, Any] = {}
        channels = channels_of(shape, 3)
        for i, (out, count) in enumerate(zip(self.channels, self.convolutions, strict=True)):
            made[f"block_{i + 1}"] = Block(self, channels, out, count, first=i == 0, rngs=rngs)
            channels = out
        return {**made, "vector": Vector(pool=True, mean=self.vector == "mean", dropout=self.dropout)}


class Block(nnx.Module):
    """The pooling of the block before, then convolutions."""

    def __init__(self, config: Blocks, channels: int, out: int, count: int, *, first: bool, rngs: nnx.Rngs) -> None:
        def unit(i: int) -> ConvUnit:
            return ConvUnit(
                out if i else channels, out, config.kernel, stride=config.stride if first and not i else 1,
                padding=config.padding, norm=config.norm, rngs=rngs,
            )  # fmt: skip

        self.first = first
        self.dropout = config.dropout
        self.units = Stages({f"conv_{i + 1}": unit(i) for i in range(count)})

    def __call__(self, x: Float[Array, "b *n"], mode: Mode) -> Float[Array, "b h w c"]:
        """The first block takes pictures with or without an axis of channels."""
        x = with_channel(x, 4) if self.first else drop_channels(pooled(x), self.dropout, mode)
        return self.units(x, mode)
