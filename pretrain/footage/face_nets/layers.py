"""What both nets are made of."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float


class Conv(nnx.Module):
    """A 3 x 3 convolution."""

    def __init__(self, width_in: int, width_out: int, stride: int = 1, *, gain: float = 1.0, rngs: nnx.Rngs) -> None:
        start = nnx.initializers.variance_scaling(2.0 * gain, "fan_in", "normal")
        self.kernel = nnx.Param(start(rngs.params(), (3, 3, width_in, width_out), jnp.float32))
        self.bias = nnx.Param(jnp.zeros(width_out))
        self.stride = stride

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n hh ww d"]:
        """Pads so that a stride of 2 halves even sides."""
        dims = ("NHWC", "HWIO", "NHWC")
        stride = (self.stride, self.stride)
        return (
            jax.lax.conv_general_dilated(x, self.kernel[...], stride, "SAME", dimension_numbers=dims) + self.bias[...]
        )


class Block(nnx.Module):
    """Two convolutions beside a short cut; RMS norm over channels keeps every pixel to itself, whatever the light."""

    def __init__(self, width: int, *, rngs: nnx.Rngs) -> None:
        self.norm = nnx.Param(jnp.ones(width))
        self.first = Conv(width, width, rngs=rngs)
        self.second = Conv(width, width, gain=0.1, rngs=rngs)

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Same shape."""
        size = jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-5)
        return x + self.second(nnx.relu(self.first(x * size * self.norm[...])))


def stage(width_in: int, width_out: int, blocks: int, *, rngs: nnx.Rngs) -> nnx.Sequential:
    """Halves the sides, then `blocks` blocks."""
    parts = [Conv(width_in, width_out, 2, rngs=rngs), nnx.relu, *(Block(width_out, rngs=rngs) for _ in range(blocks))]
    return nnx.Sequential(*parts)
