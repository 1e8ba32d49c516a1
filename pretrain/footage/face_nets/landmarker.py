"""The landmark net: 68 landmarks and both pupils in a crop around a face, how sure each is, whether it is in sight, and
whether there is a face.

A small hourglass that ends in a map per point; a point is the mean of its map (integral regression, Sun 2018), which
is finer than the map's grid and needs no threshold.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from pretrain.footage.face_nets.layers import Block, Conv, stage

SIDE = 96
"""Pixels of the square crop."""
MARGIN = 1.4
"""Side of the crop in widths of the face box."""
POINTS = 70
"""68 landmarks in the order of iBUG 300-W, then the pupils, the one on the left of the picture first."""
FIVE = [68, 69, 30, 48, 54]
"""Of these the pupils, the tip of the nose and the corners of the mouth, in the order of `FoundFace.points`."""
CLOSE = 0.05
"""Distance, in widths of the face box, within which a point is taken to be right when confidence is spoken of."""


class Landmarks(NamedTuple):
    """What the net says of crops."""

    points: Float[Array, "n 70 2"]
    """(x, y) in widths of the face box (of the crop's `MARGIN`th part) from the crop's middle."""
    spread: Float[Array, "n 70"]
    """Logarithm of the expected distance of each point from the truth, in widths of the face box."""
    face: Float[Array, "n"]
    """Logit of there being a face in the middle of the crop."""
    seen: Float[Array, "n 70"]
    """Logit of each point being in sight: not turned away, not covered."""
    maps: Float[Array, "n rows columns 70"]
    """Logits of where each point is, over a grid of the crop."""


class Landmarker(nnx.Module):
    """Grey crops of `SIDE` pixels to `Landmarks`."""

    def __init__(self, widths: tuple[int, int, int] = (16, 32, 64), *, rngs: nnx.Rngs) -> None:
        fine, middle, coarse = widths
        self.stem = Conv(1, fine, 2, rngs=rngs)
        self.quarter = stage(fine, middle, 1, rngs=rngs)
        self.eighth = stage(middle, coarse, 2, rngs=rngs)
        self.sixteenth = stage(coarse, coarse, 2, rngs=rngs)
        self.deep = Block(coarse, rngs=rngs)
        self.narrow = nnx.Linear(coarse, middle, rngs=rngs)
        self.join = Block(middle, rngs=rngs)
        self.maps = nnx.Linear(middle, POINTS, rngs=rngs)
        self.sure = nnx.Linear(coarse, POINTS + 1, rngs=rngs)
        self.seen = nnx.Param(jnp.zeros((POINTS, middle + 1)))

    def __call__(self, crops: Float[Array, "n 96 96"]) -> Landmarks:
        """Crops of any brightness and contrast."""
        x = nnx.relu(self.stem(standardised(crops)[..., None]))
        quarter = self.quarter(x)
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        deep = self.deep(eighth + _twice(sixteenth))
        joined = self.join(quarter + _twice(self.narrow(deep)))
        maps = self.maps(joined)
        share = _shares(maps)
        points, width = _means(share)
        rest = self.sure(nnx.relu(sixteenth).mean((1, 2)))
        # Whether a point is in sight is read off where it lies.
        there = jnp.einsum("nhwp,nhwc->npc", jax.lax.stop_gradient(share), joined)
        seen = (there * self.seen[:, :-1]).sum(-1) + self.seen[:, -1]
        return Landmarks(points, rest[:, :POINTS] + jnp.log(width + 0.02), rest[:, POINTS], seen, maps)


def grid(cells: int) -> Float[Array, "cells"]:
    """Middles of a map's cells along one side, in widths of the face box from the crop's middle."""
    return ((jnp.arange(cells) + 0.5) / cells - 0.5) * MARGIN


def standardised(crops: Float[Array, "n h w"]) -> Float[Array, "n h w"]:
    """Each crop with mean 0 and standard deviation 1; a flat one stays flat."""
    centred = crops - crops.mean((1, 2), keepdims=True)
    return centred / (centred.std((1, 2), keepdims=True) + 4.0)


def _twice(x: Float[Array, "n h w c"]) -> Float[Array, "n hh ww c"]:
    n, h, w, c = x.shape
    return jax.image.resize(x, (n, 2 * h, 2 * w, c), "bilinear")


def _shares(maps: Float[Array, "n h w p"]) -> Float[Array, "n h w p"]:
    """Maps as probabilities that add up to 1."""
    n, h, w, p = maps.shape
    return jax.nn.softmax(maps.reshape(n, h * w, p), 1).reshape(maps.shape)


def _means(share: Float[Array, "n h w p"]) -> tuple[Float[Array, "n p 2"], Float[Array, "n p"]]:
    """Mean place and spread of each map, in widths of the face box from the middle."""
    places = grid(share.shape[2])
    across, down = share.sum(1), share.sum(2)
    x, y = (jnp.einsum("nkp,k->np", marginal, places) for marginal in (across, down))
    spread = sum(
        jnp.einsum("nkp,nkp->np", marginal, (places[None, :, None] - mean[:, None]) ** 2)
        for marginal, mean in ((across, x), (down, y))
    )
    return jnp.stack([x, y], -1), jnp.sqrt(spread + 1e-8)
