"""Training state and the functional training step.

Every array is a global one: the programs are written as for one device, and the shardings of their arguments and
results (see `mesh`) tell GSPMD how to share the work out.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, UInt8

from pretrain.clips.augment import to_input
from pretrain.clips.dataset import MEASURES
from pretrain.config import PretrainConfig
from pretrain.errors import UserError
from pretrain.training.losses import Metrics, make_loss, make_views
from pretrain.training.mesh import AnyMesh, batch_sharding, place, replicated, state_sharding
from pretrain.training.networks import Networks, graph
from pretrain.training.optimizer import hold, make_optimizer, make_schedule, rate_scales

__all__ = [
    "State",
    "abstract_batch",
    "abstract_state",
    "embed_program",
    "evaluated",
    "init_state",
    "make_embed",
    "make_step",
    "place",
    "step_programs",
]

State = dict[str, Any]
"""params, ema (only with `config.ema`), opt_state, step."""
Batch = Mapping[str, Any]
"""What `place` makes of a batch of `ClipLoader`."""


def _fresh(config: PretrainConfig) -> State:
    params = nnx.to_pure_dict(nnx.state(Networks(config, rngs=nnx.Rngs(config.seed)), nnx.Param))
    state = {"params": params, "opt_state": make_optimizer(config.optimizer, params).init(params)}
    return state | ({"ema": params} if config.ema else {}) | {"step": jnp.zeros((), jnp.int32)}


def abstract_state(config: PretrainConfig, mesh: AnyMesh) -> State:
    """Shapes, types and shardings of a state, without any of its numbers."""
    shapes = jax.eval_shape(lambda: _fresh(config))
    return jax.tree.map(
        lambda a, s: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=s), shapes, state_sharding(mesh, shapes)
    )


def init_state(config: PretrainConfig, mesh: AnyMesh) -> State:
    """Fresh parameters and optimizer state from the config's seed, the same on every mesh.

    One program makes all of it where it belongs: an optimizer state made apart from it would lie elsewhere than what
    the step returns, and the step would compile twice.
    """
    return jax.jit(lambda: _fresh(config), out_shardings=_shardings(abstract_state(config, mesh)))()


def evaluated(state: State) -> Any:
    """The parameters that are evaluated and embed: the running mean where there is one."""
    return state.get("ema", state["params"])


def make_step(config: PretrainConfig, mesh: AnyMesh) -> Callable[[State, Batch], tuple[State, Metrics]]:
    """The update of a state by a batch, whose randomness is a function of the config's seed and the step alone.

    The state is donated: it must not be used afterwards. Durations of the config are in steps (`config.in_steps`).
    Raises `UserError` for a batch that the devices cannot share.
    """
    look, update = step_programs(config, mesh)

    def step(state: State, batch: Batch) -> tuple[State, Metrics]:
        return update(state, look(state["step"], batch), {k: v for k, v in batch.items() if k != "frames"})

    return step


def step_programs(config: PretrainConfig, mesh: AnyMesh) -> tuple[Any, Any]:
    """The two jitted programs of a step: (step, batch) -> views, and (state, views, rest of the batch) -> result.

    Two programs: in one, XLA on CPU would compute the augmentation anew wherever its result is used, which made a
    step three times as long.
    """
    if config.batch.tracks % (mesh.size * config.batch.accumulate):
        parts = f" in batch.accumulate={config.batch.accumulate} parts" if config.batch.accumulate > 1 else ""
        raise UserError(f"batch.tracks={config.batch.tracks} cannot be shared among {mesh.size} devices{parts}")
    views_of, state = make_views(config), abstract_state(config, mesh)
    rows, everywhere, here = batch_sharding(mesh), replicated(mesh), _shardings(state)
    optimizer, scales = (
        make_optimizer(config.optimizer, state["params"]),
        rate_scales(config.optimizer, state["params"]),
    )
    schedule = make_schedule(config.optimizer, int(config.steps))
    gradient = _accumulated(make_loss(config), config.batch.tracks, config.batch.accumulate)

    def look(step: Int[Array, ""], batch: Batch) -> Any:
        return views_of(jax.random.fold_in(jax.random.key(config.seed), step), batch)

    def update(state: State, views: Any, batch: Batch) -> tuple[State, Metrics]:
        # Whole parameters while the loss is computed: left alone, GSPMD sends activations about instead.
        whole = jax.lax.with_sharding_constraint(state["params"], everywhere)
        grads, metrics = gradient(lambda p: hold(p, scales), whole, views, batch)
        grads = jax.lax.with_sharding_constraint(grads, here["params"])
        updates, opt_state = optimizer.update(grads, state["opt_state"], state["params"])
        rate = jnp.asarray(schedule(state["step"]))
        params = jax.tree.map(lambda p, u: p - rate * u, state["params"], updates)
        after = {"params": params, "opt_state": opt_state, "step": state["step"] + 1}
        if config.ema:
            done = state["step"].astype(jnp.float32)
            share = 1 - jnp.minimum(config.ema, (1 + done) / (10 + done))
            after["ema"] = optax.incremental_update(params, state["ema"], share)
        return after, metrics | {"gradient_norm": optax.tree.norm(grads), "learning_rate": rate}

    return (
        jax.jit(look, in_shardings=(everywhere, rows), out_shardings=rows),
        jax.jit(update, in_shardings=(here, rows, rows), out_shardings=(here, everywhere), donate_argnums=0),
    )


def make_embed(
    config: PretrainConfig, mesh: AnyMesh
) -> Callable[[Any, UInt8[np.ndarray, "b t h w c"]], Float[Array, "b d"]]:
    """The encoder: (params, whole crops) -> one feature vector per clip, any number of clips at a time.

    The crops are the same in every process, and so are the features.
    """
    program, rows = embed_program(config, mesh), batch_sharding(mesh)

    def embed(params: Any, frames: UInt8[np.ndarray, "b t h w c"]) -> Float[Array, "b d"]:
        surplus = -len(frames) % mesh.size
        whole = np.concatenate([frames, np.repeat(frames[-1:], surplus, axis=0)]) if surplus else frames
        features = program(params, jax.make_array_from_callback(whole.shape, rows, lambda part: whole[part]))
        return features[: len(frames)] if surplus else features

    return embed


def embed_program(config: PretrainConfig, mesh: AnyMesh) -> Any:
    """The jitted program of `make_embed`: as many clips as the devices can share evenly."""
    networks = graph(config)

    def embed(params: Any, frames: UInt8[Array, "b t h w c"]) -> Float[Array, "b d"]:
        clips = to_input(frames, config.encoder.size, config.encoder.view)
        whole = jax.lax.with_sharding_constraint(params, replicated(mesh))
        return nnx.merge(networks, whole).encoder(clips).vector

    params = _shardings(abstract_state(config, mesh)["params"])
    return jax.jit(embed, in_shardings=(params, batch_sharding(mesh)), out_shardings=replicated(mesh))


def abstract_batch(config: PretrainConfig, mesh: AnyMesh, side: int) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes, types and shardings of a placed batch, from clips whose crops are `side` pixels high and wide."""
    p, c = config.batch.tracks, config.batch.clips_per_track
    shapes: dict[str, tuple[tuple[int, ...], Any]] = {
        "frames": ((p, c, config.views, config.clip.frames, side, side, config.encoder.channels), jnp.uint8),
        "measures": ((p, c, len(MEASURES)), jnp.float32),
        "known": ((p, c, len(MEASURES)), jnp.bool),
        "time": ((p, c), jnp.float32),
        "track": ((p,), jnp.int32),
    }
    rows = batch_sharding(mesh)
    return {k: jax.ShapeDtypeStruct(shape, dtype, sharding=rows) for k, (shape, dtype) in shapes.items()}


def _shardings(abstract: Any) -> Any:
    return jax.tree.map(lambda a: a.sharding, abstract)


def _accumulated(loss_fn: Callable[..., tuple[Array, Metrics]], tracks: int, parts: int) -> Callable[..., Any]:
    """Gradient and metrics of a batch as the mean over `parts` of it; see `BatchConfig.accumulate` for what changes."""

    def gradient(seen: Callable[[Any], Any], params: Any, views: Any, batch: Batch) -> tuple[Any, Metrics]:
        def one(views: Any, batch: Batch) -> tuple[Any, Metrics]:
            grads, metrics = jax.grad(lambda p: loss_fn(seen(p), views, batch), has_aux=True)(params)
            return grads, metrics

        if parts == 1:
            return one(views, batch)
        split = jax.tree.map(lambda x: _split(x, tracks, parts), (views, dict(batch)))
        total = jax.eval_shape(one, *jax.tree.map(lambda x: x[0], split))
        zeros = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), total)
        summed, _ = jax.lax.scan(lambda sums, part: (jax.tree.map(jnp.add, sums, one(*part)), None), zeros, split)
        return jax.tree.map(lambda x: x / parts, summed)

    return gradient


def _split(x: Array, tracks: int, parts: int) -> Array:
    """[tracks * n, ...] to [parts, tracks / parts * n, ...]: every `parts`-th track, so that all devices have some."""
    each = x.reshape(tracks // parts, parts, x.shape[0] // tracks, *x.shape[1:])
    return jnp.moveaxis(each, 1, 0).reshape(parts, -1, *x.shape[1:])
