"""End to end: the clips of a person through an encoder that is trained with the head, wholly or by low-rank factors.

The base encoder exists once, however many people are trained: with `lora` the factors of each person work beside its
kernels, x W + x A B, and W + A B is never made.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from flax.traverse_util import flatten_dict, unflatten_dict
from jaxtyping import Array, Float, UInt8

from personalize.adaptation.gradient.networks import Network, Population, Tree, factors, linear, zero_head
from pretrain.clips.augment import to_input
from pretrain.encoders.encoder import EncoderConfig, make_encoder

AT_ONCE = 64
"""Clips that are encoded together where nothing is trained."""


@dataclass(frozen=True, eq=False)
class BaseEncoder:
    """An encoder that people start from."""

    config: EncoderConfig
    params: Tree
    """As `nnx.to_pure_dict` gives them."""

    def __deepcopy__(self, memo: Any) -> "BaseEncoder":
        return self  # never changed, so scikit-learn's `clone` need not copy it

    def features(self, clips: UInt8[np.ndarray, "n t h w c"]) -> Float[np.ndarray, "n d"]:
        """The features of whole clips, before any adaptation."""
        found = [np.zeros((0, self.config.width))]
        for first in range(0, len(clips), AT_ONCE):
            part = clips[first : first + AT_ONCE]
            # a full batch every time, so that there is one compile
            out = _features(self.config, self.params, part[np.arange(AT_ONCE) % len(part)])
            found.append(np.asarray(out, float)[: len(part)])
        return np.concatenate(found)


@cache
def encoder_network(config: EncoderConfig, which: Literal["lora", "full"], rank: int) -> Network:
    """For clips; the encoder's parameters are shared. Every `nnx.Linear` of it has factors, convolutions have none."""

    def make() -> nnx.Module:
        return make_encoder(config, rngs=nnx.Rngs(0))

    graph, shapes = _described((lambda: _with_factors(make(), rank)) if which == "lora" else make)

    def init(seed: int, size: tuple[int, int]) -> Tree:
        rng = np.random.default_rng(seed)
        encoder = _zeros(shapes) if which == "full" else _fresh_factors(rng, shapes, rank)
        return {"head": zero_head(size), "encoder": encoder}

    def apply(
        shared: Tree, population: Population, free: Tree, clips: UInt8[Array, "n t h w c"]
    ) -> Float[Array, "n outputs"]:
        if which == "full":
            params = jax.tree.map(jnp.add, shared, free["encoder"])
        else:
            params = unflatten_dict(flatten_dict(shared) | flatten_dict(free["encoder"]))
        vector = nnx.merge(graph, params)(to_input(clips, config.size, config.view)).vector
        return linear(population, free["head"], (vector - population.mean) / population.scale)

    return Network(init, apply)


@partial(jax.jit, static_argnames="config")
def _features(config: EncoderConfig, params: Tree, clips: UInt8[Array, "n t h w c"]) -> Float[Array, "n d"]:
    graph, _ = _described(lambda: make_encoder(config, rngs=nnx.Rngs(0)))
    return nnx.merge(graph, params)(to_input(clips, config.size, config.view)).vector


def _described(make: Callable[[], nnx.Module]) -> tuple[Any, Tree]:
    """The graph of a network and the shapes of its parameters, without any of its numbers."""
    model = nnx.eval_shape(make)
    return nnx.graphdef(model), nnx.to_pure_dict(nnx.state(model, nnx.Param))


def _with_factors(model: nnx.Module, rank: int) -> nnx.Module:
    """The network with `nnx.LoRALinear` for `nnx.Linear`, whose kernels stay where they are."""
    for _, module in list(nnx.iter_modules(model)):
        for name, layer in list(vars(module).items()):
            if type(layer) is nnx.Linear:
                setattr(module, name, _beside(layer, rank))
    return model


def _beside(layer: nnx.Linear, rank: int) -> nnx.LoRALinear:
    """A layer with factors beside its kernel, of as many layers as are stacked in it."""
    *stack, inputs, outputs = layer.kernel.shape
    new = nnx.LoRALinear(
        inputs, outputs, lora_rank=rank, use_bias=layer.use_bias, dtype=layer.dtype, lora_dtype=layer.dtype,
        rngs=nnx.Rngs(0),
    )  # fmt: skip
    new.kernel, new.bias = layer.kernel, layer.bias
    for name, value in factors(np.random.default_rng(0), (*stack, inputs, outputs), rank).items():
        setattr(new.lora, name, nnx.LoRAParam(value))
    return new


def _zeros(shapes: Tree) -> Tree:
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)


def _fresh_factors(rng: np.random.Generator, shapes: Tree, rank: int) -> Tree:
    """Factors for every kernel that has them, at `lora` beside it."""
    flat: dict[Any, Any] = flatten_dict(shapes)
    layers = sorted(path[:-2] for path in flat if path[-1] == "lora_a")
    made = {(*path, "lora"): factors(rng, flat[(*path, "kernel")].shape, rank) for path in layers}
    return unflatten_dict(made)
