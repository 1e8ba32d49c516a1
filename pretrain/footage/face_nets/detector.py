"""The detector: a fully convolutional net that knows faces of one octave of sizes, run on a pyramid of the picture.

Every cell of `STRIDE` pixels says whether the middle of a face lies in it, and where the face's box is (as CenterNet,
Zhou 2019, and without anchors). Larger faces are found on smaller copies by the same weights.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from pretrain.footage.face_nets.layers import Conv, stage

STRIDE = 8
TYPICAL = 28.0
"""Width in pixels of the faces that the net is best at."""
SMALLEST, LARGEST = 18.0, 44.0
"""It finds faces of these widths: an octave, and some on either side."""


class Detections(NamedTuple):
    """What the net says of each cell."""

    face: Float[Array, "n rows columns"]
    """Logit of the middle of a face being here."""
    box: Float[Array, "n rows columns 3"]
    """Place of the face's middle from the cell's (x, y), and logarithm of its width, in units of `TYPICAL`."""
    turn: Float[Array, "n rows columns 2"]
    """Cosine and sine of the head's roll (as in `Pose`), not of unit length."""


class Detector(nnx.Module):
    """Grey pictures, sides multiples of `STRIDE`, to `Detections`."""

    def __init__(self, widths: tuple[int, int, int] = (16, 32, 48), blocks: int = 4, *, rngs: nnx.Rngs) -> None:
        fine, middle, coarse = widths
        self.stem = Conv(1, fine, 2, rngs=rngs)
        self.quarter = stage(fine, middle, 1, rngs=rngs)
        self.eighth = stage(middle, coarse, blocks, rngs=rngs)
        self.say = nnx.Linear(coarse, 6, bias_init=lambda *_: jnp.array([-4.0, 0, 0, 0, 1, 0]), rngs=rngs)

    def __call__(self, pictures: Float[Array, "n h w"]) -> Detections:
        """Pictures of any brightness."""
        x = nnx.relu(self.stem(levelled(pictures)[..., None]))
        said = self.say(nnx.relu(self.eighth(self.quarter(x))))
        return Detections(said[..., 0], said[..., 1:4], said[..., 4:])


def levelled(pictures: Float[Array, "n h w"], window: int = 33) -> Float[Array, "n h w"]:
    """Brightness relative to the surroundings, in units of their contrast: dark corners look like bright ones."""
    mean = _around(pictures, window)
    contrast = jnp.sqrt(jnp.maximum(_around(pictures * pictures, window) - mean * mean, 0))
    return (pictures - mean) / (contrast + 6.0)


def _around(x: Float[Array, "n h w"], window: int) -> Float[Array, "n h w"]:
    """Mean over a square window, along each side in turn; beyond the border the border is repeated."""
    for axis in (1, 2):
        pad = [(0, 0)] * 3
        pad[axis] = (window // 2 + 1, window // 2)
        total = jnp.cumsum(jnp.pad(x, pad, mode="edge"), axis)
        n = x.shape[axis]
        before, after = (jax.lax.slice_in_dim(total, start, start + n, axis=axis) for start in (0, window))
        x = (after - before) / window
    return x
