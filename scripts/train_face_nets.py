#!/usr/bin/env python3
"""Trains a face net on phantoms and writes its weights: `scripts/train_face_nets.py NET --out FILE.safetensors`.

NET is `detector` or `landmarker`. Nothing but phantoms and drawn clutter is ever seen. The same command gives the same
file, byte for byte, on machines of one kind (processor, versions of JAX, numpy and OpenCV): every random number comes
from --seed and all work is done by one thread, so that both nets can be trained side by side on two cores. Prints what
the net is worth on phantoms that it was not trained on, and the file's SHA-256.

The weights that are shipped, their commands and their times: `pretrain/footage/face_nets/weights/README.md`.
"""

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from personalize.phantom.pictures.clutter import clutter
from personalize.phantom.pictures.crops import Maker
from personalize.phantom.pictures.portraits import CutOuts, cut_out, sample_portraits
from personalize.phantom.pictures.scenes import Director
from personalize.phantom.pictures.wear import put_on
from pretrain.footage.face_nets.detector import LARGEST, SMALLEST, STRIDE, TYPICAL, Detector
from pretrain.footage.face_nets.landmarker import FIVE, MARGIN, POINTS, SIDE, Landmarker, grid
from pretrain.footage.face_nets.weights import packed

ROOM = 256
"""Pixels of a background; there is one for every eight people."""
SCENE = 96
"""Pixels of a scene for the detector."""
LOG, JUDGED = 250, 100
"""Steps between lines of the log, and batches from which the last line is made."""
RATE = 4e-3
WEIGHTS = np.ones(POINTS, np.float32)
WEIGHTS[:17] = 0.4  # where along the jaw a point lies is a convention that pixels do not show
WEIGHTS[FIVE] = 2.0
Loss = Callable[..., tuple[jax.Array, dict[str, jax.Array]]]


class Recipe(NamedTuple):
    """How one of the nets is trained."""

    make: Callable[[nnx.Rngs], nnx.Module]
    loss: Loss
    portrait: int
    """Pixels of a portrait: about as fine as the net sees it."""
    batch: int
    batches: Callable[[CutOuts, np.ndarray], Callable[[np.random.Generator, int], tuple]]


def landmark_loss(net: Landmarker, pictures: jax.Array, points: jax.Array, visible: jax.Array, face: jax.Array) -> Any:
    """Distance of points in widths of the face box, how well it was foretold, in sight or not, face or not."""
    said = net(pictures.astype(jnp.float32))
    truth = (points - (SIDE - 1) / 2) * (MARGIN / SIDE)
    away = jnp.sqrt(((said.points - truth) ** 2).sum(-1) + 1e-5)
    weight = face[:, None] * (0.25 + 0.75 * visible) * WEIGHTS
    spread = jax.lax.stop_gradient(away) * jnp.exp(-said.spread) + said.spread
    cross = optax.sigmoid_binary_cross_entropy(said.face, face.astype(jnp.float32)).mean()
    figures = {
        "away": _mean(away, face[:, None] * visible),
        "five": _mean(away, face[:, None] * visible * (WEIGHTS > 1)),
        "right": ((said.face > 0) == face).mean(),
        "sight": _mean((said.seen > 0) == visible, face[:, None]),
    }
    sight = _mean(optax.sigmoid_binary_cross_entropy(said.seen, visible.astype(jnp.float32)), face[:, None])
    heat = _mean(_heat(said.maps, truth), weight)
    return 10 * _mean(away, weight) + 0.3 * heat + 0.05 * _mean(spread, weight) + 0.3 * cross + 0.1 * sight, figures


def _heat(maps: jax.Array, truth: jax.Array) -> jax.Array:
    """Cross-entropy of each point's map with a bell around the truth; without it nets long stay at the mean face."""
    n, rows, columns, points = maps.shape
    share = jax.nn.log_softmax(maps.reshape(n, rows * columns, points), 1).reshape(maps.shape)
    across, down = _bell(columns, truth[..., 0]), _bell(rows, truth[..., 1])
    return -jnp.einsum("nxp,nyp,nyxp->np", across, down, share)


def _bell(cells: int, at: jax.Array) -> jax.Array:
    """Share of each cell of a side in a bell of 0.7 cells around each place."""
    return jax.nn.softmax(-0.5 * ((grid(cells)[:, None] - at[:, None]) / (0.7 * MARGIN / cells)) ** 2, 1)


def detector_loss(net: Detector, pictures: jax.Array, faces: jax.Array) -> Any:
    """Focal loss of faces' middles and distance of boxes, cell by cell; cells near an edge of the task count for
    nothing: beside the middle of a face, or in one that is too small, too large or mostly hidden."""
    said = net(pictures.astype(jnp.float32))
    rows, columns = said.face.shape[1:]
    cells = (jnp.stack(jnp.meshgrid(jnp.arange(columns), jnp.arange(rows)), -1) + 0.5) * STRIDE
    place, width, roll, seen = (faces[:, None, None, :, i] for i in (slice(0, 2), 2, 3, 4))
    offset = place - cells[None, :, :, None]
    far = jnp.abs(offset).max(-1)
    wanted = (width > 1.05 * SMALLEST) & (width < 0.95 * LARGEST) & (seen > 0.6)
    here = wanted & (far < jnp.maximum(0.16 * width, 0.51 * STRIDE))
    unwanted = (width > 0.6 * SMALLEST) & (width < 1.5 * LARGEST) & (seen > 0.2) & (far < 0.5 * width)
    face, doubt = here.any(-1), jnp.where(wanted, far < 0.4 * width, unwanted).any(-1)
    nearest = jnp.argmin(jnp.where(here, far, jnp.inf), -1)[..., None]
    middle = jnp.take_along_axis(offset, nearest[..., None], 3)[..., 0, :]
    size, tilt = (jnp.take_along_axis(jnp.broadcast_to(v, far.shape), nearest, 3) for v in (width, roll))
    truth = jnp.concatenate([middle / TYPICAL, jnp.log(size / TYPICAL + 1e-6)], -1)
    chance = jax.nn.sigmoid(said.face)
    cross = optax.sigmoid_binary_cross_entropy(said.face, face.astype(jnp.float32))
    focal = jnp.where(face, (1 - chance) ** 2, chance**2) * cross * (face | ~doubt)
    count = face.sum() + 4.0
    away = jnp.sqrt(((said.box - truth) ** 2).sum(-1) + 1e-4)
    turn = jnp.concatenate([jnp.cos(tilt), jnp.sin(tilt)], -1)
    askew = jnp.sqrt(((said.turn - turn) ** 2).sum(-1) + 1e-4)
    yes = said.face > 0
    figures = {
        "hits": _mean(yes, face),
        "false": (yes & ~face & ~doubt).sum() / len(faces),
        "away": _mean(away, face),
        "askew": _mean(askew, face),
    }
    return (focal.sum() + ((away + 0.5 * askew) * face).sum()) / count, figures


def _mean(x: jax.Array, weight: jax.Array) -> jax.Array:
    weight = jnp.broadcast_to(weight, x.shape)
    return (weight * x).sum() / (weight.sum() + 1e-6)


RECIPES = {
    "landmarker": Recipe(
        lambda rngs: Landmarker(rngs=rngs), landmark_loss, 224, 32, lambda p, rooms: Maker(p, rooms, SIDE, MARGIN).batch
    ),
    "detector": Recipe(
        lambda rngs: Detector(rngs=rngs),
        detector_loss,
        128,
        32,
        lambda p, rooms: Director(p, rooms, SCENE, (1.05 * SMALLEST, 0.95 * LARGEST)).batch,
    ),
}


def portraits(seed: int, count: int, size: int) -> CutOuts:
    """Portraits of `count` people, some of them in masks, dark glasses or hats."""
    parts = [
        put_on(cut_out(sample_portraits(seed, min(500, count - start), start)[0], size, seed + start), seed + start)
        for start in range(0, count, 500)
    ]
    return CutOuts(*(np.concatenate(leaves) for leaves in zip(*parts, strict=True)))


def rooms(seed: int, count: int) -> np.ndarray:
    """Backgrounds."""
    return np.stack([clutter(np.random.default_rng([seed, n]), ROOM) for n in range(count)])


def pictures(recipe: Recipe, seed: int, people: int) -> Callable[[np.random.Generator, int], tuple]:
    """What makes batches for a net, from people and rooms of this seed."""
    return recipe.batches(portraits(seed, people, recipe.portrait), rooms(seed, 1 + people // 8))


def train(net: nnx.Module, loss: Loss, batch: Callable[[], tuple], steps: int) -> Any:
    """AdamW with warm-up and cosine; returns a running mean of the parameters, which is steadier than the last ones."""
    graph, params = nnx.split(net)
    schedule = optax.warmup_cosine_decay_schedule(0.0, RATE, min(500, steps // 10), steps, RATE * 0.01)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=0.02))

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(params: Any, mean: Any, state: Any, n: jax.Array, *batch: jax.Array) -> Any:
        (_, figures), slope = jax.value_and_grad(lambda p: loss(nnx.merge(graph, p), *batch), has_aux=True)(params)
        change, state = optimizer.update(slope, state, params)
        params = optax.apply_updates(params, change)
        decay = jnp.minimum(0.998, (1 + n) / (10 + n))
        return params, jax.tree.map(lambda m, p: decay * m + (1 - decay) * p, mean, params), state, figures

    state, mean, recent, start = optimizer.init(params), jax.tree.map(jnp.copy, params), [], time.monotonic()
    for n in range(steps):
        params, mean, state, figures = step(params, mean, state, n, *batch())
        recent.append(figures)
        if (n + 1) % LOG == 0 or n + 1 == steps:
            print(f"{n + 1:6} {time.monotonic() - start:6.0f} s  {_line(recent)}", flush=True)
            recent = []
    return mean


def _line(figures: list[dict]) -> str:
    return "  ".join(f"{name} {np.mean([f[name] for f in figures]):.4f}" for name in figures[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", choices=RECIPES)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--people", type=int, default=20_000, help="phantoms to learn from (default: 20000)")
    parser.add_argument("--steps", type=int, default=12_000, help="(default: 12000)")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    recipe, start = RECIPES[args.net], time.monotonic()
    draw, rng = pictures(recipe, args.seed, args.people), np.random.default_rng(args.seed)
    print(f"{args.people} portraits in {time.monotonic() - start:.0f} s", flush=True)
    params = train(recipe.make(nnx.Rngs(args.seed)), recipe.loss, lambda: draw(rng, recipe.batch), args.steps)
    strangers = max(1, args.people // 20)
    draw, rng = pictures(recipe, args.seed + 1, strangers), np.random.default_rng(args.seed + 1)
    graph = nnx.graphdef(recipe.make(nnx.Rngs(0)))
    judge = jax.jit(lambda *batch: recipe.loss(nnx.merge(graph, params), *batch)[1])
    print(f"on {strangers} other phantoms: {_line([judge(*draw(rng, recipe.batch)) for _ in range(JUDGED)])}")
    data = packed(params)
    args.out.write_bytes(data)
    print(f"{hashlib.sha256(data).hexdigest()}  {args.out.name}  {len(data)} bytes, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
