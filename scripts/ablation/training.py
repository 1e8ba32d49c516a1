"""Training in memory: all crops are decoded once, since decoding for every step would take longer than the step."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Float32, Int, UInt8

from pretrain.clips.augment import augment
from pretrain.clips.loader import Batch, FrameReader, _DrawClips, stretches
from pretrain.clips.tracks import Track
from pretrain.config import PretrainConfig
from pretrain.errors import RunFailure
from pretrain.training.mesh import make_mesh
from pretrain.training.networks import graph
from pretrain.training.optimizer import make_optimizer, make_schedule
from pretrain.training.step import abstract_state, evaluated, init_state, make_embed, make_step, place

from .data import Footage, column
from .film import TRUTH

PART = 256
"""Clips encoded at a time."""


class Decoded(FrameReader):
    """Crops that are in memory already; the `offset` of a track is their position there."""

    def __init__(self, frames: UInt8[np.ndarray, "n s s"]) -> None:
        self._frames = frames

    def __call__(self, track: Track, crops: Int[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape s s 1"]:
        """The crops of a track, in the shape of `crops` plus height, width and one channel."""
        return self._frames[track.offset[crops]][..., None]


def batches(config: PretrainConfig, footage: Footage) -> Iterator[Batch]:
    """Endless batches of a set, the same for all recipes but for the second view, which not all of them have."""
    parts = stretches(footage.tracks, config.clip, config.batch.clips_per_track)
    if not parts:
        raise RunFailure("no track is long enough for a batch")
    draw = _DrawClips(parts, Decoded(footage.frames), config.batch, config.clip, config.views)
    for step in count():
        rng = np.random.default_rng([config.seed, step])
        chosen = rng.choice(len(parts), config.batch.tracks, replace=len(parts) < config.batch.tracks)
        rows = [draw.random_map(int(n), one) for n, one in zip(chosen, rng.spawn(len(chosen)), strict=True)]
        yield {key: np.stack([row[key] for row in rows]) for key in rows[0]}


def pretrained(config: PretrainConfig, footage: Footage, say: Callable[[str], None]) -> Any:
    """Parameters of the networks after training on a set without labels."""
    config = config.in_steps(config.batch.tracks * config.batch.clips_per_track)
    mesh = make_mesh()
    state, step = init_state(config, mesh), make_step(config, mesh)
    for number, batch in zip(range(1, int(config.steps) + 1), batches(config, footage), strict=False):
        state, metrics = step(state, place(mesh, batch))
        if number % max(1, int(config.steps) // 4) == 0:
            values = {name: float(metrics[name]) for name in ("loss", "within_track_share")}
            if not np.isfinite(values["loss"]):
                raise RunFailure(f"loss not finite at step {number}")
            say(f"step {number}: " + ", ".join(f"{name} {value:.3f}" for name, value in values.items()))
    return jax.tree.map(np.asarray, evaluated(state))


def untrained(config: PretrainConfig) -> Any:
    """Fresh parameters of the networks."""
    return jax.tree.map(np.asarray, init_state(config.in_steps(1), make_mesh())["params"])


def supervised(config: PretrainConfig, footage: Footage, say: Callable[[str], None]) -> Any:
    """Parameters after training the same encoder on the truth: the ceiling that no label-free recipe should pass.

    Squared error of a linear head on PSPI and all action units, standardised, on random clips of the same footage.
    """
    config = config.in_steps(config.batch.tracks * config.batch.clips_per_track)
    wanted = [column(name) for name in TRUTH if name not in ("pain", "yaw", "pitch")]
    rows, labels = _random_clips(config, footage)
    labels = labels[:, wanted]
    labels = (labels - labels.mean(0)) / np.maximum(labels.std(0), 1e-3)
    networks = graph(config)
    params = {"networks": untrained(config), "head": jnp.zeros((config.encoder.width, len(wanted)))}
    optimizer = make_optimizer(config.optimizer, params)
    schedule = make_schedule(config.optimizer, int(config.steps))
    look = jax.jit(lambda key, frames: augment(key, frames, config.encoder.size, config.encoder.view, config.augment))

    def loss_fn(params: Any, clips: Array, truth: Array) -> Array:
        vectors = nnx.merge(networks, params["networks"]).encoder(clips).vector
        return ((vectors @ params["head"] - truth) ** 2).mean()

    @jax.jit
    def update(params: Any, memory: Any, number: Array, clips: Array, truth: Array) -> tuple[Any, Any, Array]:
        loss, grads = jax.value_and_grad(loss_fn)(params, clips, truth)
        updates, memory = optimizer.update(grads, memory, params)
        rate = jnp.asarray(schedule(number))
        return optax.apply_updates(params, jax.tree.map(lambda u: -rate * u, updates)), memory, loss

    memory = optimizer.init(params)
    size = config.batch.tracks * config.batch.clips_per_track
    for number in range(int(config.steps)):
        chosen = np.random.default_rng([config.seed, number]).integers(len(rows), size=size)
        clips = look(jax.random.fold_in(jax.random.key(config.seed), number), footage.frames[rows[chosen]][..., None])
        params, memory, loss = update(params, memory, jnp.asarray(number), clips, labels[chosen])
        if (number + 1) % max(1, int(config.steps) // 4) == 0:
            say(f"step {number + 1}: loss {float(loss):.3f}")
    return jax.tree.map(np.asarray, params["networks"])


def _random_clips(
    config: PretrainConfig, footage: Footage
) -> tuple[Int[np.ndarray, "n t"], Float32[np.ndarray, "n m"]]:
    """Rows and labels of every clip that can be cut."""
    parts = stretches(footage.tracks, config.clip, 1)
    rows = np.concatenate([part.track.offset[part.windows] for part in parts])
    return rows, footage.truth[rows].mean(1)


def encode(
    config: PretrainConfig, params: Any, frames: np.ndarray, rows: Int[np.ndarray, "n t"]
) -> Float[np.ndarray, "n d"]:
    """The encoder's vector of every clip."""
    config = config.in_steps(1)
    embed = make_embed(config, make_mesh())
    out = []
    for start in range(0, len(rows), PART):
        part = rows[start : start + PART]
        # a full part every time, so that there is one compilation; the surplus is cut off
        clips = frames[part[np.arange(PART) % len(part)]][..., None]
        out.append(np.asarray(embed(params, clips))[: len(part)])
    return np.concatenate(out)


def save_params(params: Any, path: Path) -> None:
    """Writes a tree of arrays, whole or not at all."""
    scratch = path.with_suffix(".tmp.npz")
    np.savez(scratch, *jax.tree.leaves(params))
    scratch.replace(path)


def load_params(config: PretrainConfig, path: Path) -> Any:
    """The tree that `save_params` wrote."""
    tree = jax.tree.structure(abstract_state(config.in_steps(1), make_mesh())["params"])
    with np.load(path) as leaves:
        return jax.tree.unflatten(tree, [leaves[f"arr_{i}"] for i in range(len(leaves.files))])
