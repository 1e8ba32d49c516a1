"""Following faces through a file: detect rarely, follow with optical flow between, never mix two people.

A track is one face in one shot. Its pose comes from flow, frame by frame, which is steady but drifts; every few frames
the finder looks at it again, which jitters but does not drift, and pulls it back gently. A cut of the film ends all
tracks, and another face in the same place ends one. Two tracks that run into each other both end, since nobody can tell
afterwards which is which. A face that was out of sight for a moment keeps its number if it reappears near by and looks
alike; the gap stays a gap.
"""

import cmath
import math
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from pretrain.footage.align import Pose, crop_to_frame, warp
from pretrain.footage.cuts import CutTest
from pretrain.footage.faces import SAME_PLACE, FaceFinder, FoundFace, held, overlap
from pretrain.footage.flow import PATCH, PATCH_MARGIN, follow_patch, likeness
from pretrain.footage.head_pose import HeadPose, head_pose

LOOK_SECONDS = 0.2
"""The finder looks at a followed face this often."""
RETRY_SECONDS = 0.1
"""... and this often after it missed it."""
FLOW_SECONDS = 0.25
"""Over longer gaps between frames flow says nothing, so that the finder looks at every frame."""
SEARCH_SECONDS, VAIN_SECONDS, CROWD_SECONDS = 0.1, 0.2, 3.0
"""New faces are sought after the first of these times, then after four times as long each time that none was found,
up to the second while none is in sight and the third while some are."""
PATIENCE_SECONDS = 1.0
"""A face that the finder did not see for this long is lost, however well its texture could be followed."""
MEMORY_SECONDS = 1.5
"""A lost face can take up its track again for this long."""
SAME_LOOK, SAME_PERSON = 0.65, 0.85
"""Least correlation between the looks of one face at two confirmations, and before and after it was out of sight. On 43
real clips: of one face at two confirmations 0.59 and 0.64 at least on two clips and more on the others; between people
0.57 in the middle, 0.84 at the 95th percentile."""
OTHER_FACE, SUDDEN, SUDDEN_RATIO = 0.25, 0.12, 5.0
"""A face that changes by more than the first from one frame to the next, or by more than the second and so many times
as much as lately, may be another one. On 33 real clips no face changes by more than 0.1, but for quick turns (0.22)."""
MIXED, HELD = 0.3, 0.6
"""Faces that share more of both boxes, or of the smaller one, have run into each other."""

_LOOK, _LOOK_MARGIN = 24, 0.9
_ROWS, _COLUMNS = (np.mgrid[0:_LOOK, 0:_LOOK] + 0.5) / _LOOK - 0.5
_OUTSIDE = (_COLUMNS / 0.36) ** 2 + (_ROWS / 0.46) ** 2 > 1
_LEAST_GAIN = 0.25
_PAY = 0.3


class Seen(NamedTuple):
    """A face as the finder saw it, in pixels of the frame."""

    face: FoundFace
    head: HeadPose


class Sighting(NamedTuple):
    """A face in the present frame."""

    track: int
    pose: Pose
    """Steady from frame to frame."""
    seen: Seen | None
    """What the finder saw, if it looked in this frame and saw the face."""
    missed: bool
    """The finder looked and did not see the face."""


class Sightings(NamedTuple):
    """What a step of the follower found."""

    faces: list[Sighting]
    ended: list[int]
    """Tracks of which no more will come."""
    cut: bool
    """The film was cut before this frame, which ended all tracks."""


class _Patch(NamedTuple):
    """The surroundings of a face, for optical flow."""

    pixels: UInt8[np.ndarray, "s s"]
    middle: complex
    """Its middle in the frame."""
    unit: complex
    """Step in the frame from one of its pixels to the next on the right."""


@dataclass
class _Track:
    number: int
    pose: Pose
    patch: _Patch
    look: Float32[np.ndarray, "n"]
    face: Seen
    seen: float
    """When the finder last saw it."""
    tried: float
    change: float = 0.0
    """What usually is not alike (`likeness`) from frame to frame."""
    swapped: bool = False
    """There suddenly is another face."""
    confirmations: int = 1
    lost: bool = False
    shift: complex = 0j
    """Motion of the last step in pixels, the best guess for the next one."""
    debt: Float32[np.ndarray, "4"] = field(default_factory=lambda: np.zeros(4, np.float32))
    """Correction of (x / size, y / size, log size, roll) by the finder that is still to be made, a bit in every frame
    so that crops do not jump."""


class Follower:
    """Follows faces from frame to frame of one file."""

    def __init__(self, finder: FaceFinder, max_faces: int) -> None:
        self._finder = finder
        self._max_faces = max_faces
        self._tracks: list[_Track] = []
        self._count = 0
        self._searched, self._pause = -math.inf, 0.0
        self._time, self._gap = -math.inf, 0.0
        self._cuts = CutTest()

    def step(self, luma: UInt8[np.ndarray, "h w"], time: float) -> Sightings:
        """Takes the next frame, with its time in seconds."""
        cut = self._cuts(luma) or time < self._time
        self._time, self._gap = time, time - self._time
        ended = self._end(self._tracks) if cut else []
        for track in self._active():
            self._advance(track, luma)
        ended += self._end([t for t in self._tracks if t.swapped])
        self._confirm([t for t in self._active() if self._due(t)], luma)
        ended += self._end_mixed()
        if cut or ended:
            self._pause = 0.0
        ended += self._end([t for t in self._tracks if t.lost and time - t.seen > MEMORY_SECONDS + PATIENCE_SECONDS])
        self._search(luma)
        return Sightings([self._sighting(t) for t in self._active()], ended, cut)

    def _active(self) -> list[_Track]:
        return [t for t in self._tracks if not t.lost]

    def _sighting(self, track: _Track) -> Sighting:
        looked, seen = track.tried == self._time, track.seen == self._time
        return Sighting(track.number, track.pose, track.face if seen else None, looked and not seen)

    def _end(self, tracks: list[_Track]) -> list[int]:
        numbers = [t.number for t in tracks]
        self._tracks = [t for t in self._tracks if t.number not in numbers]
        return numbers

    def _advance(self, track: _Track, luma: UInt8[np.ndarray, "h w"]) -> None:
        """Moves a track to where optical flow says its face went; loses it where flow does not know."""
        if self._gap > FLOW_SECONDS:
            return
        guess = _moved(track.pose, track.shift, 1.0, 0.0)
        patch = _patch(luma, guess)
        motion = follow_patch(track.patch.pixels, patch.pixels)
        late = self._time - track.seen > PATIENCE_SECONDS
        if motion is None or late or _outside(track.pose, luma):
            track.lost = True
            return
        change = 1 - likeness(track.patch.pixels, patch.pixels, motion)
        sudden = change > OTHER_FACE or change > max(SUDDEN, SUDDEN_RATIO * track.change)
        track.change = 0.8 * track.change + 0.2 * change
        # The face need not lie in the middle of either patch: carry its place from the one into the other.
        before, after = track.patch, patch
        turn = motion.a * after.unit / before.unit
        middle = after.middle + after.unit * motion.b + turn * (complex(track.pose.x, track.pose.y) - before.middle)
        step = Pose(middle.real, middle.imag, track.pose.size * abs(turn), track.pose.roll + cmath.phase(turn))
        track.shift = complex(step.x - track.pose.x, step.y - track.pose.y)
        pay = _PAY * track.debt
        track.debt = track.debt - pay
        track.pose = _moved(step, complex(pay[0], pay[1]) * step.size, math.exp(pay[2]), float(pay[3]))
        track.patch = patch
        # A blink in a dark face changes most of what is fine in it, but little of the whole.
        track.swapped = sudden and float(_look(luma, track.pose) @ track.look) < SAME_PERSON

    def _due(self, track: _Track) -> bool:
        fresh = track.tried == track.seen
        pause = LOOK_SECONDS if fresh else RETRY_SECONDS
        return self._gap > FLOW_SECONDS or self._time - track.tried >= pause - 1e-6

    def _confirm(self, tracks: list[_Track], luma: UInt8[np.ndarray, "h w"]) -> None:
        """Lets the finder look at faces where they should be, and pulls their poses towards what it sees."""
        if not tracks:
            return
        for track, face in zip(tracks, self._finder.look(luma, [t.pose for t in tracks]), strict=True):
            track.tried = self._time
            head = head_pose(face.landmarks) if face else None
            if face is None or head is None or overlap(head.pose.box, track.pose.box) < SAME_PLACE:
                track.lost = self._gap > FLOW_SECONDS
                continue
            look = _look(luma, head.pose)
            if float(look @ track.look) < (SAME_PERSON if self._gap > FLOW_SECONDS else SAME_LOOK):
                track.lost = True
                continue
            self._correct(track, head.pose, luma)
            track.look = _unit(0.7 * track.look + 0.3 * look)
            track.face, track.seen = Seen(face, head), self._time
            track.confirmations += 1

    def _correct(self, track: _Track, found: Pose, luma: UInt8[np.ndarray, "h w"]) -> None:
        if self._gap > FLOW_SECONDS:  # nothing else is known of where the face is now
            track.pose, track.patch = found, _patch(luma, found)
            track.shift, track.debt = 0j, np.zeros(4, np.float32)
            return
        offset = complex(found.x - track.pose.x, found.y - track.pose.y) / track.pose.size
        turn = cmath.phase(cmath.exp(1j * (found.roll - track.pose.roll)))
        gain = max(1 / (track.confirmations + 1), _LEAST_GAIN)
        wrong = [offset.real, offset.imag, math.log(found.size / track.pose.size), turn]
        track.debt = (gain * np.array(wrong)).astype(np.float32)

    def _end_mixed(self) -> list[int]:
        """Ends tracks that lie on one another."""
        active = self._active()
        return self._end([t for t in active if any(o is not t and _mixed(o.pose, t.pose) for o in active)])

    def _search(self, luma: UInt8[np.ndarray, "h w"]) -> None:
        """Looks for faces in the whole picture: continues lost tracks and begins new ones."""
        active = len(self._active())
        if active < len(self._tracks):
            self._pause = min(self._pause, RETRY_SECONDS)
        if self._time - self._searched < self._pause - 1e-6 or active >= self._max_faces:
            return
        self._searched = self._time
        news = False
        for face in self._finder(luma, [t.pose for t in self._active()]):
            seen = Seen(face, head_pose(face.landmarks))
            known = self._active()
            if len(known) < self._max_faces and not any(_touches(seen.head.pose, t.pose) for t in known):
                self._take_up(seen, luma)
                news = True
        longest = CROWD_SECONDS if self._active() else VAIN_SECONDS
        self._pause = SEARCH_SECONDS if news else min(max(4 * self._pause, SEARCH_SECONDS), longest)

    def _take_up(self, seen: Seen, luma: UInt8[np.ndarray, "h w"]) -> None:
        """Continues the lost track to which a face belongs, or begins a new one."""
        pose = seen.head.pose
        look, patch = _look(luma, pose), _patch(luma, pose)
        near = [t for t in self._tracks if t.lost and _near(t.pose, pose)]
        track = max(near, key=lambda t: float(t.look @ look), default=None)
        if track and float(track.look @ look) > SAME_PERSON:
            track.pose, track.patch, track.face, track.lost = pose, patch, seen, False
            track.seen = track.tried = self._time
            track.shift, track.debt, track.confirmations = 0j, np.zeros(4, np.float32), 1
            return
        self._tracks.append(_Track(self._count, pose, patch, look, seen, self._time, self._time))
        self._count += 1


def _moved(pose: Pose, by: complex, scale: float, turn: float) -> Pose:
    return Pose(pose.x + by.real, pose.y + by.imag, pose.size * scale, pose.roll + turn)


def _patch(luma: UInt8[np.ndarray, "h w"], pose: Pose) -> _Patch:
    pixels = warp(luma, crop_to_frame(pose, PATCH, PATCH_MARGIN), PATCH, rough=True)
    return _Patch(pixels, complex(pose.x, pose.y), pose.size * PATCH_MARGIN / PATCH * cmath.exp(1j * pose.roll))


def _look(luma: UInt8[np.ndarray, "h w"], pose: Pose) -> Float32[np.ndarray, "n"]:
    """The inner face, without what is behind it, as a normalised vector, too coarse to change with expression."""
    grey = warp(luma, crop_to_frame(pose, _LOOK, _LOOK_MARGIN), _LOOK).astype(np.float32)
    grey[_OUTSIDE] = grey[~_OUTSIDE].mean()
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.0)
    return _unit((smooth - cv2.GaussianBlur(grey, (0, 0), 8.0))[~_OUTSIDE])


def _unit(vector: Float32[np.ndarray, "n"]) -> Float32[np.ndarray, "n"]:
    centred = vector - vector.mean()
    return (centred / max(float(np.linalg.norm(centred)), 1e-6)).astype(np.float32)


def _touches(a: Pose, b: Pose) -> bool:
    inside = max(abs(a.x - b.x), abs(a.y - b.y)) < max(a.size, b.size) / 2
    return inside or overlap(a.box, b.box) > 0.1


def _near(a: Pose, b: Pose) -> bool:
    return math.hypot(a.x - b.x, a.y - b.y) < 0.75 * a.size and abs(math.log(a.size / b.size)) < 0.4


def _mixed(a: Pose, b: Pose) -> bool:
    return overlap(a.box, b.box) > MIXED or held(a.box, b.box) > HELD


def _outside(pose: Pose, luma: UInt8[np.ndarray, "h w"]) -> bool:
    """The middle of the face has left the picture, or the pose is no face's any more."""
    height, width = luma.shape
    return not (0 < pose.x < width and 0 < pose.y < height and 4 < pose.size < 2 * max(height, width))
