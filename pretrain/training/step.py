"""Training state and the functional training step.

NNX describes the networks; training sees plain dicts of arrays, which is what optimizers, checkpoints and sharding
rules want, and faster than NNX's own transforms.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, Key, UInt8

from pretrain.clips.augment import augment, kept_tokens, to_input
from pretrain.clips.dataset import MEASURES
from pretrain.config import PretrainConfig
from pretrain.encoders.vit import VideoViT
from pretrain.objectives.contrastive import info_nce, negative_weights
from pretrain.objectives.gauges import within_track_share
from pretrain.objectives.pairwise import differences, pairwise_loss
from pretrain.training.optimizer import make_optimizer, make_schedule

State = dict[str, Any]
"""params, opt_state, step."""
Batch = Mapping[str, Any]
"""What `ClipLoader` yields."""
Views = tuple[Float[Array, "b t h w c"], Int[Array, "b kept"] | None]
Metrics = dict[str, Float[Array, ""]]


class Networks(nnx.Module):
    """The encoder and the heads that only training needs."""

    def __init__(self, config: PretrainConfig, *, rngs: nnx.Rngs) -> None:
        width, projected = config.encoder.width, config.contrastive.dimensions
        self.encoder = VideoViT(config.encoder, rngs=rngs)
        self.projection = nnx.Sequential(
            nnx.Linear(width, 2 * width, rngs=rngs), nnx.gelu, nnx.Linear(2 * width, projected, rngs=rngs)
        )
        self.pairwise = nnx.Param(jax.random.normal(rngs.params(), (width, len(MEASURES))) * width**-0.5)


def _graph(config: PretrainConfig) -> Any:
    return nnx.graphdef(nnx.eval_shape(lambda: Networks(config, rngs=nnx.Rngs(0))))


def init_state(config: PretrainConfig) -> State:
    """Fresh parameters and optimizer state from the config's seed."""
    params = nnx.to_pure_dict(nnx.state(Networks(config, rngs=nnx.Rngs(config.seed)), nnx.Param))
    optimizer = make_optimizer(config.optimizer, config.steps)
    return {"params": params, "opt_state": optimizer.init(params), "step": jnp.zeros((), jnp.int32)}


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
    graph = _graph(config)

    def loss_fn(params: Any, views: Views, batch: Batch) -> tuple[Array, Metrics]:
        nets = nnx.merge(graph, params)
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


def make_step(config: PretrainConfig) -> Callable[[State, Batch], tuple[State, Metrics]]:
    """The update; its randomness is a function of the config's seed and the step alone.

    Two programs: in one, XLA on CPU would compute the augmentation anew wherever its result is used, which made a
    step three times as long.
    """
    look = jax.jit(make_views(config))
    loss_fn = make_loss(config)
    optimizer = make_optimizer(config.optimizer, config.steps)
    schedule = make_schedule(config.optimizer, config.steps)

    def update(state: State, views: Views, batch: Batch) -> tuple[State, Metrics]:
        (_, metrics), grads = jax.value_and_grad(loss_fn, has_aux=True)(state["params"], views, batch)
        updates, opt_state = optimizer.update(grads, state["opt_state"], state["params"])
        params = optax.apply_updates(state["params"], updates)
        metrics |= {"gradient_norm": optax.tree.norm(grads), "learning_rate": jnp.asarray(schedule(state["step"]))}
        return {"params": params, "opt_state": opt_state, "step": state["step"] + 1}, metrics

    update = jax.jit(update, donate_argnums=0)

    def step(state: State, batch: Batch) -> tuple[State, Metrics]:
        key = jax.random.fold_in(jax.random.key(config.seed), state["step"])
        views = look(key, batch)
        return update(state, views, {k: v for k, v in batch.items() if k != "frames"})

    return step


def make_embed(config: PretrainConfig) -> Callable[[Any, UInt8[Array | np.ndarray, "b t h w c"]], Float[Array, "b d"]]:
    """The jitted encoder: (params, whole crops) -> one feature vector per clip."""
    graph = _graph(config)

    def embed(params: Any, frames: UInt8[Array | np.ndarray, "b t h w c"]) -> Float[Array, "b d"]:
        return (
            nnx.merge(graph, params)
            .encoder(to_input(jnp.asarray(frames), config.encoder.size, config.encoder.view))
            .vector
        )

    return jax.jit(embed)
