"""From sightings of a track to clip records: what is kept, what is dropped and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32

from pretrain.clips.dataset import MAX_CROPS, ClipRecord
from pretrain.footage.align import Pose, crop_jpeg, crop_luma, crop_to_frame, face_of
from pretrain.footage.follow import PATIENCE_SECONDS, Seen, Sighting
from pretrain.footage.manifest import FRAME_REASONS
from pretrain.footage.measures import measure
from pretrain.footage.quality import GREY, certainty, fault, judge
from pretrain.footage.video import Frame

MIN_CROPS, MIN_SECONDS = 10, 1.0
"""Tracks with fewer crops are dropped, unless they last so long all the same, as where few frames are asked for."""
MIN_CONFIRMATIONS = 2
"""Tracks that the finder saw less often are dropped: most of its errors last one frame."""


class Ledger:
    """For every frame that was asked for, whether a crop of it was kept and, if not, why."""

    _KEPT = len(FRAME_REASONS)
    _NOT_ASKED = _KEPT + 1

    def __init__(self) -> None:
        self._state = bytearray()

    def __len__(self) -> int:
        return len(self._state)

    def add(self, index: int, reason: str = "no_face") -> None:
        """Takes up the next frame, which has this number in its file."""
        self._state.extend([self._NOT_ASKED] * (index - len(self._state)))
        self._state.append(FRAME_REASONS.index(reason))

    def drop(self, index: int, reason: str) -> None:
        """A face in this frame was dropped. Of several reasons the one nearest to being kept stays."""
        self._state[index] = max(self._state[index], FRAME_REASONS.index(reason))

    def keep(self, index: int) -> None:
        """A crop of this frame was kept."""
        self._state[index] = self._KEPT

    def totals(self) -> tuple[int, int, dict[str, int]]:
        """Frames in all, frames with a kept crop, and the number of the others by reason."""
        counts = np.bincount(np.frombuffer(self._state, np.uint8), minlength=self._NOT_ASKED + 1)
        reasons = {r: int(c) for r, c in zip(FRAME_REASONS, counts[: self._KEPT], strict=True) if c}
        return int(counts[: self._NOT_ASKED].sum()), int(counts[self._KEPT]), reasons


class CropShape(NamedTuple):
    """How crops are cut."""

    size: int
    """Side in pixels."""
    margin: float
    """Side in widths of the face box."""


@dataclass
class Crop:
    """One aligned face."""

    frame: int
    time: float
    pose: Pose
    jpeg: bytes
    sharpness: float
    brightness: float
    seen: Float32[np.ndarray, "v"]
    """What the finder sees in it, or saw last: see `_seen`."""


class TrackCollector:
    """Gathers the crops of one track and hands them out as records.

    A crop waits until the finder confirms that there still is a face; what was only followed before a face was lost
    is dropped, so that no crop shows the place where a face once was. Between two looks of the finder landmarks move
    evenly from the one to the other.
    """

    def __init__(self, source: str, number: int, shape: CropShape, ledger: Ledger) -> None:
        self._source, self._number, self._shape, self._ledger = source, number, shape, ledger
        self._waiting: list[Crop] = []
        self._kept: list[Crop] = []
        self._confirmations = 0
        self._seen_at = -np.inf
        self._seen = np.zeros(0, np.float32)
        self._doubtful = False
        self._segment = 0
        self._last: list[Crop] = []
        self.crops = 0
        """Crops handed out so far."""

    def add(self, frame: Frame, sighting: Sighting) -> Iterator[ClipRecord]:
        """Takes the next sighting of the track; yields records as they become full."""
        if sighting.seen:
            self._confirm(frame.time, _seen(sighting.seen, sighting.pose, self._shape))
        self._doubtful |= sighting.missed
        luma = crop_luma(frame, sighting.pose, *self._shape)
        grey = face_of(luma, self._shape.margin, GREY)
        sharpness, brightness = judge(grey)
        crop = Crop(frame.index, frame.time, sighting.pose, b"", sharpness, brightness, self._seen)
        reason = fault(_quality(crop), float(cv2.meanStdDev(grey)[1][0, 0]))
        if reason:
            self._ledger.drop(frame.index, reason)
        else:
            crop.jpeg = crop_jpeg(frame, sighting.pose, luma, self._shape.margin)
            (self._kept if sighting.seen else self._waiting).append(crop)
        while self._established() and len(self._kept) >= MAX_CROPS:
            yield self._record(self._kept[:MAX_CROPS])
            del self._kept[:MAX_CROPS]

    def finish(self, cut: bool) -> Iterator[ClipRecord]:
        """Ends the track, because of a cut of the film or otherwise; yields what is left of it."""
        self._settle(keep=not self._doubtful)
        if self._established():
            while self._kept:
                yield self._record(self._kept[:MAX_CROPS])
                del self._kept[:MAX_CROPS]
        for crop in self._kept:
            self._ledger.drop(crop.frame, "cut" if cut else "too_short")

    def lose(self) -> None:
        """The face went out of sight, at least for now."""
        self._settle(keep=False)

    def _confirm(self, time: float, seen: Float32[np.ndarray, "v"]) -> None:
        for crop in self._waiting:
            share = (crop.time - self._seen_at) / (time - self._seen_at)
            crop.seen = (self._seen + share * (seen - self._seen)).astype(np.float32)
        self._settle(keep=time - self._seen_at <= PATIENCE_SECONDS)
        self._seen_at, self._seen = time, seen
        self._confirmations += 1
        self._doubtful = False

    def _settle(self, keep: bool) -> None:
        if keep:
            self._kept += self._waiting
        else:
            for crop in self._waiting:
                self._ledger.drop(crop.frame, "lost")
        self._waiting = []

    def _established(self) -> bool:
        if self._confirmations < MIN_CONFIRMATIONS or not self._kept:
            return False
        lasts = self._kept[-1].time - self._kept[0].time
        return self._segment > 0 or len(self._kept) >= MIN_CROPS or lasts >= MIN_SECONDS

    def _record(self, crops: list[Crop]) -> ClipRecord:
        for crop in crops:
            self._ledger.keep(crop.frame)
        self.crops += len(crops)
        self._segment += 1
        joined = [*self._last, *crops]  # a motion across the border of two records is known as well
        points = np.stack([c.seen[_TURN:] for c in joined]).reshape(len(joined), -1, 2)
        unit = np.float32(self._shape.margin / self._shape.size)
        measures = measure(points[:, :68] * unit, np.array([c.time for c in joined], np.float64))
        new = slice(len(self._last), None)
        self._last = crops[-1:]
        return ClipRecord(
            source=self._source,
            track=self._number,
            segment=self._segment - 1,
            frames=[c.jpeg for c in crops],
            frame_index=np.array([c.frame for c in crops], np.int64),
            time=np.array([c.time for c in crops], np.float64),
            box=np.array([c.pose.box for c in crops], np.float32),
            landmarks=points[new, :68],
            points=points[new, 68:],
            measures=measures[new],
            quality=np.stack([_quality(c) for c in crops]),
        )


_TURN = 4
"""Values of `_seen` before the landmarks."""


def _seen(seen: Seen, pose: Pose, shape: CropShape) -> Float32[np.ndarray, "v"]:
    """Yaw and pitch in degrees, certainty, then 68 landmarks and five points in pixels of the crop, all in a row."""
    to_crop = cv2.invertAffineTransform(crop_to_frame(pose, shape.size, shape.margin))
    points = np.concatenate([seen.face.landmarks, seen.face.points])
    turn = np.degrees([seen.head.yaw, seen.head.pitch])
    placed = points @ to_crop[:, :2].T + to_crop[:, 2]
    return np.concatenate([turn, certainty(seen.face), placed.ravel()]).astype(np.float32)


def _quality(crop: Crop) -> Float32[np.ndarray, "q"]:
    """Values of `QUALITY`."""
    yaw, pitch, confidence, occlusion = crop.seen[:_TURN]
    roll = np.degrees(crop.pose.roll)
    return np.array(
        [crop.sharpness, crop.brightness, crop.pose.size, yaw, pitch, roll, confidence, occlusion], np.float32
    )
