"""Stages: parts of a network that are called one after the other and have names."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from annotated_types import Gt, Interval
from flax import nnx
from jaxtyping import Array, Float

from pretrain.errors import UserError

Positive = Annotated[int, Gt(0)]
Share = Annotated[float, Interval(ge=0, lt=1)]
Norm = Literal["none", "batch"]
MOMENTUM = 0.9
"""Of the running means of batch normalisation."""


class Mode(NamedTuple):
    """How a network is run."""

    train: bool = False
    """Statistics of the batch are used and remembered, and units dropped."""
    rngs: nnx.Rngs | None = None
    """What is dropped; needed where anything is."""


class Stages(nnx.Module):
    """Stages in order: (input, mode) -> output, each."""

    def __init__(self, stages: Mapping[str, Any]) -> None:
        self.order = tuple(stages)  # a dict of modules comes back sorted
        self.parts = nnx.Dict(dict(stages))

    def __call__(self, x: Array, mode: Mode, first: int = 0, last: int | None = None) -> Array:
        """What comes out of the stages at positions `first` up to, not including, `last`."""
        for name in self.order[first:last]:
            x = self.parts[name](x, mode)
        return x


def shape_after(stages: Stages, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of what comes out for one row of this shape."""
    row = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    return tuple(jax.eval_shape(lambda x: stages(x, Mode()), row).shape[1:])


class Dense(nnx.Module):
    """A dense layer with a rectifier."""

    def __init__(self, width: int, out: int, *, rngs: nnx.Rngs) -> None:
        self.linear = nnx.Linear(width, out, kernel_init=nnx.initializers.he_normal(), rngs=rngs)

    def __call__(self, x: Float[Array, "*b d"], mode: Mode) -> Float[Array, "*b e"]:
        """Applied along the last axis."""
        return nnx.relu(self.linear(x))


class Drop(nnx.Module):
    """Dropout while training."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, x: Float[Array, "*b d"], mode: Mode) -> Float[Array, "*b d"]:
        """Single numbers are dropped."""
        return drop(x, self.rate, mode)


class Vector(nnx.Module):
    """A map, or whatever a row is, as one vector: its cells in a row, or their mean."""

    def __init__(self, *, pool: bool, mean: bool, dropout: float = 0.0) -> None:
        self.pool = pool
        self.mean = mean
        self.dropout = dropout

    def __call__(self, x: Float[Array, "b *n"], mode: Mode) -> Float[Array, "b d"]:
        """Pools first if asked to, and drops whole channels of the map; `UserError` where no cell is left."""
        if self.pool:
            x = drop_channels(pooled(x), self.dropout, mode)
        if 0 in x.shape[1:]:
            raise UserError("rows are too small for this network: convolutions and poolings leave nothing of them")
        return x.mean(axis=(-3, -2)) if self.mean else x.reshape(len(x), -1)


class ConvUnit(nnx.Module):
    """Convolution, batch normalisation if asked for, rectifier."""

    def __init__(
        self, channels: int, out: int, kernel: int | tuple[int, ...], *, stride: int = 1, padding: str = "SAME",
        norm: Norm = "none", rngs: nnx.Rngs,
    ) -> None:  # fmt: skip
        size = (kernel, kernel) if isinstance(kernel, int) else kernel
        start = nnx.initializers.he_normal()
        self.conv = nnx.Conv(channels, out, size, strides=stride, padding=padding, kernel_init=start, rngs=rngs)
        self.norm = nnx.BatchNorm(out, momentum=MOMENTUM, rngs=rngs) if norm == "batch" else None

    def __call__(self, x: Float[Array, "b *n c"], mode: Mode) -> Float[Array, "b *m d"]:
        """In training every call is normalised by statistics of its own, which then enter the running ones."""
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x, use_running_average=not mode.train)
        return nnx.relu(x)


def drop(x: Array, rate: float, mode: Mode, axes: tuple[int, ...] = ()) -> Array:
    """Dropout of single numbers, or of everything along `axes` together."""
    return nnx.Dropout(rate, broadcast_dims=axes)(x, deterministic=not mode.train, rngs=mode.rngs)


def drop_channels(x: Float[Array, "b h w c"], rate: float, mode: Mode) -> Float[Array, "b h w c"]:
    """Dropout of whole channels of a map."""
    return drop(x, rate, mode, axes=(1, 2))


def pooled(x: Float[Array, "*b h w c"]) -> Float[Array, "*b y x c"]:
    """The largest of every 2 x 2 cells; an odd last row or column falls away."""
    return nnx.max_pool(x, (2, 2), strides=(2, 2))


def with_channel(x: Array, axes: int) -> Array:
    """With an axis of channels at the end where it is not there, that is, where `axes` axes are too many by one."""
    return x[..., None] if x.ndim == axes - 1 else x


def channels_of(shape: tuple[int, ...], axes: int) -> int:
    """Channels of rows of this shape, which has `axes` axes with that of the channels, or one less."""
    return shape[-1] if len(shape) == axes else 1
