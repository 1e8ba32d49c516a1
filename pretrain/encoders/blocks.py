"""Transformer blocks on tokens in a time x place grid, and stacks of them."""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from pretrain.encoders.attention import attend

Order = Literal["joint", "factorised"]


class Attention(nnx.Module):
    """Pre-norm multi-head self-attention among the tokens of a row, added to its input."""

    def __init__(self, width: int, heads: int, *, rngs: nnx.Rngs, dtype: DTypeLike, platform: str) -> None:
        self.heads = heads
        self.platform = platform
        self.norm = nnx.LayerNorm(width, dtype=dtype, rngs=rngs)
        self.qkv = nnx.Linear(width, 3 * width, dtype=dtype, rngs=rngs)
        self.out = nnx.Linear(width, width, dtype=dtype, rngs=rngs)

    def __call__(self, x: Float[Array, "b n d"]) -> Float[Array, "b n d"]:
        """Adds to each token what it gathers from all tokens of its row."""
        b, n, d = x.shape
        q, k, v = jnp.moveaxis(self.qkv(self.norm(x)).reshape(b, n, 3, self.heads, d // self.heads), 2, 0)
        return x + self.out(attend(q, k, v, self.platform).reshape(b, n, d))


class Block(nnx.Module):
    """Pre-norm transformer block with joint or factorised attention.

    Factorised: first among the places of one moment, then among the moments of one place (ViViT, Arnab 2021, model 3).
    """

    def __init__(
        self,
        width: int,
        heads: int,
        mlp_ratio: int,
        *,
        order: Order,
        rngs: nnx.Rngs,
        dtype: DTypeLike,
        platform: str,
    ) -> None:
        def attention() -> Attention:
            return Attention(width, heads, rngs=rngs, dtype=dtype, platform=platform)

        self.attention = attention()
        self.attention_in_time = attention() if order == "factorised" else None
        self.norm = nnx.LayerNorm(width, dtype=dtype, rngs=rngs)
        self.up = nnx.Linear(width, mlp_ratio * width, dtype=dtype, rngs=rngs)
        self.down = nnx.Linear(mlp_ratio * width, width, dtype=dtype, rngs=rngs)

    def __call__(self, x: Float[Array, "b t s d"]) -> Float[Array, "b t s d"]:
        """Attention, then the two-layer perceptron, each added to its input."""
        b, t, s, d = x.shape
        if self.attention_in_time is None:
            x = self.attention(x.reshape(b, t * s, d)).reshape(b, t, s, d)
        else:
            x = self.attention(x.reshape(b * t, s, d)).reshape(b, t, s, d)
            rows = x.swapaxes(1, 2).reshape(b * s, t, d)
            x = self.attention_in_time(rows).reshape(b, s, t, d).swapaxes(1, 2)
        return x + self.down(nnx.gelu(self.up(self.norm(x))))


def stack_blocks(make: Callable[[nnx.Rngs], Block], depth: int, rngs: nnx.Rngs) -> Block:
    """`depth` blocks as one, their parameters stacked along a leading axis."""

    @nnx.split_rngs(splits=depth)
    @nnx.vmap(in_axes=(0,), out_axes=0)
    def stack(rngs: nnx.Rngs) -> Block:
        return make(rngs)

    return stack(rngs)


def run_blocks(
    blocks: Block, x: Float[Array, "b t s d"], *, remat: bool, collect: bool
) -> tuple[Float[Array, "b t s d"], Float[Array, "depth b t s d"] | None]:
    """Stacked blocks one after the other: (output, what every block put out if `collect`).

    `remat` computes activations anew in the backward pass.
    """
    graph, weights = nnx.split(blocks)

    def body(x: Array, w: Any) -> tuple[Array, Array | None]:
        x = nnx.merge(graph, w)(x)
        return x, x if collect else None

    return jax.lax.scan(jax.checkpoint(body, prevent_cse=False) if remat else body, x, weights)
