"""Expression measures that cost no label: what eyes, brows and mouth do, from the pixels of a track alone.

Every crop is first laid over a reference crop of its track: dense optical flow gives the motion of each pixel, and
the affine motion that most of the face shares (the head's) is undone. Then each measure is read off a region where
the feature lies in a crop (see `align`); how well each follows its action units on synthetic faces is tested. Values
mean something within a track only, since skin, light and sharpness differ between tracks.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from pretrain.clips.dataset import MEASURES
from pretrain.footage.quality import GREY

STEP_SECONDS = 0.1
"""Measures are read off crops so far apart, and interpolated between: dense flow takes longer than all the rest."""
GAP_SECONDS = 0.5
"""Motion energy is not defined across longer gaps."""


class Region(NamedTuple):
    """A rectangle in a crop, as fractions of its side; `mirrored` regions have a twin on the other half."""

    x0: float
    x1: float
    y0: float
    y1: float
    mirrored: bool

    def read(self, picture: Float32[np.ndarray, "s s"], cue: Callable[[np.ndarray], Any]) -> float:
        """Mean of a cue over the region and its twin."""
        sides = [(self.x0, self.x1)] + [(1 - self.x1, 1 - self.x0)] * self.mirrored
        rows = slice(round(self.y0 * GREY), round(self.y1 * GREY))
        return float(np.mean([cue(picture[rows, round(a * GREY) : round(b * GREY)]) for a, b in sides]))


EYE = Region(0.22, 0.45, 0.37, 0.50, mirrored=True)
BROW = Region(0.25, 0.45, 0.22, 0.36, mirrored=True)
"""Down to above the upper lid, whose dark line would count for a brow."""
MOUTH = Region(0.36, 0.64, 0.70, 0.90, mirrored=False)
CORNER = Region(0.30, 0.42, 0.64, 0.80, mirrored=True)
"""Just outside the corner of a mouth at rest: a mouth that widens or smiles comes in, and so do its folds."""

_ROWS, _COLUMNS = np.mgrid[0:GREY, 0:GREY].astype(np.float32)
_U, _V = (_COLUMNS + 0.5) / GREY - 0.5, (_ROWS + 0.5) / GREY - 0.52
_FACE = (_U / 0.30) ** 2 + (_V / 0.40) ** 2 < 1
_BASIS = np.stack([np.ones_like(_U), _U, _V], axis=-1)
_SAMPLE = _FACE & (_ROWS % 2 == 0) & (_COLUMNS % 2 == 0)


class Measurer:
    """Measures of one track, a run of crops at a time; its reference is chosen from the first run and stays."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._flow.setFinestScale(0)
        self._reference: np.ndarray | None = None
        self._last: np.ndarray | None = None
        self._last_time = -np.inf

    def __call__(self, greys: UInt8[np.ndarray, "n s s"], times: Float[np.ndarray, "n"]) -> Float32[np.ndarray, "n m"]:
        """Columns are `MEASURES`, larger for more open, higher, wider, livelier.

        Contrast of the eye region (lids hide iris and white), height of the brows in crop sides, contrast of the
        mouth region (an open mouth shows teeth and darkness) and detail beside the lip corners, all three relative to
        the mean light of the face; and mean non-rigid speed of the face in crop sides per second (NaN after a gap).
        """
        read = self._due(times)
        flat = [flatten(greys[n]) for n in read]
        if self._reference is None:
            self._reference = _typical(flat)
        values = np.full((len(greys), len(MEASURES)), np.nan, np.float32)
        for n, even in zip(read, flat, strict=True):
            values[n] = self._measure(greys[n], even, times[n])
        return _filled(values, times, read)

    def _due(self, times: Float[np.ndarray, "n"]) -> list[int]:
        """Crops that are read off, the first of the run always."""
        due, last = [0], times[0]
        for n, time in enumerate(times):
            if time - last > STEP_SECONDS - 1e-6:
                due, last = [*due, n], time
        return due

    def _measure(
        self, grey: UInt8[np.ndarray, "s s"], flat: UInt8[np.ndarray, "s s"], time: float
    ) -> Float32[np.ndarray, "m"]:
        # Flattened pictures are good for flow; contrast is better read off the picture itself, relative to its light.
        motion = self._flow.calc(self._reference, flat, None)  # type: ignore[call-overload]
        shared = shared_motion(motion)
        still, picture = _move(flat, shared), _move(grey, shared).astype(np.float32)
        picture /= max(float(picture[_FACE].mean()), 1.0)
        values = (
            EYE.read(picture, np.std),
            -BROW.read(picture, _dark_row) / GREY,
            MOUTH.read(picture, np.std),
            CORNER.read(picture, lambda corner: np.abs(np.diff(corner, axis=0)).mean()),
            self._speed(still, time),
        )
        self._last, self._last_time = still, time
        assert len(values) == len(MEASURES)
        return np.array(values, np.float32)

    def _speed(self, still: UInt8[np.ndarray, "s s"], time: float) -> float:
        pause = time - self._last_time
        if self._last is None or not 0 < pause <= GAP_SECONDS:
            return float("nan")
        motion = self._flow.calc(self._last, still, None)  # type: ignore[call-overload]
        own = np.linalg.norm(motion - shared_motion(motion), axis=-1)
        return float(own[_FACE].mean()) / GREY / pause


def flatten(grey: UInt8[np.ndarray, "s s"]) -> UInt8[np.ndarray, "s s"]:
    """The picture with even light and contrast: local mean and deviation are brought to 128 and 40."""
    values = grey.astype(np.float32)
    detail = values - cv2.GaussianBlur(values, (0, 0), GREY / 6)
    spread = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), GREY / 6))
    return np.clip(detail / np.maximum(spread, 4) * 40 + 128, 0, 255).astype(np.uint8)


def _filled(
    values: Float32[np.ndarray, "n m"], times: Float[np.ndarray, "n"], read: list[int]
) -> Float32[np.ndarray, "n m"]:
    """Values with those of the crops that were not read interpolated, except before the first known one."""
    out = values.copy()
    unread = np.ones(len(times), bool)
    unread[read] = False
    for column in out.T:
        known = np.isfinite(column)
        if known.any():
            between = unread & (times > times[known][0])
            column[between] = np.interp(times[between], times[known], column[known])
    return out


def _move(picture: UInt8[np.ndarray, "s s"], motion: Float32[np.ndarray, "s s 2"]) -> UInt8[np.ndarray, "s s"]:
    """The picture with that motion undone."""
    x, y = _COLUMNS + motion[..., 0], _ROWS + motion[..., 1]
    return cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def shared_motion(motion: Float32[np.ndarray, "s s 2"], rounds: int = 3) -> Float32[np.ndarray, "s s 2"]:
    """The affine motion of the largest part of the face: least squares on the 60 % of pixels that fit best."""
    basis, moved = _BASIS[_SAMPLE], motion[_SAMPLE]
    best, keep = int(0.6 * len(basis)), np.ones(len(basis), bool)
    coefficients = np.zeros((3, 2), np.float32)
    for _ in range(rounds):
        b, m = basis[keep], moved[keep]
        coefficients = np.linalg.solve(b.T @ b + 1e-6 * np.eye(3, dtype=np.float32), b.T @ m)
        miss = np.linalg.norm(moved - basis @ coefficients, axis=1)
        keep = miss <= np.partition(miss, best)[best]
    return (_BASIS @ coefficients).astype(np.float32)


def _typical(flat: list[UInt8[np.ndarray, "s s"]]) -> UInt8[np.ndarray, "s s"]:
    """The picture that is nearest to the median of all."""
    stack = np.stack(flat)
    median = np.median(stack, axis=0)
    return stack[np.argmin(np.abs(stack - median)[:, _FACE].mean(axis=1))]


def _dark_row(region: Float32[np.ndarray, "h w"]) -> float:
    """Mean row of what is darker than most of the region."""
    dark = np.maximum(np.percentile(region, 60) - region, 0) ** 2
    total = float(dark.sum())
    if total == 0:
        return (len(region) - 1) / 2
    return float(dark.sum(axis=1) @ np.arange(len(region))) / total
