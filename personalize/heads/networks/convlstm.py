"""Films to vectors by memories that keep the map: the convolutional LSTM (Shi 2015)."""

from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
from annotated_types import Len
from flax import nnx
from jaxtyping import Array, Float
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from personalize.heads.networks.recurrent import open_to_the_past
from personalize.heads.networks.stages import Mode, Positive, Vector, channels_of, pooled, with_channel


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ConvLSTM:
    """Layers with a pooling by 2 after each; of the last one only what remains at the end of a film."""

    kind: Literal["convlstm"] = "convlstm"
    channels: Annotated[tuple[Positive, ...], Len(1)] = (32, 64)
    kernel: Positive = 3
    stride: Positive = 1
    """With which the first layer looks at the pictures; its maps are smaller by it, and all that follows is cheaper."""
    peepholes: bool = False
    """Gates see the memory cells, each cell of the map by weights of its own."""
    vector: Literal["mean", "cells"] = "mean"
    """What becomes of the last map: its mean over the cells, or all cells in a row."""

    def stages(self, shape: tuple[int, ...], rngs: nnx.Rngs) -> dict[str, Any]:
        """For films [t h w] or [t h w c]: `layer_1`, ..., `vector`."""
        made: dict[str, Any] = {}
        channels, (height, width) = channels_of(shape, 4), shape[1:3]
        for i, out in enumerate(self.channels):
            stride = self.stride if i == 0 else 1
            height, width = -(-height // stride), -(-width // stride)
            cells = (height, width) if self.peepholes else None
            layer = ConvLSTMLayer(channels, out, self.kernel, cells, stride=stride, rngs=rngs)
            made[f"layer_{i + 1}"] = Pooled(layer, last=i + 1 == len(self.channels))
            channels, height, width = out, height // 2, width // 2
        return {**made, "vector": Vector(pool=False, mean=self.vector == "mean")}


class ConvLSTMLayer(nnx.Module):
    """One layer: i, f, o = s(Wx * x + Wh * h + Wc . c + b), c' = f . c + i . tanh(...), h' = o . tanh(c').

    The gates i and f look at c, o at c' through the peepholes. One convolution makes all four gates; that of the
    inputs is done for all moments at once.
    """

    def __init__(
        self, channels: int, out: int, kernel: int, cells: tuple[int, int] | None = None, *, stride: int = 1,
        rngs: nnx.Rngs,
    ) -> None:  # fmt: skip
        size = (kernel, kernel)
        self.out = out
        self.of_input = nnx.Conv(channels, 4 * out, size, strides=stride, bias_init=open_to_the_past, rngs=rngs)
        start = nnx.initializers.orthogonal()
        self.of_state = nnx.Conv(out, 4 * out, size, use_bias=False, kernel_init=start, rngs=rngs)
        self.peepholes = None if cells is None else nnx.Param(jnp.zeros((3, *cells, out)))

    def __call__(self, x: Float[Array, "b t h w c"]) -> Float[Array, "b t y x d"]:
        """The state after every moment; state and memory begin at 0."""
        b, t = x.shape[:2]
        seen = self.of_input(x.reshape(b * t, *x.shape[2:]))
        seen = seen.reshape(b, t, *seen.shape[1:])
        nothing = jnp.zeros((b, *seen.shape[2:4], self.out), seen.dtype)
        # on a processor the gradient of a convolution within a loop takes many times as long as outside one
        unroll = jax.default_backend() == "cpu"
        return jax.lax.scan(self._step, (nothing, nothing), seen.swapaxes(0, 1), unroll=unroll)[1].swapaxes(0, 1)

    def _step(self, carry: tuple[Array, Array], seen: Float[Array, "b h w gates"]) -> tuple[tuple[Array, Array], Array]:
        cell, state = carry
        i, f, new, o = jnp.split(seen + self.of_state(state), 4, axis=-1)
        to_i, to_f, to_o = (0.0, 0.0, 0.0) if self.peepholes is None else self.peepholes[...]
        after = nnx.sigmoid(f + to_f * cell) * cell + nnx.sigmoid(i + to_i * cell) * jnp.tanh(new)
        state = nnx.sigmoid(o + to_o * after) * jnp.tanh(after)
        return (after, state), state


class Pooled(nnx.Module):
    """A layer and the pooling after it."""

    def __init__(self, layer: ConvLSTMLayer, *, last: bool) -> None:
        self.layer = layer
        self.last = last

    def __call__(self, x: Float[Array, "b t h w *c"], mode: Mode) -> Float[Array, "b *n"]:
        """Maps of all moments, or of the last one."""
        states = self.layer(with_channel(x, 5))
        return pooled(states[:, -1] if self.last else states)
