"""What is trained: a linear head, alone, behind a low-rank adapter, or behind a full-rank map."""

from collections.abc import Callable
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Array, Float

Which = Literal["head", "lora", "full"]
Tree = Any
"""Nested dicts of arrays."""
AnyArray = Array | np.ndarray
"""On the device or not yet."""


class Population(NamedTuple):
    """What the network of everybody is, beside an encoder: one per fold."""

    mean: Float[AnyArray, "*fold d"]
    scale: Float[AnyArray, "*fold d"]
    """Mean and spread of the features among the training people."""
    kernel: Float[AnyArray, "*fold d c"]
    """Outputs per standardised feature."""


class Network(NamedTuple):
    """Pure functions of parameters; equal ones are the same object, so that nothing is compiled twice."""

    init: Callable[[int, tuple[int, int]], Tree]
    """(seed, features and outputs) -> parameters that make the network the population's, where training starts."""
    apply: Callable[[Tree, Population, Tree, Array], Float[Array, "n c"]]
    """(what everybody shares, population, parameters, rows) -> outputs, up to a constant."""


@cache
def feature_network(which: Which, rank: int) -> Network:
    """For standardised features; nothing is shared but the population's head.

    `lora` is x + x A B before the head (Hu 2021, on cached features), `full` is x + x M.
    """

    def init(seed: int, size: tuple[int, int]) -> Tree:
        head, square = {"head": zero_head(size)}, (size[0], size[0])
        if which == "lora":
            return head | {"map": factors(np.random.default_rng(seed), square, rank)}
        return head | ({"map": {"kernel": np.zeros(square, np.float32)}} if which == "full" else {})

    def apply(shared: Tree, population: Population, free: Tree, x: Float[Array, "n d"]) -> Float[Array, "n c"]:
        kernel = population.kernel + free["head"]["kernel"]
        # both maps are linear, so they are multiplied with each other first, which is far less than with the rows
        if which == "lora":
            kernel = kernel + free["map"]["lora_a"] @ (free["map"]["lora_b"] @ kernel)
        elif which == "full":
            kernel = kernel + free["map"]["kernel"] @ kernel
        return _product(x, kernel) + free["head"]["bias"]

    return Network(init, apply)


def zero_head(size: tuple[int, int]) -> Tree:
    """No departure from the population's head."""
    return {"kernel": np.zeros(size, np.float32), "bias": np.zeros(size[1], np.float32)}


def linear(population: Population, head: Tree, x: Float[Array, "n d"]) -> Float[Array, "n c"]:
    """The population's head plus a departure from it."""
    return _product(x, population.kernel + head["kernel"]) + head["bias"]


def _product(x: Float[Array, "n d"], kernel: Float[Array, "d c"]) -> Float[Array, "n c"]:
    """x @ kernel; written so, it takes half the time on a processor where many kernels share the same rows."""
    return (kernel.T @ x.T).T


def factors(rng: np.random.Generator, shape: tuple[int, ...], rank: int) -> Tree:
    """A and B for a kernel [..., in, out], whose product is zero until B has been trained."""
    *stack, inputs, outputs = shape
    a = rng.standard_normal((*stack, inputs, rank), np.float32) / np.float32(inputs**0.5)
    return {"lora_a": a, "lora_b": np.zeros((*stack, rank, outputs), np.float32)}


def fan_in(leaf: Array) -> float:
    """How many numbers a unit adds up through this leaf; leading axes of stacked blocks and biases do not count.

    A kernel of convolution is [rows, columns, in, out]. Biases and scales of stacked blocks pass for kernels here and
    move slower by the depth of the stack.
    """
    if leaf.ndim < 2:
        return 1.0
    return float(leaf[..., 0].size if leaf.ndim == 4 else leaf.shape[-2])
