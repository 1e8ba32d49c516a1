"""InfoNCE between two views of each clip, with a stated share of the negatives from the same track.

Two views of one clip are positives, other clips negatives. Clips of the same track at another time share identity,
light and camera with the anchor, so as negatives they cannot be told from it by those; they count in proportion to
how far their expression measures differ, because two neutral moments are no negatives at all.
Source: InfoNCE (van den Oord 2018), cross-view form as in CLIP.
"""

from typing import Annotated

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt, Interval
from jaxtyping import Array, Float, Int
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ContrastiveConfig:
    """The contrastive objective."""

    weight: Annotated[float, Ge(0)] = 1.0
    """Weight in the summed loss; 0 switches the objective off."""
    temperature: Annotated[float, Gt(0)] = 0.1
    same_track_share: Annotated[float, Interval(ge=0, lt=1)] = 0.25
    """Share of an anchor's negative weight that comes from its own track; 0 is the usual recipe."""
    dimensions: Annotated[int, Gt(0)] = 64
    """Width of the projection in which clips are compared."""


def info_nce(
    a: Float[Array, "n d"],
    b: Float[Array, "n d"],
    negatives: Float[Array, "n n"],
    temperature: float,
) -> Float[Array, ""]:
    """Mean loss of finding b[i] for a[i], and a[i] for b[i], among weighted negatives.

    `negatives[i, j]` is how much clip j counts in the denominator of anchor i (its diagonal is ignored: b[i] counts
    once). Weights of 1 everywhere give the usual InfoNCE.
    """
    a, b = (z / (jnp.linalg.norm(z, axis=-1, keepdims=True) + 1e-6) for z in (a, b))
    similarity = a @ b.T / temperature
    own = jnp.eye(a.shape[0], dtype=bool)
    weight = jnp.where(own, 1.0, negatives)
    log_weight = jnp.where(weight > 0, jnp.log(jnp.where(weight > 0, weight, 1.0)), -jnp.inf)

    def one_way(logits: Float[Array, "n n"]) -> Float[Array, ""]:
        return (jax.nn.logsumexp(logits + log_weight, axis=1) - jnp.diagonal(logits)).mean()

    return 0.5 * (one_way(similarity) + one_way(similarity.T))


def negative_weights(
    track: Int[Array, "n"],
    time: Float[Array, "n"],
    measures: Float[Array, "n m"],
    *,
    same_track_share: float,
    min_seconds: float,
) -> Float[Array, "n n"]:
    """How much every clip counts as a negative of every other one; rows sum to the number of clips of other tracks.

    A same-track clip counts in proportion to the mean absolute difference of the two clips' measures, and not at all
    within `min_seconds` (the time shift that makes positives). An anchor without such a clip keeps all of its weight
    on other tracks.
    """
    same = track[:, None] == track
    apart = jnp.abs(time[:, None] - time) > min_seconds
    distance = jnp.abs(measures[:, None] - measures).mean(-1)
    within = jnp.where(same & apart, distance, 0.0)
    total = within.sum(1, keepdims=True)
    others = (~same).sum(1, keepdims=True)
    share = jnp.where(total > 0, same_track_share, 0.0)
    return jnp.where(same, share * others * within / jnp.maximum(total, 1e-9), 1 - share)
