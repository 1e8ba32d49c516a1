"""Pairwise differences: a linear head on the difference of two clips' features tells how their expressions differ.

The pairwise formulation of Rezaei 2021 (target against reference, shared weights) turned label-free: the targets are
expression measures that `prepare` estimated from pixels, standardised within the track. The head has no bias and is
linear in the difference, so f(a, b) = -f(b, a) by construction.
"""

from typing import Annotated

import jax
import jax.numpy as jnp
import optax
from annotated_types import Ge
from jaxtyping import Array, Float
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class PairwiseConfig:
    """The pairwise objective."""

    weight: Annotated[float, Ge(0)] = 1.0
    """Weight in the summed loss; 0 switches the objective off."""
    rank_weight: Annotated[float, Ge(0)] = 0.5
    """Weight of the ranking term beside the regression of the difference."""


def differences(features: Float[Array, "p c d"], head: Float[Array, "d m"]) -> Float[Array, "p c c m"]:
    """Predicted difference of the measures of every two clips of a track: [p, i, j] is clip i minus clip j."""
    return (features[:, :, None] - features[:, None]) @ head


def pairwise_loss(
    predicted: Float[Array, "p c c m"], measures: Float[Array, "p c m"], rank_weight: float
) -> Float[Array, ""]:
    """Huber loss of the differences plus a logistic ranking loss weighted by their size, over all pairs of a track."""
    wanted = measures[:, :, None] - measures[:, None]
    size = jnp.abs(wanted)
    huber = optax.huber_loss(predicted, wanted)
    rank = size * jax.nn.softplus(-jnp.sign(wanted) * predicted)
    pairs = wanted.shape[0] * wanted.shape[1] * (wanted.shape[1] - 1) * wanted.shape[3]
    # a clip against itself predicts 0 for 0 and has size 0, so the diagonal adds nothing to either sum
    return (huber + rank_weight * rank).sum() / pairs
