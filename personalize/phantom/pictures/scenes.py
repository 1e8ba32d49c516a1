"""Scenes with any number of phantoms among clutter, as the detector gets them, with where their faces are."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from personalize.phantom.pictures.crops import bend, look_up, occlude, view_of_room
from personalize.phantom.pictures.damage import damage
from personalize.phantom.pictures.portraits import CutOuts
from pretrain.footage.align import pose_of
from pretrain.footage.face_nets.landmarker import FIVE

CROWD = 6
"""Most faces in a scene."""
LYING = 0.12
"""Share of people who may lie on their side, or hang head down from a bed."""


class Scenes(NamedTuple):
    """A batch for the detector."""

    pictures: UInt8[np.ndarray, "n size size"]
    faces: Float32[np.ndarray, "n 6 5"]
    """Middle (x, y; edges of the picture are 0 and its size) and width of each face's box, the roll of the head as in
    `Pose`, and the share of the face that can be seen. Width 0 where there is no face."""


class Director:
    """Makes scenes without end from some portraits and some backgrounds."""

    def __init__(
        self,
        portraits: CutOuts,
        rooms: UInt8[np.ndarray, "m s s"],
        side: int,
        widths: tuple[float, float],
    ) -> None:
        self._portraits, self._rooms, self._side = portraits, rooms, side
        self._poses = [pose_of(p[FIVE]) for p in portraits.points]
        self._widths = widths

    def batch(self, rng: np.random.Generator, count: int) -> Scenes:
        """`count` scenes; every fourth without anybody."""
        made = [self._scene(rng) for _ in range(count)]
        return Scenes(*(np.stack(leaves) for leaves in zip(*made, strict=True)))

    def _scene(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        picture, faces = view_of_room(rng, self._rooms, self._side), np.zeros((CROWD, 5), np.float32)
        count = rng.choice([0, 1, 2, 3, CROWD], p=[0.25, 0.4, 0.2, 0.1, 0.05])
        (low, high), (least, most) = np.log(self._widths), np.log([self._widths[0] / 2.5, self._widths[1] * 3.5])
        wanted, other = rng.uniform(low, high, count), rng.uniform(least, most, count)
        widths = np.exp(np.where(rng.uniform(size=count) < 0.6, wanted, other))
        for k, width in enumerate(np.sort(widths)):  # those further away first
            picture, faces[k], hidden = self._enter(rng, picture, float(width))
            faces[:k, 4] *= 1 - _shadow(hidden, faces[:k])
        if count and rng.uniform() < 0.15:
            picture, _ = occlude(rng, picture, np.zeros((70, 2), np.float32))
            faces[:, 4] *= 0.5  # nobody looked whom it hides: neither asked for nor forbidden
        return damage(rng, picture), faces

    def _enter(
        self, rng: np.random.Generator, picture: np.ndarray, width: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One more person, anywhere, also half outside."""
        n, side = rng.integers(len(self._poses)), self._side
        pose = self._poses[n]
        x, y = rng.uniform(-0.05, 1.05, 2) * side
        turn = np.radians(rng.uniform(-120, 120) if rng.uniform() < LYING else np.clip(rng.normal() * 14, -45, 45))
        scale, aspect = pose.size / width, np.exp(rng.normal() * 0.07)
        cos, sin = scale * np.cos(turn), scale * np.sin(turn)
        linear = np.array([[cos * aspect, -sin / aspect], [sin * aspect, cos / aspect]])
        offset = np.array([pose.x, pose.y]) - 0.5 - linear @ np.array([x - 0.5, y - 0.5])
        grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).astype(np.float32)
        where = grid @ linear.T.astype(np.float32) + offset.astype(np.float32)
        where += bend(rng, side, pose.size * 0.04)
        level = max(0, int(np.floor(np.log2(scale))))
        shade, cover = (self._shrunk(layer[n], level) for layer in (self._portraits.shade, self._portraits.cover))
        where = (where + 0.5) / 2**level - 0.5
        shade, cover = (look_up(layer, where) for layer in (shade, cover))
        gain = np.float32(np.exp(rng.normal() * 0.2))
        inside, roll = _inside(x, y, width, side), pose.roll - turn
        seen = inside * (0.4 + 0.6 * self._portraits.visible[n].mean())
        return gain * shade + (1 - cover / 255) * picture, np.array([x, y, width, roll, seen], np.float32), cover > 128

    @staticmethod
    def _shrunk(layer: np.ndarray, level: int) -> np.ndarray:
        for _ in range(level):
            layer = cv2.resize(layer, (layer.shape[1] // 2, layer.shape[0] // 2), interpolation=cv2.INTER_AREA)
        return layer


def _inside(x: float, y: float, width: float, side: int) -> float:
    """Share of a box that lies in the picture."""
    across, down = (max(0.0, min(c + width / 2, side) - max(c - width / 2, 0)) / width for c in (x, y))
    return across * down


def _shadow(hidden: np.ndarray, faces: Float32[np.ndarray, "k 5"]) -> Float32[np.ndarray, "k"]:
    """Share of each face's box that `hidden` covers."""
    out = np.zeros(len(faces), np.float32)
    for k, (x, y, width, _, _) in enumerate(faces):
        part = hidden[
            max(0, int(y - width / 2)) : int(y + width / 2) + 1, max(0, int(x - width / 2)) : int(x + width / 2) + 1
        ]
        out[k] = part.mean() if part.size else 0
    return out
