"""What goes into an encoder and what comes out of it, and how the features of a clip are drawn from its map."""

from dataclasses import dataclass as plain_dataclass
from typing import Annotated

import jax
from annotated_types import Gt, Interval
from flax import nnx
from jaxtyping import Array, Float
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

Positive = Annotated[int, Gt(0)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ClipInput:
    """The clips that an encoder takes; part of every encoder's config."""

    frames: Positive = 8
    size: Positive = 56
    """Side of a frame in pixels."""
    view: Annotated[float, Interval(gt=0, le=1)] = 0.8
    """Central share of the crop that the encoder sees; crops are generous, so that augmentation can shift."""
    channels: Positive = 1


@jax.tree_util.register_dataclass
@plain_dataclass(frozen=True)
class Features:
    """What an encoder returns, all in float32 whatever it computed in."""

    vector: Float[Array, "b d"]
    """One vector per clip."""
    tokens: Float[Array, "b n d"]
    """One vector per space-time cell, in the order time, row, column (of the cells kept)."""
    maps: Float[Array, "b t h w d"] | None
    """The tokens where they lie; None when cells were dropped."""
    intermediates: dict[str, Array]
    """What the parts of the encoder put out, by name; empty unless asked for."""


def look_map(rngs: nnx.Rngs, cells: int, width: int) -> nnx.Param:
    """Where each of `width` features looks among `cells`: a learned map per feature, at first a noisy mean."""
    return nnx.Param((1 + jax.random.normal(rngs.params(), (cells, width))) / cells)


def look(cells: Float[Array, "b n d"], where: Float[Array, "*b n d"]) -> Float[Array, "b d"]:
    """The features of a map, each gathered by its own look map.

    Cells are not averaged: faces are aligned, so it matters where in the face something moves, and a mean forgets it.
    """
    return (cells * where).sum(-2)
