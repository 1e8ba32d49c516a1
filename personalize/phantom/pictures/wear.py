"""What people wear on their faces and the renderer does not know: surgical masks, dark glasses, hats."""

import cv2
import numpy as np

from personalize.phantom.pictures.clutter import texture
from personalize.phantom.pictures.portraits import CutOuts

SHARES = {"mask": 0.06, "shades": 0.03, "hat": 0.08}


def put_on(worn: CutOuts, seed: int) -> CutOuts:
    """The same portraits, some of them in a mask, dark glasses or a hat; what these hide is no longer visible."""
    out = CutOuts(*(leaf.copy() for leaf in worn))
    for n in range(len(out.shade)):
        rng = np.random.default_rng([seed, n])
        for kind, share in SHARES.items():
            if rng.uniform() < share:
                _lay(rng, out, n, *_DRAW[kind](rng, out.points[n]))
    return out


def _lay(rng: np.random.Generator, out: CutOuts, n: int, shape: np.ndarray, light: tuple[float, float]) -> None:
    side = len(out.shade[n])
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [np.rint(16 * shape).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    share = mask.astype(np.float32) / 255
    fill = rng.uniform(*light) + rng.uniform(2, 15) * texture(rng, side) + rng.normal() * 40 * np.linspace(-1, 1, side)
    out.shade[n] = np.clip(out.shade[n] + share * (fill - out.shade[n]), 0, 255)
    out.cover[n] = np.maximum(out.cover[n], mask)
    column, row = np.clip(np.rint(out.points[n]), 0, side - 1).astype(int).T
    out.visible[n] &= mask[row, column] < 128


def _mask(rng: np.random.Generator, p: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """From cheek to cheek, over the bridge of the nose and under the chin, or slipped below the nose."""
    ridge = 29 if rng.uniform() < 0.85 else 33
    chin = p[8] + 0.1 * (p[8] - p[33])
    return np.concatenate([p[2:8], chin[None], p[9:15], p[ridge][None]]), (40.0, 250.0)


def _shades(rng: np.random.Generator, p: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    across, down = p[45] - p[36], p[30] - p[27]
    left, right = p[36] - 0.16 * across, p[45] + 0.16 * across
    lift, drop = 0.35 * down, rng.uniform(0.5, 0.8) * down
    middle = (left + right) / 2
    lower = [right + drop, middle + 0.15 * across + drop, middle, middle - 0.15 * across + drop, left + drop]
    return np.stack([left - lift, right - lift, *lower]), (5.0, 60.0)


def _hat(rng: np.random.Generator, p: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """A cap, scarf or bandage over the hair, from somewhere on the forehead upwards."""
    up = p[27] - p[33]
    brow = (p[19] + p[24]) / 2 + rng.uniform(0.1, 0.9) * up
    half = (p[16] - p[0]) * rng.uniform(0.52, 0.75)
    brim = rng.uniform(0.9, 1.4)
    crown = rng.uniform(1.2, 2.4) * up
    shape = [brow - half * brim, brow - half + 0.6 * crown, brow - 0.5 * half + crown]
    shape += [brow + 0.5 * half + crown, brow + half + 0.6 * crown, brow + half * brim]
    return np.stack(shape), (5.0, 250.0)


_DRAW = {"mask": _mask, "shades": _shades, "hat": _hat}
