"""Appearance augmentation of clips on the device: one draw per clip, the same for all its frames."""

from typing import Annotated

import jax
import jax.numpy as jnp
from annotated_types import Ge, Interval
from jaxtyping import Array, Float, Int, Key, UInt8
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

Share = Annotated[float, Interval(ge=0, le=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class AugmentConfig:
    """Ranges of the random changes. Defaults from the first experiment on phantoms; no rotation, faces are upright."""

    shift: Share = 0.04
    """Largest shift, as a share of the crop's side."""
    zoom: Annotated[float, Ge(0)] = 0.12
    """Largest change of scale, as a share."""
    flip: Share = 0.5
    """Probability of a left-right flip; 0 for one-sided targets."""
    gamma: Annotated[float, Ge(0)] = 0.35
    """Largest log gamma."""
    ramp: Annotated[float, Ge(0)] = 0.6
    """Largest log brightness difference between opposite edges."""
    noise: Annotated[float, Ge(0)] = 0.05
    """Largest standard deviation of pixel noise, of a range of 1."""
    cutout: Share = 0.3
    """Probability that a square of a fifth of the side is blanked."""
    token_share: Annotated[float, Interval(gt=0, le=1)] = 1.0
    """Share of a view's cells that the encoder sees, at all times alike; below 1 for encoders that can drop cells."""


def normalise(frames: Float[Array, "*b t h w c"]) -> Float[Array, "*b t h w c"]:
    """Every clip to mean 0 and standard deviation 1 over all of its pixels."""
    axes = (-4, -3, -2, -1)
    mean = frames.mean(axes, keepdims=True)
    return (frames - mean) / (frames.std(axes, keepdims=True) + 1e-3)


def to_input(frames: UInt8[Array, "b t h w c"], size: int, view: float) -> Float[Array, "b t size size c"]:
    """Unaugmented encoder input: the central `view` of the crop resized to `size`, normalised per clip."""
    grid = _interpolation(frames.shape[2], size, jnp.zeros(()), jnp.asarray(view))
    return normalise(_resample(frames, grid, grid))


def augment(
    key: Key[Array, ""], frames: UInt8[Array, "b t h w c"], size: int, view: float, config: AugmentConfig
) -> Float[Array, "b t size size c"]:
    """`to_input` with random changes of appearance and framing."""
    keys = jax.random.split(key, frames.shape[0])
    return jax.vmap(lambda k, x: _augment_one(k, x, size, view, config))(keys, frames)


def kept_cells(key: Key[Array, ""], clips: int, cells: int, share: float) -> Int[Array, "clips kept"]:
    """Token dropping by tubes: for every clip its own random choice of `share` of the cells of a frame."""
    order = jax.random.uniform(key, (clips, cells)).argsort(axis=1)
    return order[:, : number_kept(cells, share)]


def number_kept(cells: int, share: float) -> int:
    """How many of `cells` a share is, at least one."""
    return max(1, round(share * cells))


def _augment_one(
    key: Key[Array, ""], frames: UInt8[Array, "t h w c"], size: int, view: float, config: AugmentConfig
) -> Float[Array, "t size size c"]:
    keys = jax.random.split(key, 7)
    side = frames.shape[1]
    shift = jax.random.uniform(keys[0], (2,), minval=-1, maxval=1) * config.shift * side
    zoom = view * jnp.exp(jax.random.uniform(keys[1], (), minval=-1, maxval=1) * config.zoom)
    flip = jax.random.bernoulli(keys[2], config.flip)
    rows = _interpolation(side, size, shift[0], zoom)
    columns = _interpolation(side, size, shift[1], zoom)
    columns = jnp.where(flip, columns[::-1], columns)
    x = _resample(frames, rows, columns)
    gamma = jnp.exp(jax.random.uniform(keys[3], (), minval=-1, maxval=1) * config.gamma)
    x = jnp.maximum(x, 1e-4) ** gamma
    slope = jax.random.uniform(keys[4], (2,), minval=-1, maxval=1) * config.ramp / 2
    line = jnp.linspace(-1, 1, size)
    x = x * jnp.exp(slope[0] * line[:, None] + slope[1] * line)[:, :, None]
    level, spread = jax.random.split(keys[5])
    deviation = jax.random.uniform(level) * config.noise
    x = normalise(x + deviation * jax.random.normal(spread, x.shape))
    return x * _cutout(keys[6], size, config.cutout)[:, :, None]


def _resample(
    frames: UInt8[Array, "*b t h w c"], rows: Float[Array, "y h"], columns: Float[Array, "x w"]
) -> Float[Array, "*b t y x c"]:
    # bilinear resampling as two small matrix products, which every device does fast
    x = jnp.einsum("yi,...ijc->...yjc", rows, frames.astype(jnp.float32) / 255)
    return jnp.einsum("xj,...yjc->...yxc", columns, x)


def _interpolation(side: int, size: int, shift: Float[Array, ""], zoom: Float[Array, ""]) -> Float[Array, "size side"]:
    step = side / size * zoom
    centre = (jnp.arange(size) + 0.5 - size / 2) * step + side / 2 + shift - 0.5
    distance = jnp.abs(centre.clip(0, side - 1)[:, None] - jnp.arange(side))
    weight = jnp.maximum(1 - distance / jnp.maximum(step, 1), 0)
    return weight / weight.sum(1, keepdims=True)


def _cutout(key: Key[Array, ""], size: int, probability: float) -> Float[Array, "size size"]:
    use, where = jax.random.split(key)
    corner = jax.random.randint(where, (2,), 0, size - size // 5)
    line = jnp.arange(size)
    inside = [(line >= c) & (line < c + size // 5) for c in corner]
    hole = inside[0][:, None] & inside[1] & jax.random.bernoulli(use, probability)
    return 1.0 - hole
