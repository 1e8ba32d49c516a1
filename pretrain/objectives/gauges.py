"""Gauges of collapse: a falling loss alone does not show that features are worth anything."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from pretrain.objectives.contrastive import unit


def effective_rank(features: Float[Array, "n d"]) -> Float[Array, ""]:
    """Exponential of the entropy of the normalised singular values of the centred features (Roy 2007): 1 to d."""
    values = jnp.linalg.svd(features - features.mean(0), compute_uv=False)
    share = values / jnp.maximum(values.sum(), 1e-12)
    return jnp.exp(-(share * jnp.log(jnp.maximum(share, 1e-12))).sum())


def feature_std(features: Float[Array, "n d"]) -> Float[Array, ""]:
    """Mean over dimensions of the standard deviation of unit-length features, times sqrt(d): 0 when all are equal."""
    return unit(features).std(0).mean() * jnp.sqrt(features.shape[1])


def within_track_share(features: Float[Array, "n d"], track: Int[Array, "n"]) -> Float[Array, ""]:
    """Share of the features' variance that lies within tracks.

    What changes within a track is the face's expression (and noise); the rest is who it is and how it was filmed.
    Read it before the effective rank, which misled in the first experiment.
    """
    same = (track[:, None] == track).astype(features.dtype)
    track_mean = same @ features / same.sum(1, keepdims=True)
    total = ((features - features.mean(0)) ** 2).sum()
    return ((features - track_mean) ** 2).sum() / jnp.maximum(total, 1e-12)


def alignment(a: Float[Array, "n d"], b: Float[Array, "n d"]) -> Float[Array, ""]:
    """Mean squared distance of the unit-length views of a clip (Wang & Isola 2020): 0 when equal, 2 at right angles."""
    return ((unit(a) - unit(b)) ** 2).sum(-1).mean()


def uniformity(features: Float[Array, "n d"]) -> Float[Array, ""]:
    """Log of the mean of exp(-2 distance²) over pairs of unit-length features (Wang & Isola 2020).

    0 when all are equal; about -4 when they lie evenly on the sphere of many dimensions.
    """
    x, n = unit(features), features.shape[0]
    closeness = jnp.exp(-2 * (2 - 2 * jnp.clip(x @ x.T, -1, 1)))
    pairs = jnp.where(jnp.eye(n, dtype=bool), 0.0, closeness)
    return jnp.log(pairs.sum() / (n * (n - 1)))
