"""InfoNCE between two views of each clip, with a stated share of the negatives from the same track.

Two views of one clip are positives, other clips negatives. Clips of the same track at another time share identity,
light and camera with the anchor, so as negatives they cannot be told from it by those; they count in proportion to
how far their expression measures differ, because two neutral moments are no negatives at all.
Source: InfoNCE (van den Oord 2018), cross-view form and learned temperature as in CLIP (Radford 2021).

All functions see the whole batch. Where it is spread over devices, GSPMD gathers what is needed; computed per device,
the loss would have fewer negatives, look better and be wrong.
"""

import math
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
from annotated_types import Ge, Gt, Interval
from jaxtyping import Array, Bool, Float, Int
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.01, 1.0
"""The learned temperature stays between these; the lower one is CLIP's (logits at most 100)."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ContrastiveConfig:
    """The contrastive objective."""

    weight: Annotated[float, Ge(0)] = 1.0
    """Weight in the summed loss; 0 switches the objective off."""
    temperature: Annotated[float, Interval(ge=LOWEST_TEMPERATURE, le=HIGHEST_TEMPERATURE)] = 0.1
    """Temperature at the start; it is learned (`log_temperature` of the networks) within the limits of this file."""
    same_track_share: Annotated[float, Interval(ge=0, lt=1)] = 0.25
    """Share of an anchor's negative weight that comes from its own track; 0 is the usual recipe, which leaves them
    out."""
    weighted: bool = True
    """Negatives of the same track count by how far their measures differ; false: all of them alike."""
    centred: bool = False
    """Compare features minus the mean of their track in the batch, so that the loss does not see who it is."""
    targets: Literal["own", "measures"] = "own"
    """What to find for a clip: its own other view, or every clip by how alike its measures are (soft targets)."""
    target_width: Annotated[float, Gt(0)] = 0.2
    """Difference of measures, in their standard deviations, at which a clip is a target 1/e as much as the own one."""
    dimensions: Annotated[int, Gt(0)] = 64
    """Width of the projection in which clips are compared."""


def info_nce(
    a: Float[Array, "n d"],
    b: Float[Array, "n d"],
    counts: Float[Array, "n n"],
    targets: Float[Array, "n n"],
    temperature: Float[Array, ""],
) -> Float[Array, ""]:
    """Mean cross-entropy of finding the targets of a[i] among b, and those of b[i] among a, by their cosine.

    `counts[i, j]` is how many clips j stands for among the candidates of anchor i (1 for j = i), `targets[i, j]` the
    share of the right answer that lies on them (rows sum to 1). Counts of 1 and the identity as targets give the usual
    InfoNCE. The result is never lower than the entropy of the targets.
    """
    a, b = unit(a), unit(b)
    similarity = jnp.matmul(a, b.T, precision="highest") / temperature
    log_counts = jnp.where(counts > 0, jnp.log(jnp.where(counts > 0, counts, 1.0)), -jnp.inf)

    def one_way(logits: Float[Array, "n n"]) -> Float[Array, ""]:
        total = jax.nn.logsumexp(logits + log_counts, axis=1, keepdims=True)
        return (targets * (total - logits)).sum(1).mean()

    return 0.5 * (one_way(similarity) + one_way(similarity.T))


def unit(z: Float[Array, "*n d"]) -> Float[Array, "*n d"]:
    """Vectors at length 1; 0 stays 0, and its gradient is finite."""
    square = (z**2).sum(-1, keepdims=True)
    return z * jax.lax.rsqrt(jnp.maximum(square, 1e-12))


@jax.custom_vjp
def temperature_of(log_temperature: Float[Array, ""]) -> Float[Array, ""]:
    """The temperature, clipped to its limits.

    At a limit only a gradient that points back inside passes: with a plain clip none would, and a temperature that
    had once left its range would stay there for ever.
    """
    return jnp.exp(jnp.clip(log_temperature, math.log(LOWEST_TEMPERATURE), math.log(HIGHEST_TEMPERATURE)))


def _temperature_forward(log_temperature: Array) -> tuple[Array, Array]:
    return temperature_of(log_temperature), log_temperature


def _temperature_backward(log_temperature: Array, gradient: Array) -> tuple[Array]:
    # descent moves against the gradient
    outward = ((log_temperature < math.log(LOWEST_TEMPERATURE)) & (gradient > 0)) | (
        (log_temperature > math.log(HIGHEST_TEMPERATURE)) & (gradient < 0)
    )
    return (jnp.where(outward, 0.0, gradient * temperature_of(log_temperature)),)


temperature_of.defvjp(_temperature_forward, _temperature_backward)


def measure_distance(measures: Float[Array, "n m"], known: Bool[Array, "n m"]) -> Float[Array, "n n"]:
    """Mean absolute difference of two clips' measures, over those known in both; 0 where none is."""
    both = known[:, None] & known
    difference = jnp.where(both, jnp.abs(measures[:, None] - measures), 0.0)
    return difference.sum(-1) / jnp.maximum(both.sum(-1), 1)


def candidate_counts(
    track: Int[Array, "n"],
    time: Float[Array, "n"],
    distance: Float[Array, "n n"],
    *,
    same_track_share: float,
    min_seconds: float,
    weighted: bool,
) -> Float[Array, "n n"]:
    """How much every clip counts among the candidates of every anchor: 1 on the diagonal, else as a negative.

    The negatives of an anchor sum to the number of clips of other tracks, `same_track_share` of it on its own track:
    shared out in proportion to `distance`, or evenly when not `weighted`, over the clips that are more than
    `min_seconds` away (the time shift that makes positives). An anchor without such a clip keeps all of its weight on
    other tracks.
    """
    same = track[:, None] == track
    apart = jnp.abs(time[:, None] - time) > min_seconds
    within = jnp.where(same & apart, distance if weighted else 1.0, 0.0)
    total = within.sum(1, keepdims=True)
    others = (~same).sum(1, keepdims=True)
    share = jnp.where(total > 0, same_track_share, 0.0)
    negatives = jnp.where(same, share * others * within / jnp.maximum(total, 1e-9), 1 - share)
    return jnp.where(jnp.eye(len(track), dtype=bool), 1.0, negatives)


def soft_targets(distance: Float[Array, "n n"], counts: Float[Array, "n n"], width: float) -> Float[Array, "n n"]:
    """Targets in proportion to exp(-distance / width) among the candidates: rows sum to 1.

    The loss is then lowest where the similarity of two clips falls linearly with the distance of their measures,
    whoever they are. As the width goes to 0 only the own view is left (and clips with the very same measures).
    """
    share = counts * jnp.exp(-distance / width)
    return share / share.sum(1, keepdims=True)


def centre(features: Float[Array, "p c v d"]) -> Float[Array, "p c v d"]:
    """Features minus the mean of their track (first axis) over its clips in the batch, for each view by itself.

    By view, because then the two sides of a comparison share no term. A mean over all other clips and views would put
    the same vector into both views of a clip and into no other clip, by which they could be found without a look at
    the face.
    """
    return features - features.mean(1, keepdims=True)
