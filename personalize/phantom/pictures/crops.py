"""Crops around faces, as the landmark net gets them: phantoms before clutter, and what only looks like a face."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from personalize.phantom.pictures.clutter import texture
from personalize.phantom.pictures.damage import damage
from personalize.phantom.pictures.portraits import CutOuts
from pretrain.footage.align import Pose, crop_to_frame, pose_of
from pretrain.footage.face_nets.landmarker import FIVE

EMPTY, ASTRAY, SHUFFLED = 0.12, 0.20, 0.25
"""Of all crops the first show a room, those up to the second a part of a face, up to the third a jumble of one."""
FIRST = 0.6
"""Those up to here show a face as at first sight, the others as at the second."""


class Crops(NamedTuple):
    """A batch for the landmark net."""

    pictures: UInt8[np.ndarray, "n size size"]
    points: Float32[np.ndarray, "n 70 2"]
    """Pixels of the crop."""
    visible: Bool[np.ndarray, "n 70"]
    face: Bool[np.ndarray, "n"]
    """False where the crop shows no face, or one that is far off the middle; its points mean nothing then."""


class Maker:
    """Makes crops without end from some portraits and some backgrounds."""

    def __init__(self, portraits: CutOuts, rooms: UInt8[np.ndarray, "m s s"], side: int, margin: float) -> None:
        self._portraits, self._rooms, self._side, self._margin = portraits, rooms, side, margin

    def batch(self, rng: np.random.Generator, count: int) -> Crops:
        """`count` crops; a quarter of them without a face in the middle."""
        made = [self._crop(rng) for _ in range(count)]
        return Crops(*(np.stack(leaves) for leaves in zip(*made, strict=True)))

    def _crop(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.bool_]:
        kind = rng.uniform()
        room = view_of_room(rng, self._rooms, self._side)
        if kind < EMPTY:
            busier = max(room, view_of_room(rng, self._rooms, self._side), key=np.std)
            return damage(rng, busier), np.zeros((70, 2), np.float32), np.zeros(70, bool), np.bool_(False)
        n = int(rng.integers(len(self._portraits.shade)))
        pose = pose_of(self._portraits.points[n][FIVE])
        at = _first(rng, pose) if kind < FIRST else _second(rng, pose)
        at = _astray(rng, pose) if kind < ASTRAY else at
        picture, points = self._portray(rng, n, at, pose.size, room)
        if ASTRAY <= kind < SHUFFLED:
            picture = _shuffle(rng, picture)
        visible = self._portraits.visible[n]
        if rng.uniform() < 0.2:
            picture, hidden = occlude(rng, picture, points)
            visible = visible & ~hidden
        inside = ((points > -0.5) & (points < self._side - 0.5)).all(-1)
        return damage(rng, picture), points, visible & inside, np.bool_(kind >= SHUFFLED)

    def _portray(
        self, rng: np.random.Generator, n: int, at: Pose, size: float, room: Float32[np.ndarray, "side side"]
    ) -> tuple[Float32[np.ndarray, "side side"], Float32[np.ndarray, "70 2"]]:
        """Portrait `n`, whose face has this size, seen from a pose before a room; and where its points are."""
        field = bend(rng, self._side, size * 0.05)
        to_portrait = self._stretch(rng, at)
        where = _grid(self._side) @ to_portrait[:, :2].T.astype(np.float32) + to_portrait[:, 2].astype(np.float32)
        where = (where + field).astype(np.float32)
        shade, cover = (look_up(layer[n], where) for layer in (self._portraits.shade, self._portraits.cover))
        return shade + (1 - cover / 255) * room, _pull_back(self._portraits.points[n], to_portrait, field)

    def _stretch(self, rng: np.random.Generator, pose: Pose) -> np.ndarray:
        """Matrix from crop to portrait with the proportions of the head changed a little, mirrored never."""
        matrix = crop_to_frame(pose, self._side, self._margin)
        aspect, shear = np.exp(rng.normal() * 0.07), rng.normal() * 0.04
        warp = np.array([[aspect, shear], [0, 1 / aspect]])
        middle = np.full(2, (self._side - 1) / 2)
        linear = matrix[:, :2] @ warp
        return np.column_stack([linear, matrix @ [*middle, 1] - linear @ middle])


def view_of_room(
    rng: np.random.Generator, rooms: UInt8[np.ndarray, "m s s"], side: int
) -> Float32[np.ndarray, "side side"]:
    """A random part of a random room, from any distance, mirrored or not."""
    room = rooms[rng.integers(len(rooms))]
    size = int(min(len(room), side * np.exp(rng.uniform(np.log(0.5), np.log(len(room) / side)))))
    x, y = rng.integers(0, len(room) - size + 1, 2)
    part = room[y : y + size, x : x + size]
    part = part[:, ::-1] if rng.uniform() < 0.5 else part
    how = cv2.INTER_AREA if size > side else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(part), (side, side), interpolation=how).astype(np.float32)


def look_up(layer: UInt8[np.ndarray, "h w"], where: Float32[np.ndarray, "a b 2"]) -> Float32[np.ndarray, "a b"]:
    """A picture at places (x, y); beyond its border the border is repeated."""
    found = cv2.remap(layer, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return found.astype(np.float32)


def bend(rng: np.random.Generator, side: int, reach: float) -> Float32[np.ndarray, "side side 2"]:
    """Smooth random displacements of about `reach`, so that faces differ in more ways than phantoms do."""
    coarse = rng.normal(size=(4, 4, 2)).astype(np.float32) * np.float32(reach * rng.uniform(0, 1))
    return cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)


def occlude(
    rng: np.random.Generator, picture: Float32[np.ndarray, "h w"], points: Float32[np.ndarray, "70 2"]
) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "70"]]:
    """Something that has come between: an arm, a strap, a leaf, a blanket's edge. Says which points it hides."""
    side = len(picture)
    mask = np.zeros(picture.shape, np.uint8)
    at, turn = rng.uniform(0.1, 0.9, 2) * side, rng.uniform(0, 180)
    extent = np.exp(rng.uniform(np.log(0.08), np.log(0.5), 2)) * side
    if rng.uniform() < 0.5:
        cv2.ellipse(mask, (tuple(at), tuple(extent), turn), 255, -1, cv2.LINE_AA)
    else:
        corners = cv2.boxPoints((tuple(at), (extent[0], extent[1] * 2), turn))
        cv2.fillPoly(mask, [corners.astype(np.int32)], 255, cv2.LINE_AA)
    grain = 1 << int(np.ceil(np.log2(side)))
    fill = rng.uniform(0, 255) + rng.exponential(15) * texture(rng, grain)[:side, :side]
    out = picture + mask.astype(np.float32) / 255 * (fill - picture)
    column, row = np.clip(np.rint(points), 0, side - 1).astype(int).T
    return out.astype(np.float32), mask[row, column] > 127


def _first(rng: np.random.Generator, pose: Pose) -> Pose:
    """As the detector gives it: roughly placed."""
    return _jitter(rng, pose, 0.06, 0.09, float(pose.roll + np.radians(np.clip(rng.normal() * 9, -25, 25))))


def _second(rng: np.random.Generator, pose: Pose) -> Pose:
    """As the first pass of the landmark net leaves it."""
    return _jitter(rng, pose, 0.025, 0.04, float(pose.roll + np.radians(rng.normal() * 3)))


def _jitter(rng: np.random.Generator, pose: Pose, shift: float, scale: float, roll: float) -> Pose:
    dx, dy = np.clip(rng.normal(size=2), -2.2, 2.2) * shift * pose.size
    growth = np.exp(np.clip(rng.normal(), -2, 2) * scale)
    return Pose(float(pose.x + dx), float(pose.y + dy), float(pose.size * growth), roll)


def _astray(rng: np.random.Generator, pose: Pose) -> Pose:
    """Beside the face, much too near or upside down."""
    kind = rng.integers(3)
    if kind == 0:
        way, angle = rng.uniform(0.6, 1.2) * pose.size, rng.uniform(0, 2 * np.pi)
        return Pose(float(pose.x + way * np.cos(angle)), float(pose.y + way * np.sin(angle)), pose.size, pose.roll)
    if kind == 1:
        dx, dy = rng.normal(size=2) * 0.25 * pose.size
        return Pose(float(pose.x + dx), float(pose.y + dy), float(pose.size * rng.uniform(0.25, 0.5)), pose.roll)
    return Pose(pose.x, pose.y, float(pose.size * rng.uniform(0.8, 1.6)), float(pose.roll + rng.uniform(2.2, 4.1)))


def _shuffle(rng: np.random.Generator, picture: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """A face whose parts have changed places: as much light and shade, but nobody."""
    side = len(picture)
    by = rng.choice([(side // 2, 0), (0, side // 2), (side // 2, side // 2)])
    return np.roll(picture, tuple(by), (0, 1))


def _grid(side: int) -> Float32[np.ndarray, "side side 2"]:
    return np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).astype(np.float32)


def _pull_back(
    points: Float32[np.ndarray, "70 2"], to_portrait: np.ndarray, field: Float32[np.ndarray, "side side 2"]
) -> Float32[np.ndarray, "70 2"]:
    """Where in the crop the portrait's points are: the inverse of an affine map and a small bend, by iteration."""
    inverse = np.linalg.inv(to_portrait[:, :2])
    at = (points - to_portrait[:, 2]) @ inverse.T
    for _ in range(4):
        x, y = at.astype(np.float32).T
        off = cv2.remap(field, x[None], y[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
        at = (points - off - to_portrait[:, 2]) @ inverse.T
    return at.astype(np.float32)
