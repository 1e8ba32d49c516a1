"""Views of a batch and the weighted sum of the objectives on them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int, Key

from pretrain.clips.augment import augment, kept_cells
from pretrain.config import PretrainConfig
from pretrain.objectives.contrastive import (
    candidate_counts,
    centre,
    info_nce,
    measure_distance,
    soft_targets,
    temperature_of,
)
from pretrain.objectives.gauges import alignment, feature_std, uniformity, within_track_share
from pretrain.objectives.masked import cell_pixels, hidden_tubes, masked_loss
from pretrain.objectives.pairwise import absolute_loss, differences, head_values, pairwise_loss
from pretrain.training.networks import Networks, graph

Batch = Mapping[str, Any]
"""What `ClipLoader` yields."""
Metrics = dict[str, Float[Array, ""]]


class Views(NamedTuple):
    """The augmented clips of a batch, all views in a row: every array's first axis is tracks × clips × views."""

    clips: Float[Array, "b t h w c"]
    keep: Int[Array, "b kept"] | None
    """Tubes that the contrastive and the pairwise objective see; all when None."""
    sight: Int[Array, "b sight"] | None
    """Tubes that the masked objective does not hide; None when it is off."""


def make_views(config: PretrainConfig) -> Callable[[Key[Array, ""], Batch], Views]:
    """What the objectives see of a batch: (key, batch) -> views."""

    def some_tubes(key: Key[Array, ""], clips: int, share: float) -> Int[Array, "clips kept"]:
        return kept_cells(key, clips, config.encoder.cells[1] * config.encoder.cells[2], share)

    def look(key: Key[Array, ""], batch: Batch) -> Views:
        frames = batch["frames"].reshape(-1, *batch["frames"].shape[3:])
        looks, drops = jax.random.split(key)
        share = config.augment.token_share
        return Views(
            clips=augment(looks, frames, config.encoder.size, config.encoder.view, config.augment),
            keep=some_tubes(drops, len(frames), share) if share < 1 else None,
            sight=some_tubes(jax.random.fold_in(drops, 1), len(frames), 1 - config.masked.share)
            if config.masked.weight
            else None,
        )

    return look


def make_loss(config: PretrainConfig) -> Callable[[Any, Views, Batch], tuple[Float[Array, ""], Metrics]]:
    """The weighted sum of the objectives: (params, views, batch) -> (loss, metrics).

    Contrastive and pairwise share one pass through the encoder; masked has its own, on the tubes in its sight, so that
    each objective sees what it would see alone. Metrics hold every objective by its name, before it is weighted, and
    gauges of collapse.
    """
    networks = graph(config)

    def loss_fn(params: Any, views: Views, batch: Batch) -> tuple[Float[Array, ""], Metrics]:
        nets = nnx.merge(networks, params)
        losses: Metrics = {}
        gauges: Metrics = {}
        vectors = None
        if config.contrastive.weight or config.pairwise.weight:
            vectors = _encode(nets, views.clips, views.keep).vector
        if config.masked.weight:
            losses["masked"], seen = _masked(nets, config, views)
            vectors = seen if vectors is None else vectors
        assert vectors is not None
        features = vectors.reshape(*batch["time"].shape, config.views, -1)
        if config.pairwise.weight:
            losses["pairwise"] = _pairwise(nets, config, features, batch)
        if config.contrastive.weight:
            losses["contrastive"], gauges = _contrastive(nets, config, features, batch)
        total = sum((getattr(config, name).weight * loss for name, loss in losses.items()), jnp.zeros(()))
        first = features[:, :, 0].reshape(-1, features.shape[-1])
        gauges["within_track_share"] = within_track_share(first, _per_clip(batch["track"], batch))
        gauges["feature_std"] = feature_std(first)
        return total, {**losses, **gauges, "loss": total}

    return loss_fn


def _encode(nets: Networks, clips: Float[Array, "b t h w c"], keep: Int[Array, "b kept"] | None) -> Any:
    return nets.encoder(clips) if keep is None else nets.encoder(clips, keep)


def _per_clip(per_track: Array, batch: Batch) -> Array:
    return jnp.repeat(per_track, batch["time"].shape[1])


def _pairwise(
    nets: Networks, config: PretrainConfig, features: Float[Array, "p c v d"], batch: Batch
) -> Float[Array, ""]:
    """All pairs of clips of a track, in each view by itself."""
    v = features.shape[2]
    rows = jnp.moveaxis(features, 2, 1).reshape(-1, features.shape[1], features.shape[3])
    measures, known = (jnp.repeat(batch[key], v, axis=0) for key in ("measures", "known"))
    head = nets.pairwise[...]
    loss = pairwise_loss(differences(rows, head), measures, known, config.pairwise.rank_weight)
    if config.pairwise.absolute_weight:
        loss += config.pairwise.absolute_weight * absolute_loss(head_values(rows, head), measures, known)
    return loss


def _contrastive(
    nets: Networks, config: PretrainConfig, features: Float[Array, "p c v d"], batch: Batch
) -> tuple[Float[Array, ""], Metrics]:
    """Both views of a clip find each other among the clips of the whole batch."""
    clips = features.shape[0] * features.shape[1]
    distance = measure_distance(batch["measures"].reshape(clips, -1), batch["known"].reshape(clips, -1))
    counts = candidate_counts(
        _per_clip(batch["track"], batch),
        batch["time"].reshape(clips),
        distance,
        same_track_share=config.contrastive.same_track_share,
        min_seconds=config.batch.shift_seconds,
        weighted=config.contrastive.weighted,
    )
    soft = config.contrastive.targets == "measures"
    targets = soft_targets(distance, counts, config.contrastive.target_width) if soft else jnp.eye(clips)
    compared = centre(features) if config.contrastive.centred else features
    a, b = jnp.moveaxis(nets.projection(compared.reshape(clips, 2, -1)), 1, 0)
    temperature = temperature_of(nets.log_temperature[...])
    gauges = {
        "temperature": temperature,
        "alignment": alignment(a, b),
        "uniformity": 0.5 * (uniformity(a) + uniformity(b)),
    }
    return info_nce(a, b, counts, targets, temperature), gauges


def _masked(nets: Networks, config: PretrainConfig, views: Views) -> tuple[Float[Array, ""], Float[Array, "b d"]]:
    """The loss on what is hidden, and the encoder's vectors of what is in sight."""
    assert views.sight is not None
    cells = config.encoder.cells
    seen = _encode(nets, views.clips, views.sight)
    painted = nets.decoder(seen.tokens, views.sight)
    hidden = hidden_tubes(views.sight, cells[1] * cells[2])
    return masked_loss(painted, cell_pixels(views.clips, cells), hidden), seen.vector
