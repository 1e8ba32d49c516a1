"""Gauges of collapse: a falling loss alone does not show that features are worth anything."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def effective_rank(features: Float[Array, "n d"]) -> Float[Array, ""]:
    """Exponential of the entropy of the normalised singular values of the centred features (Roy 2007): 1 to d."""
    values = jnp.linalg.svd(features - features.mean(0), compute_uv=False)
    share = values / jnp.maximum(values.sum(), 1e-12)
    return jnp.exp(-(share * jnp.log(jnp.maximum(share, 1e-12))).sum())


def feature_std(features: Float[Array, "n d"]) -> Float[Array, ""]:
    """Mean over dimensions of the standard deviation of unit-length features, times sqrt(d): 0 when all are equal."""
    unit = features / jnp.maximum(jnp.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return unit.std(0).mean() * jnp.sqrt(features.shape[1])


def within_track_share(features: Float[Array, "n d"], track: Int[Array, "n"]) -> Float[Array, ""]:
    """Share of the features' variance that lies within tracks.

    What changes within a track is the face's expression (and noise); the rest is who it is and how it was filmed.
    Read it before the effective rank, which misled in the first experiment.
    """
    same = (track[:, None] == track).astype(features.dtype)
    track_mean = same @ features / same.sum(1, keepdims=True)
    total = ((features - features.mean(0)) ** 2).sum()
    return ((features - track_mean) ** 2).sum() / jnp.maximum(total, 1e-12)
