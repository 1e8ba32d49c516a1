"""Pairwise differences: a linear head on the difference of two clips' features tells how their expressions differ.

The pairwise formulation of Rezaei 2021 (target against reference, shared weights) turned label-free: the targets are
expression measures that `prepare` estimated from pixels, standardised within the track. The head has no bias and is
linear, so that f(a, b) = w·a - w·b = -f(b, a) by construction, and all pairs of a track cost one encoding per clip.
"""

from typing import Annotated

import jax
import jax.numpy as jnp
import optax
from annotated_types import Ge
from jaxtyping import Array, Bool, Float
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class PairwiseConfig:
    """The pairwise objective."""

    weight: Annotated[float, Ge(0)] = 1.0
    """Weight in the summed loss; 0 switches the objective off."""
    rank_weight: Annotated[float, Ge(0)] = 0.5
    """Weight of the ranking term beside the regression of the difference."""
    absolute_weight: Annotated[float, Ge(0)] = 0.0
    """Weight of a term that regresses every clip's own measures (which are 0 on average over its track): without a
    free offset per track features can be used without a reference."""


def head_values(features: Float[Array, "p c d"], head: Float[Array, "d m"]) -> Float[Array, "p c m"]:
    """What the linear head says of each clip; the difference of two clips is the difference of their values."""
    return jnp.matmul(features, head, precision="highest")


def differences(features: Float[Array, "p c d"], head: Float[Array, "d m"]) -> Float[Array, "p c c m"]:
    """Predicted difference of the measures of every two clips of a track: [p, i, j] is clip i minus clip j."""
    values = head_values(features, head)
    # subtracted after the product, which is cheaper, and antisymmetric to the last bit
    return values[:, :, None] - values[:, None]


def pairwise_loss(
    predicted: Float[Array, "p c c m"],
    measures: Float[Array, "p c m"],
    known: Bool[Array, "p c m"],
    rank_weight: float,
) -> Float[Array, ""]:
    """Huber loss of the differences plus a logistic ranking loss weighted by their size.

    Mean over all pairs of two clips of a track and the measures that are known in both; 0 when there are none.
    """
    pairs = known[:, :, None] & known[:, None] & ~jnp.eye(known.shape[1], dtype=bool)[:, :, None]
    wanted = jnp.where(pairs, measures[:, :, None] - measures[:, None], 0.0)
    huber = optax.huber_loss(predicted, wanted)
    rank = jnp.abs(wanted) * jax.nn.softplus(-jnp.sign(wanted) * predicted)
    return _mean_where(huber + rank_weight * rank, pairs)


def absolute_loss(
    values: Float[Array, "p c m"], measures: Float[Array, "p c m"], known: Bool[Array, "p c m"]
) -> Float[Array, ""]:
    """Huber loss of every clip's own value against its measures, over those that are known; 0 when none is."""
    return _mean_where(optax.huber_loss(values, jnp.where(known, measures, 0.0)), known)


def _mean_where(values: Float[Array, "*n"], counted: Bool[Array, "*n"]) -> Float[Array, ""]:
    return jnp.where(counted, values, 0.0).sum() / jnp.maximum(counted.sum(), 1)
