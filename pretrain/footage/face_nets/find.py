"""From a picture to faces: the detector proposes, the landmark net looks closely, twice, and has the last word."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float32, UInt8

from pretrain.footage.align import Pose, crop_to_frame, pose_of, warp
from pretrain.footage.face_nets.detector import STRIDE, TYPICAL, Detector
from pretrain.footage.face_nets.landmarker import CLOSE, FIVE, MARGIN, POINTS, SIDE, Landmarker, Landmarks
from pretrain.footage.face_nets.pyramid import canvas
from pretrain.footage.face_nets.weights import read
from pretrain.footage.faces import Box, FoundFace, held, overlap

LONGEST = (320, 640)
"""Longer pictures are shrunk to the first length and, if that shows no face at all, to the second."""
TURNS = ((0.0,), (math.pi / 2, -math.pi / 2))
"""A picture without a face is searched again for heads that lie on their side: the detector sees these, but not well
how they are turned."""
LEVELS = 4
"""Sizes of the picture that are searched: the largest face is 8 times the size of the smallest and more."""
PROPOSE = 0.25
"""Least probability at which the detector's word is followed up."""
GLANCE = 0.05
"""Least probability of a face, after a first look of the landmark net, at which it looks again."""
ACCEPT = 0.79
"""Least score of a face."""
KEEP = 0.65
"""Least score of a face that is known to be about there, by the landmark net alone."""
SHARED = 0.4
"""Boxes that have more in common are one face."""
MOST = 32
"""Proposals that are looked at."""


class Proposal(NamedTuple):
    """Where a face may be."""

    chance: float
    pose: Pose

    def turned(self, angle: float) -> "Proposal":
        """The same place, but a head that is turned by so many radians more."""
        return Proposal(self.chance, replace(self.pose, roll=self.pose.roll + angle))


class Marked(NamedTuple):
    """What the landmark net says of some places in a picture."""

    points: Float32[np.ndarray, "n 70 2"]
    """Pixels of the picture; 68 landmarks, then the pupils."""
    confidence: Float32[np.ndarray, "n 70"]
    """Probability of each point lying within `CLOSE` face widths of the truth."""
    chance: Float32[np.ndarray, "n"]
    """Probability of there being a face."""
    seen: Float32[np.ndarray, "n 70"]
    """Probability of each point being in sight."""


class NetFinder:
    """The face finder that needs nothing but this package.

    A face's score is the mean confidence of the better half of its points, which tells faces from what looks like one
    (the other half may be under a mask), times the tenth root of the probabilities that both nets give: enough to
    settle doubtful cases. The nets are the shipped ones unless others are given.
    """

    def __init__(self, detector: Detector | None = None, landmarker: Landmarker | None = None) -> None:
        self._detect = _compiled(detector or read(lambda rngs: Detector(rngs=rngs), "detector"), lambda said: said)
        self._mark = _compiled(landmarker or read(lambda rngs: Landmarker(rngs=rngs), "landmarker"), _read_marks)

    def __call__(self, luma: UInt8[np.ndarray, "h w"], known: Sequence[Pose] = ()) -> list[FoundFace]:
        """All faces found but for those at known poses, surest first."""
        for longest in LONGEST:
            proposed = self.propose(luma, longest)
            proposals = [p for p in proposed if not any(_hold(p.pose, k) > SHARED for k in known)]
            for turns in TURNS[:1] if known else TURNS:
                faces = self._look(luma, [p.turned(turn) for p in proposals for turn in turns])
                if faces:
                    return faces
            if known or max(luma.shape) <= longest:
                break
        return []

    def propose(self, luma: UInt8[np.ndarray, "h w"], longest: int) -> list[Proposal]:
        """Where the detector thinks that faces may be, most likely first, at most `MOST`."""
        picture, tiles = canvas(luma, longest, LEVELS)
        said = self._detect(picture[None])
        logit, box, turn = (np.asarray(part)[0] for part in said)
        found = []
        for row, column in zip(*np.nonzero(logit > np.log(PROPOSE / (1 - PROPOSE))), strict=True):
            x, y = (
                (cell + 0.5) * STRIDE + d * TYPICAL for cell, d in zip((column, row), box[row, column], strict=False)
            )
            width, roll = TYPICAL * np.exp(box[row, column, 2]), np.arctan2(*turn[row, column, ::-1])
            for t in tiles:
                if t.x <= x < t.x + t.width and t.y <= y < t.y + t.height:
                    place = ((x - t.x) * t.scale, (y - t.y) * t.scale, width * t.scale, roll)
                    found.append(Proposal(_probability(logit[row, column]), Pose(*map(float, place))))
        return _strongest(found, _overlap)[:MOST]

    def mark(self, luma: UInt8[np.ndarray, "h w"], poses: Sequence[Pose]) -> Marked:
        """Looks for landmarks where faces are thought to be; nowhere is an answer, too."""
        if not poses:
            return Marked(*(np.zeros((0, *shape), np.float32) for shape in ((POINTS, 2), (POINTS,), (), (POINTS,))))
        frames = [crop_to_frame(pose, SIDE, MARGIN) for pose in poses]
        crops = np.zeros((1 << (len(poses) - 1).bit_length(), SIDE, SIDE), np.uint8)  # few sizes, few compilations
        crops[: len(poses)] = [warp(luma, matrix, SIDE) for matrix in frames]
        points, confidence, chance, seen = (np.asarray(part)[: len(poses)] for part in self._mark(crops))
        turns = np.array(frames, np.float32)
        placed = points @ turns[:, :, :2].transpose(0, 2, 1) + turns[:, None, :, 2]
        return Marked(placed, confidence, chance, seen)

    def look(self, luma: UInt8[np.ndarray, "h w"], poses: Sequence[Pose]) -> list[FoundFace | None]:
        """The faces that are known to be about at these poses; None for each that is not there (any more)."""
        said = self.mark(luma, poses)
        scores = better_half(said.confidence) * said.chance**0.1
        return [_found(said, n, float(score)) if score > KEEP else None for n, score in enumerate(scores)]

    def _look(self, luma: UInt8[np.ndarray, "h w"], proposals: Sequence[Proposal]) -> list[FoundFace]:
        """Those places that show faces."""
        first = self.mark(luma, [p.pose for p in proposals])
        likely = first.chance > GLANCE
        said = self.mark(luma, [pose_of(p[FIVE]) for p in first.points[likely]])
        chance = said.chance * np.array([p.chance for p in proposals])[likely]
        poses, scores = [pose_of(p[FIVE]) for p in said.points], better_half(said.confidence) * chance**0.1
        sure = [(float(scores[n]), poses[n], n) for n in range(len(poses)) if scores[n] > ACCEPT]
        return [_found(said, n, score) for score, _, n in _strongest(sure, _hold)]


def _found(said: Marked, n: int, score: float) -> FoundFace:
    """The face at the n-th place."""
    points = said.points[n]
    return FoundFace(
        Box(*pose_of(points[FIVE]).box), score, points[:68], points[FIVE], said.confidence[n, :68], said.seen[n, :68]
    )


def better_half(confidence: Float32[np.ndarray, "n 70"]) -> Float32[np.ndarray, "n"]:
    """Mean of the 35 points that are surest."""
    return np.sort(confidence, 1)[:, POINTS // 2 :].mean(1)


def _probability(logit: Any) -> Any:
    return 1 / (1 + np.exp(-logit))


def _strongest(found: list, shared: Callable[[Pose, Pose], float]) -> list:
    """Of entries (score, pose, ...) that share a good part the one with the highest score; highest first."""
    kept: list = []
    for entry in sorted(found, key=lambda e: (-e[0], e[1].x, e[1].y)):
        if not any(shared(entry[1], other[1]) > SHARED for other in kept):
            kept.append(entry)
    return kept


def _overlap(a: Pose, b: Pose) -> float:
    """A box may lie within another as long as nobody has looked which of them is a face."""
    return overlap(a.box, b.box)


def _hold(a: Pose, b: Pose) -> float:
    """No face lies within another."""
    return held(a.box, b.box)


def _compiled(net: nnx.Module, then: Callable[[Any], Any]) -> Callable[[UInt8[np.ndarray, "n h w"]], Any]:
    """The net, and what is made of its answer, as a function of pictures; its parameters are built in as constants."""
    graph, params = nnx.split(net)
    return jax.jit(lambda pictures: then(nnx.merge(graph, params)(pictures.astype(jnp.float32))))


def _read_marks(said: Landmarks) -> tuple[Array, Array, Array, Array]:
    """Points in pixels of the crop, and what `Marked` says of them and of the face."""
    points = said.points * (SIDE / MARGIN) + (SIDE - 1) / 2
    confidence = 1 - jnp.exp(-CLOSE * jnp.exp(-said.spread))
    return points, confidence, jax.nn.sigmoid(said.face), jax.nn.sigmoid(said.seen)
