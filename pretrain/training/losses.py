"""Views of a batch and the weighted sum of the objectives on them."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int, Key

from pretrain.clips.augment import augment, kept_tokens
from pretrain.config import PretrainConfig
from pretrain.objectives.contrastive import info_nce, negative_weights
from pretrain.objectives.gauges import within_track_share
from pretrain.objectives.pairwise import differences, pairwise_loss
from pretrain.training.networks import graph

Batch = Mapping[str, Any]
"""What `ClipLoader` yields."""
Views = tuple[Float[Array, "b t h w c"], Int[Array, "b kept"] | None]
Metrics = dict[str, Float[Array, ""]]


def make_views(config: PretrainConfig) -> Callable[[Key[Array, ""], Batch], Views]:
    """The augmented clips of a batch and the tokens that are kept of each: (key, batch) -> views."""

    def look(key: Key[Array, ""], batch: Batch) -> Views:
        frames = batch["frames"].reshape(-1, *batch["frames"].shape[3:])
        looks, drops = jax.random.split(key)
        clips = augment(looks, frames, config.encoder.size, config.encoder.view, config.augment)
        if config.augment.token_share == 1:
            return clips, None
        return clips, kept_tokens(drops, len(frames), config.encoder.tokens, config.augment.token_share)

    return look


def make_loss(config: PretrainConfig) -> Callable[[Any, Views, Batch], tuple[Array, Metrics]]:
    """The weighted sum of the objectives: (params, views, batch) -> (loss, metrics)."""
    networks = graph(config)

    def loss_fn(params: Any, views: Views, batch: Batch) -> tuple[Array, Metrics]:
        nets = nnx.merge(networks, params)
        p, c = batch["time"].shape
        v = config.views
        features = nets.encoder(*views).vector.reshape(p, c, v, -1)
        track = jnp.repeat(batch["track"], c)
        metrics = {"within_track_share": within_track_share(features[:, :, 0].reshape(p * c, -1), track)}
        total = jnp.zeros(())
        if config.pairwise.weight:
            rows = jnp.moveaxis(features, 2, 1).reshape(p * v, c, -1)
            measures = jnp.repeat(batch["measures"], v, axis=0)
            loss = pairwise_loss(differences(rows, nets.pairwise[...]), measures, config.pairwise.rank_weight)
            metrics["pairwise"] = loss
            total += config.pairwise.weight * loss
        if config.contrastive.weight:
            negatives = negative_weights(
                track,
                batch["time"].reshape(-1),
                batch["measures"].reshape(p * c, -1),
                same_track_share=config.contrastive.same_track_share,
                min_seconds=config.batch.shift_seconds,
            )
            a, b = jnp.moveaxis(nets.projection(features.reshape(p * c, v, -1)), 1, 0)
            loss = info_nce(a, b, negatives, config.contrastive.temperature)
            metrics["contrastive"] = loss
            total += config.contrastive.weight * loss
        return total, metrics | {"loss": total}

    return loss_fn
