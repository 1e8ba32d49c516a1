"""Training state and the functional training step."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, UInt8

from pretrain.clips.augment import to_input
from pretrain.config import PretrainConfig
from pretrain.training.losses import Batch, Metrics, Views, make_loss, make_views
from pretrain.training.networks import Networks, graph
from pretrain.training.optimizer import make_optimizer, make_schedule

State = dict[str, Any]
"""params, opt_state, step."""


def init_state(config: PretrainConfig) -> State:
    """Fresh parameters and optimizer state from the config's seed."""
    params = nnx.to_pure_dict(nnx.state(Networks(config, rngs=nnx.Rngs(config.seed)), nnx.Param))
    optimizer = make_optimizer(config.optimizer, config.steps)
    return {"params": params, "opt_state": optimizer.init(params), "step": jnp.zeros((), jnp.int32)}


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
    networks = graph(config)

    def embed(params: Any, frames: UInt8[Array | np.ndarray, "b t h w c"]) -> Float[Array, "b d"]:
        return (
            nnx.merge(networks, params)
            .encoder(to_input(jnp.asarray(frames), config.encoder.size, config.encoder.view))
            .vector
        )

    return jax.jit(embed)
