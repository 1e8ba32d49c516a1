"""Upright square crops of a face at any pose, cut straight from the planes of a frame.

In a crop the box of a face takes up 1 / `MARGIN` of the side and lies in the middle. A box lies around the five points
of a frontal, neutral face as `FIVE` says, so that they are here, as fractions of the crop's side:

    pupils            x 0.35 and 0.65, y 0.41
    tip of the nose   x 0.50, y 0.58
    mouth's corners   x 0.39 and 0.61, y 0.72

Finders give the box of the points themselves (`pose_of`). Crops of footage follow the head (`head_pose`), whose box is
about the same as long as it looks ahead, and neither shrinks when it turns nor moves with the mouth.
"""

import cmath
import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from jaxtyping import Float, Float32, Float64, UInt8

from pretrain.footage.video import Frame

FIVE = np.array([[-0.195, -0.117], [0.195, -0.117], [0.0, 0.10], [-0.143, 0.286], [0.143, 0.286]])
"""Pupils, tip of the nose and corners of the mouth of a frontal, neutral face, from the centre of its box, in widths
of the box."""
MARGIN = 1.3
"""Side of the crop in widths of the face box."""
JPEG_QUALITY = 92


@dataclass(frozen=True)
class Pose:
    """Where a face is, in pixels of the upright frame."""

    x: float
    """Centre of the box."""
    y: float
    size: float
    """Width of the square box."""
    roll: float = 0.0
    """Turn of the head in the image plane in radians, clockwise as one sees it."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 of the upright square around the face."""
        half = self.size / 2
        return self.x - half, self.y - half, self.x + half, self.y + half


def pose_of(points: Float[np.ndarray, "5 2"]) -> Pose:
    """Pose whose box lies around five points of a face as it lies around `FIVE`, by least squares.

    `points` as in `FoundFace`, whose pixel centres are integers. At least two of them must differ.
    """
    plane, template = points.astype(float) @ (1, 1j), FIVE @ (1, 1j)
    middle, about = plane.mean(), template - template.mean()
    turn = complex(np.conj(about) @ (plane - middle)) / float(np.sum(np.abs(about) ** 2))
    centre = middle - turn * template.mean() + (0.5 + 0.5j)
    return Pose(float(centre.real), float(centre.imag), abs(turn), cmath.phase(turn))


def crop_to_frame(pose: Pose, side: int, margin: float = MARGIN) -> Float64[np.ndarray, "2 3"]:
    """Matrix from pixel (column, row, 1) of a crop of `side` pixels to the frame; pixel centres are integers."""
    scale = pose.size * margin / side
    cos, sin = scale * math.cos(pose.roll), scale * math.sin(pose.roll)
    middle = (side - 1) / 2
    return np.array(
        [
            [cos, -sin, pose.x - 0.5 - cos * middle + sin * middle],
            [sin, cos, pose.y - 0.5 - sin * middle - cos * middle],
        ]
    )


def warp(
    plane: UInt8[np.ndarray, "h w"], matrix: Float64[np.ndarray, "2 3"], side: int, rough: bool = False
) -> UInt8[np.ndarray, "s s"]:
    """Square picture whose pixel p is the plane at `matrix` · p; beyond the plane's border the border is repeated.

    Where the picture is less than half as fine as the plane, the plane is averaged first, so that nothing aliases;
    `rough` averages over single pixels of each block only, which is faster.
    """
    factor = int(math.hypot(matrix[0, 0], matrix[1, 0]))
    if factor >= 2:
        plane, matrix = _reduce(plane, matrix, side, factor, (factor + 1) // 2 if rough else 1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(plane, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def _reduce(
    plane: UInt8[np.ndarray, "h w"], matrix: Float64[np.ndarray, "2 3"], side: int, factor: int, step: int
) -> tuple[np.ndarray, np.ndarray]:
    """The part of the plane that a crop shows, averaged over each `step`-th of `factor` x `factor` pixels, and the
    matrix into it."""
    (height, width), ((a, b, x), (c, d, y)) = plane.shape, matrix.tolist()
    # On a grid of whole blocks, so that a moving crop does not shift the sampling.
    x0, x1 = _blocks(*_span(a, b, x, side), factor, width)
    y0, y1 = _blocks(*_span(c, d, y, side), factor, height)
    size = (max(1, (x1 - x0) // factor), max(1, (y1 - y0) // factor))
    small = cv2.resize(plane[y0:y1:step, x0:x1:step], size, interpolation=cv2.INTER_AREA)
    reduced = matrix / factor
    reduced[:, 2] += (0.5 / factor - 0.5) - np.array([x0, y0]) / factor
    return small, reduced


def _span(by_column: float, by_row: float, start: float, side: int) -> tuple[float, float]:
    """Least and greatest value of a linear function over a square picture."""
    low, high = min(by_column, 0.0) + min(by_row, 0.0), max(by_column, 0.0) + max(by_row, 0.0)
    return start + side * low, start + side * high


def _blocks(low: float, high: float, factor: int, end: int) -> tuple[int, int]:
    """The range low to high in whole blocks of `factor`, with a block to spare, inside 0 to `end`; never empty."""
    last = end // factor
    first = min(max(math.floor(low / factor) - 1, 0), max(last - 1, 0))
    stop = min(max(math.ceil(high / factor) + 1, first + 1), max(last, 1))
    return first * factor, stop * factor if last else end


def crop_luma(frame: Frame, pose: Pose, side: int, margin: float = MARGIN) -> UInt8[np.ndarray, "s s"]:
    """Luma of a crop."""
    return warp(frame.luma, crop_to_frame(pose, side, margin), side)


def face_of(luma: UInt8[np.ndarray, "s s"], margin: float, side: int) -> UInt8[np.ndarray, "t t"]:
    """The part of a crop that a crop of `MARGIN` shows, at another size."""
    edge = max(0, round(len(luma) * (1 - MARGIN / margin) / 2))
    face = luma[edge : len(luma) - edge, edge : len(luma) - edge]
    return cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def crop_jpeg(frame: Frame, pose: Pose, luma: UInt8[np.ndarray, "s s"], margin: float = MARGIN) -> bytes:
    """A colour crop with this luma as JPEG bytes. Only the pixels of the crop are converted to RGB."""
    side = len(luma)
    half = crop_to_frame(pose, side, margin) / 2
    # chroma pixel c covers luma pixels 2c and 2c + 1
    half[:, 2] -= 0.25
    blue, red = warp(frame.blue, half, side), warp(frame.red, half, side)
    pixels = cv2.transform(cv2.merge([luma, blue, red]), _to_bgr(frame.full_range, frame.bt709))
    done, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise RuntimeError("JPEG encoding failed")
    return jpeg.tobytes()


@cache
def _to_bgr(full_range: bool, bt709: bool) -> Float32[np.ndarray, "3 4"]:
    """Matrix from (Y, Cb, Cr, 1) in 0-255 to (B, G, R), after ITU-R BT.601 or BT.709."""
    kr, kb = (0.2126, 0.0722) if bt709 else (0.299, 0.114)
    kg = 1 - kr - kb
    y, c, black = (1.0, 1.0, 0.0) if full_range else (255 / 219, 255 / 224, 16.0)
    rows = np.array(
        [
            [y, 2 * (1 - kb) * c, 0],
            [y, -2 * kb * (1 - kb) / kg * c, -2 * kr * (1 - kr) / kg * c],
            [y, 0, 2 * (1 - kr) * c],
        ]
    )
    offset = -rows @ np.array([black, 128.0, 128.0])
    return np.column_stack([rows, offset]).astype(np.float32)
