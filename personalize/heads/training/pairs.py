"""Losses on pairs of rows of a batch: which is higher, by how much, and whose features lie near each other."""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
from annotated_types import Gt
from jaxtyping import Array, Bool, Float, Int
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from personalize.heads.networks.network import Answer
from personalize.heads.training.losses import Weight, weighted_mean

OF_SCORES = ("logistic", "hinge", "difference")
"""Kinds that look at the order or the distance of scores: enough to train on without any task."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class PairTerm:
    """A term on pairs.

    Of one output, whose label is the first column:
    - `logistic`: the higher label gets the higher score (RankNet, Burges 2005).
    - `hinge`: the same, by a margin; `scaled`: of `margin` per unit of the labels' difference.
    - `difference`: squared error of the scores' difference (RankRLS, Pahikkala 2009).
    - `antisymmetric`: (f(a, b) + f(b, a))²; the rows are pairs themselves, of a network with a difference.

    Of features, by the distance of labels:
    - `hadsell`: rows of equal label are pulled together, others pushed beyond `margin` (Hadsell 2006).
    - `rank_n_contrast`: of two rows, the one of nearer label is to lie nearer; `temperature` (Zha 2023).
    """

    kind: Literal["logistic", "hinge", "difference", "antisymmetric", "hadsell", "rank_n_contrast"]
    weight: Weight = 1.0
    margin: Annotated[float, Gt(0)] = 1.0
    scaled: bool = False
    temperature: Annotated[float, Gt(0)] = 2.0
    within: bool = True
    """Pairs of one person only."""


def pair_loss(
    term: PairTerm,
    answer: Answer,
    swapped: Answer | None,
    y: Float[Array, "b"],
    weight: Float[Array, "b"],
    person: Int[Array, "b"],
) -> Float[Array, ""]:
    """A term on all pairs of a batch whose labels both have weight; `swapped` answers the rows turned round."""
    if term.kind == "antisymmetric":
        assert swapped is not None
        both = answer.values.mean(1)[:, 0] + swapped.values.mean(1)[:, 0]
        return weighted_mean(both**2, weight)
    known = (weight > 0)[:, None] & (weight > 0) & ~jnp.eye(len(y), dtype=bool)
    if term.within:
        known &= person[:, None] == person
    if term.kind in ("hadsell", "rank_n_contrast"):
        return _of_features(term, answer.features.mean(1), y, known)
    score = answer.values.mean(1)[:, 0]
    return _of_scores(term, score[:, None] - score, y[:, None] - y, known)


def _of_scores(
    term: PairTerm, score: Float[Array, "b b"], y: Float[Array, "b b"], known: Bool[Array, "b b"]
) -> Float[Array, ""]:
    """`score` and `y` are differences, row minus column."""
    if term.kind == "difference":
        return _mean(jnp.square(score - y), known)
    ahead = jnp.sign(y) * score
    if term.kind == "logistic":
        return _mean(jax.nn.softplus(-ahead), known & (y != 0))
    margin = term.margin * jnp.abs(y) if term.scaled else term.margin
    return _mean(jax.nn.relu(margin - ahead), known & (y != 0))


def _of_features(
    term: PairTerm, features: Float[Array, "b d"], y: Float[Array, "b"], known: Bool[Array, "b b"]
) -> Float[Array, ""]:
    square = jnp.square(features[:, None] - features).sum(-1)
    distance = jnp.sqrt(jnp.where(square > 0, square, 1.0)) * (square > 0)  # with a gradient of 0 at 0
    apart = jnp.abs(y[:, None] - y)
    if term.kind == "hadsell":
        return _mean(jnp.where(apart == 0, square, jax.nn.relu(term.margin - distance) ** 2), known)
    likeness = jnp.where(known, -distance / term.temperature, -jnp.inf)
    # [i, j, k]: for anchor i and partner j, the k whose label is at least as far from i as j's compete with j
    rivals = jnp.where(apart[:, None, :] >= apart[:, :, None], likeness[:, None, :], -jnp.inf)
    rivals = jnp.where(known[:, :, None], rivals, 0.0)  # all of them -inf would have no gradient
    loss = jax.nn.logsumexp(rivals, axis=-1) - jnp.where(known, likeness, 0.0)
    return _mean(loss, known)


def _mean(values: Float[Array, "b b"], counted: Bool[Array, "b b"]) -> Float[Array, ""]:
    return weighted_mean(jnp.where(counted, values, 0.0), counted.astype(float))
