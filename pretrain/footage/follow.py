"""Following faces through a file: detect rarely, follow with optical flow between, never mix two people.

A track is one face in one shot. Its pose comes from flow, frame by frame, which is steady but drifts; detections,
which jitter but do not drift, pull it back gently. A cut of the film ends all tracks. Two tracks that run into each
other both end, since nobody can tell afterwards which is which. A face that was out of sight for a moment keeps its
number if it reappears near by and looks alike; the gap stays a gap.
"""

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from pretrain.footage.align import Pose, crop_to_frame, pose_of, warp
from pretrain.footage.faces import FaceFinder
from pretrain.footage.flow import PATCH, PATCH_MARGIN, follow_patch

CONFIRM_SECONDS = 0.3
"""A followed face is looked for again by the finder this often."""
RETRY_SECONDS = 0.1
"""... and this often after the finder missed it. Also how often new faces are sought while none is in sight."""
SEARCH_SECONDS = 0.6
"""How often new faces are sought while some are in sight."""
PATIENCE_SECONDS = 1.0
"""A face that the finder did not see for this long is lost, however well its texture could be followed."""
MEMORY_SECONDS = 1.5
"""A lost face can take up its track again for this long."""
CUT_DIFFERENCE = 18.0
"""Mean absolute grey difference of consecutive small pictures that is a cut, if also `CUT_RATIO` times the usual."""
CUT_RATIO = 4.0
STILL = 3
"""Of a face's five points those before the mouth's say where it is: crops must not follow expression."""
SAME_LOOK = 0.3
"""Least correlation between the looks of one face at two confirmations."""

_VIEW = 112
_VIEW_MARGIN = 2.0
_LOOK = 24
_LEAST_GAIN = 0.25
_PAY = 0.3


class Sighting(NamedTuple):
    """A face in the present frame."""

    track: int
    pose: Pose
    finder: Literal["saw", "missed", "idle"]
    """Whether the face finder, asked in this frame, saw the face; idle if it was not asked."""


class Sightings(NamedTuple):
    """What a step of the follower found."""

    faces: list[Sighting]
    ended: list[int]
    """Tracks of which no more will come."""
    cut: bool
    """The film was cut before this frame, which ended all tracks."""


@dataclass
class _Track:
    number: int
    pose: Pose
    patch: UInt8[np.ndarray, "s s"]
    look: Float32[np.ndarray, "n"]
    seen: float
    """When the finder last saw it."""
    tried: float
    confirmations: int = 1
    lost: bool = False
    shift: complex = 0j
    """Motion of the last step in pixels, the best guess for the next one."""
    debt: Float32[np.ndarray, "4"] = field(default_factory=lambda: np.zeros(4, np.float32))
    """Correction of (x / size, y / size, log size, roll) by detections that is still to be made, a bit in every
    frame."""


class Follower:
    """Tracks of all faces in a file, one frame at a time."""

    def __init__(self, finder: FaceFinder, max_faces: int) -> None:
        self._find = finder
        self._max_faces = max_faces
        self._tracks: list[_Track] = []
        self._count = 0
        self._searched = -math.inf
        self._time = -math.inf
        self._cuts = _CutTest()

    def step(self, luma: UInt8[np.ndarray, "h w"], time: float) -> Sightings:
        """Takes the next frame, with its time in seconds."""
        cut = self._cuts(luma) or time < self._time
        self._time = time
        ended = self._end(self._tracks) if cut else []
        if cut:
            self._searched = -math.inf
        for track in self._tracks:
            if not track.lost:
                self._advance(track, luma)
        for track in self._tracks:
            if not track.lost and self._due(track):
                self._confirm(track, luma)
        ended += self._end_mixed()
        self._search(luma)
        ended += self._end([t for t in self._tracks if t.lost and time - t.seen > MEMORY_SECONDS + PATIENCE_SECONDS])
        faces = [Sighting(t.number, t.pose, self._answer(t)) for t in self._tracks if not t.lost]
        return Sightings(faces, ended, cut)

    def _answer(self, track: _Track) -> Literal["saw", "missed", "idle"]:
        if track.tried < self._time:
            return "idle"
        return "saw" if track.seen == self._time else "missed"

    def _end(self, tracks: list[_Track]) -> list[int]:
        numbers = [t.number for t in tracks]
        self._tracks = [t for t in self._tracks if t.number not in numbers]
        return numbers

    def _advance(self, track: _Track, luma: UInt8[np.ndarray, "h w"]) -> None:
        """Moves a track to where optical flow says its face went; loses it where flow does not know."""
        guess = _moved(track.pose, track.shift, 1.0, 0.0)
        motion = follow_patch(track.patch, _patch(luma, guess))
        if motion is None or self._time - track.seen > PATIENCE_SECONDS or _outside(track.pose, luma):
            track.lost = True
            return
        unit = track.pose.size * PATCH_MARGIN / PATCH * cmath.exp(1j * track.pose.roll)
        step = _moved(guess, unit * motion.b, abs(motion.a), cmath.phase(motion.a))
        track.shift = complex(step.x - track.pose.x, step.y - track.pose.y)
        pay = _PAY * track.debt
        track.debt = track.debt - pay
        track.pose = _moved(step, complex(pay[0], pay[1]) * step.size, math.exp(pay[2]), float(pay[3]))
        track.patch = _patch(luma, track.pose)

    def _due(self, track: _Track) -> bool:
        fresh = track.tried == track.seen
        return self._time - track.tried >= (CONFIRM_SECONDS if fresh else RETRY_SECONDS) - 1e-6

    def _confirm(self, track: _Track, luma: UInt8[np.ndarray, "h w"]) -> None:
        """Asks the finder for the face near where it should be, and pulls the pose towards the answer."""
        track.tried = self._time
        view = warp(luma, crop_to_frame(track.pose, _VIEW, _VIEW_MARGIN), _VIEW)
        expected = Pose(_VIEW / 2, _VIEW / 2, _VIEW / _VIEW_MARGIN)
        poses = [pose_of(f.points, STILL) for f in self._find(view)]
        found = max(poses, key=lambda p: overlap(p.box, expected.box), default=None)
        if found is None or overlap(found.box, expected.box) < 0.4:
            return
        look = _look(luma, track.pose)
        if float(look @ track.look) < SAME_LOOK:
            track.lost = True
            return
        unit = cmath.exp(1j * track.pose.roll) / expected.size
        offset = unit * complex(found.x - expected.x, found.y - expected.y)
        gain = max(1 / (track.confirmations + 1), _LEAST_GAIN)
        wrong = [offset.real, offset.imag, math.log(found.size / expected.size), found.roll]
        track.debt = (gain * np.array(wrong)).astype(np.float32)
        track.look = _unit(0.7 * track.look + 0.3 * look)
        track.seen = self._time
        track.confirmations += 1

    def _end_mixed(self) -> list[int]:
        """Ends tracks that lie on one another."""
        active = [t for t in self._tracks if not t.lost]
        mixed = [t for t in active if any(o is not t and overlap(o.pose.box, t.pose.box) > 0.3 for o in active)]
        return self._end(mixed)

    def _search(self, luma: UInt8[np.ndarray, "h w"]) -> None:
        """Looks for faces in the whole picture: continues lost tracks and begins new ones."""
        active = sum(not t.lost for t in self._tracks)
        pause = SEARCH_SECONDS if active and active == len(self._tracks) else RETRY_SECONDS
        if self._time - self._searched < pause - 1e-6 or active >= self._max_faces:
            return
        self._searched = self._time
        for pose in (pose_of(f.points, STILL) for f in self._find(luma)):
            known = [t for t in self._tracks if not t.lost]
            if len(known) < self._max_faces and not any(_touches(pose, t.pose) for t in known):
                self._take_up(pose, luma)

    def _take_up(self, pose: Pose, luma: UInt8[np.ndarray, "h w"]) -> None:
        """Continues the lost track to which a detection belongs, or begins a new one."""
        look, patch = _look(luma, pose), _patch(luma, pose)
        for track in self._tracks:
            if track.lost and _near(track.pose, pose) and float(track.look @ look) > SAME_LOOK:
                track.pose, track.patch, track.lost = pose, patch, False
                track.seen = track.tried = self._time
                track.shift, track.debt, track.confirmations = 0j, np.zeros(4, np.float32), 1
                return
        self._tracks.append(_Track(self._count, pose, patch, look, self._time, self._time))
        self._count += 1


class _CutTest:
    """Says whether a frame begins a new shot: it differs from the last one, and more than frames lately did."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._shape: tuple[int, ...] = ()
        self._usual = 0.0

    def __call__(self, luma: UInt8[np.ndarray, "h w"]) -> bool:
        small = cv2.resize(luma[::2, ::2], (32, 18), interpolation=cv2.INTER_AREA).astype(np.float32)
        last, shape = self._last, self._shape
        self._last, self._shape = small, luma.shape
        if last is None:
            return False
        difference = float(np.abs(small - last).mean())
        cut = shape != luma.shape or difference > max(CUT_DIFFERENCE, CUT_RATIO * self._usual)
        self._usual = 0.0 if cut else 0.8 * self._usual + 0.2 * difference
        return cut


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1, ...)."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def _moved(pose: Pose, by: complex, scale: float, turn: float) -> Pose:
    return Pose(pose.x + by.real, pose.y + by.imag, pose.size * scale, pose.roll + turn)


def _patch(luma: UInt8[np.ndarray, "h w"], pose: Pose) -> UInt8[np.ndarray, "s s"]:
    return warp(luma, crop_to_frame(pose, PATCH, PATCH_MARGIN), PATCH)


def _look(luma: UInt8[np.ndarray, "h w"], pose: Pose) -> Float32[np.ndarray, "n"]:
    """The face as a normalised vector, coarse enough not to change with expression."""
    grey = warp(luma, crop_to_frame(pose, _LOOK, 0.9), _LOOK).astype(np.float32)
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.0)
    return _unit((smooth - cv2.GaussianBlur(grey, (0, 0), 8.0)).ravel())


def _unit(vector: Float32[np.ndarray, "n"]) -> Float32[np.ndarray, "n"]:
    centred = vector - vector.mean()
    return (centred / max(float(np.linalg.norm(centred)), 1e-6)).astype(np.float32)


def _touches(a: Pose, b: Pose) -> bool:
    inside = max(abs(a.x - b.x), abs(a.y - b.y)) < max(a.size, b.size) / 2
    return inside or overlap(a.box, b.box) > 0.1


def _near(a: Pose, b: Pose) -> bool:
    return math.hypot(a.x - b.x, a.y - b.y) < 0.75 * a.size and abs(math.log(a.size / b.size)) < 0.4


def _outside(pose: Pose, luma: UInt8[np.ndarray, "h w"]) -> bool:
    """The middle of the face has left the picture, or the pose is no face's any more."""
    height, width = luma.shape
    return not (0 < pose.x < width and 0 < pose.y < height and 4 < pose.size < 2 * max(height, width))
