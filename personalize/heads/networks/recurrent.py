"""Sequences to vectors by long short-term memories, and streams of them side by side."""

from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
from annotated_types import Len
from flax import nnx
from jaxtyping import Array, Float
from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from personalize.heads.networks.stages import ConvUnit, Dense, Mode, Positive, Share, Stages, drop, with_channel


class Memory(nnx.Module):
    """An LSTM over time, and another one backwards if asked for: their last states."""

    def __init__(self, width: int, hidden: int, *, both: bool, rngs: nnx.Rngs) -> None:
        def cell() -> nnx.OptimizedLSTMCell:
            return nnx.OptimizedLSTMCell(width, hidden, bias_init=open_to_the_past, rngs=rngs)

        self.hidden = hidden
        self.forwards = cell()
        self.backwards = cell() if both else None

    def __call__(self, x: Float[Array, "b t d"], mode: Mode) -> Float[Array, "b e"]:
        """What remains of a sequence once it has been read."""
        ends = [self._read(self.forwards, x, reverse=False)]
        if self.backwards is not None:
            ends.append(self._read(self.backwards, x, reverse=True))
        return jnp.concatenate(ends, axis=-1)

    def _read(self, cell: nnx.OptimizedLSTMCell, x: Float[Array, "b t d"], *, reverse: bool) -> Float[Array, "b h"]:
        nothing = jnp.zeros((len(x), self.hidden), x.dtype)
        return jax.lax.scan(cell, (nothing, nothing), x.swapaxes(0, 1), reverse=reverse)[0][1]


def open_to_the_past(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
    """Biases of the gates input, forget, cell and output: 1 for forget, else 0 (Jozefowicz 2015)."""
    return jnp.repeat(jnp.array([0.0, 1.0, 0.0, 0.0], dtype), shape[-1] // 4)


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Stream:
    """Convolutions over time, a memory, a dense layer."""

    convolutions: tuple[Positive, ...] = (256, 256)
    """Channels of each."""
    kernel: Positive = 1
    """Moments that a convolution sees."""
    hidden: Positive = 256
    """Of the memory in each direction."""
    both: bool = True
    """Forwards and backwards."""
    dense: Positive = 4096
    dropout: Share = 0.0
    """After the dense layer."""


BARGSHADY = (
    Stream(),
    Stream((128, 128), hidden=32),
    Stream((256,), hidden=128, both=False),
)
"""The three of Bargshady 2020, as others have reconstructed them."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Streams:
    """Streams side by side on one sequence [t d] or [t], put in a row or added up."""

    kind: Literal["streams"] = "streams"
    streams: Annotated[tuple[Stream, ...], Len(1)] = BARGSHADY
    merge: Literal["concat", "add"] = "concat"

    @model_validator(mode="after")
    def _addable(self) -> "Streams":
        if self.merge == "add" and len(widths := {stream.dense for stream in self.streams}) > 1:
            raise ValueError(f"streams that are added need dense layers of one width, not {sorted(widths)}")
        return self

    def stages(self, shape: tuple[int, ...], rngs: nnx.Rngs) -> dict[str, Any]:
        """One stage, `streams`."""
        width = shape[-1] if len(shape) == 2 else 1
        return {"streams": Ensemble([StreamNet(stream, width, rngs=rngs) for stream in self.streams], self.merge)}


class StreamNet(nnx.Module):
    """One stream."""

    def __init__(self, config: Stream, width: int, *, rngs: nnx.Rngs) -> None:
        sizes = list(zip((width, *config.convolutions), config.convolutions, strict=False))
        self.convolutions = Stages(
            {f"conv_{i + 1}": ConvUnit(a, b, (config.kernel,), rngs=rngs) for i, (a, b) in enumerate(sizes)}
        )
        last = (width, *config.convolutions)[-1]
        self.memory = Memory(last, config.hidden, both=config.both, rngs=rngs)
        self.dense = Dense((1 + config.both) * config.hidden, config.dense, rngs=rngs)
        self.dropout = config.dropout

    def __call__(self, x: Float[Array, "b t d"], mode: Mode) -> Float[Array, "b e"]:
        """Sequence to vector."""
        return drop(self.dense(self.memory(self.convolutions(x, mode), mode), mode), self.dropout, mode)


class Ensemble(nnx.Module):
    """Streams that are merged."""

    def __init__(self, streams: list[StreamNet], merge: str) -> None:
        self.streams = nnx.List(streams)
        self.merge = merge

    def __call__(self, x: Float[Array, "b t *d"], mode: Mode) -> Float[Array, "b e"]:
        """All of them on the same sequence."""
        found = [stream(with_channel(x, 3), mode) for stream in self.streams]
        return jnp.concatenate(found, axis=-1) if self.merge == "concat" else jnp.stack(found).sum(axis=0)
