"""From sightings of a track to clip records: what is kept, what is dropped and why."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from pretrain.clips.dataset import MAX_CROPS, ClipRecord
from pretrain.footage.align import Pose, crop_grey, crop_jpeg
from pretrain.footage.follow import PATIENCE_SECONDS, Sighting
from pretrain.footage.manifest import FRAME_REASONS
from pretrain.footage.measures import Measurer
from pretrain.footage.quality import GREY, fault, judge
from pretrain.footage.video import Frame

MIN_CROPS = 10
"""Tracks with fewer crops are dropped."""
MIN_CONFIRMATIONS = 2
"""Tracks that the finder saw less often are dropped: most of its errors last one frame."""


class Ledger:
    """For every decoded frame, whether a crop of it was kept and, if not, why."""

    _KEPT = len(FRAME_REASONS)

    def __init__(self) -> None:
        self._state = bytearray()

    def __len__(self) -> int:
        return len(self._state)

    def add(self, reason: str = "no_face") -> None:
        """Takes up the next decoded frame."""
        self._state.append(FRAME_REASONS.index(reason))

    def drop(self, index: int, reason: str) -> None:
        """A face in this frame was dropped. Of several reasons the one nearest to being kept stays."""
        self._state[index] = max(self._state[index], FRAME_REASONS.index(reason))

    def keep(self, index: int) -> None:
        """A crop of this frame was kept."""
        self._state[index] = self._KEPT

    def totals(self) -> tuple[int, int, dict[str, int]]:
        """Frames in all, frames with a kept crop, and the number of the others by reason."""
        counts = np.bincount(np.frombuffer(self._state, np.uint8), minlength=self._KEPT + 1)
        reasons = {r: int(c) for r, c in zip(FRAME_REASONS, counts[: self._KEPT], strict=True) if c}
        return len(self._state), int(counts[self._KEPT]), reasons


@dataclass(frozen=True)
class Crop:
    """One aligned face."""

    frame: int
    time: float
    pose: Pose
    jpeg: bytes
    grey: UInt8[np.ndarray, "s s"]
    """Copy for the measures."""
    quality: Float32[np.ndarray, "q"]


class TrackCollector:
    """Gathers the crops of one track and hands them out as records.

    A crop waits until the finder confirms that there still is a face; what was only followed before a face was lost
    is dropped, so that no crop shows the place where a face once was.
    """

    def __init__(self, source: str, number: int, size: int, ledger: Ledger) -> None:
        self._source, self._number, self._size, self._ledger = source, number, size, ledger
        self._waiting: list[Crop] = []
        self._kept: list[Crop] = []
        self._confirmations = 0
        self._seen = 0.0
        self._doubtful = False
        self._segment = 0
        self._measurer = Measurer()
        self.crops = 0
        """Crops handed out so far."""

    def add(self, frame: Frame, sighting: Sighting) -> Iterator[ClipRecord]:
        """Takes the next sighting of the track; yields records as they become full."""
        if sighting.finder == "saw":
            self._confirm(frame.time)
        elif sighting.finder == "missed":
            self._doubtful = True
        grey = crop_grey(frame, sighting.pose, GREY)
        quality = judge(grey, sighting.pose.size)
        reason = fault(quality, float(grey.std()))
        if reason:
            self._ledger.drop(frame.index, reason)
        else:
            jpeg = crop_jpeg(frame, sighting.pose, self._size)
            crop = Crop(frame.index, frame.time, sighting.pose, jpeg, grey, quality)
            (self._kept if sighting.finder == "saw" else self._waiting).append(crop)
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

    def _confirm(self, time: float) -> None:
        self._settle(keep=time - self._seen <= PATIENCE_SECONDS)
        self._seen = time
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
        enough = self._segment > 0 or len(self._kept) >= MIN_CROPS
        return enough and self._confirmations >= MIN_CONFIRMATIONS

    def _record(self, crops: list[Crop]) -> ClipRecord:
        for crop in crops:
            self._ledger.keep(crop.frame)
        self.crops += len(crops)
        self._segment += 1
        return ClipRecord(
            source=self._source,
            track=self._number,
            segment=self._segment - 1,
            frames=[c.jpeg for c in crops],
            frame_index=np.array([c.frame for c in crops], np.int64),
            time=np.array([c.time for c in crops], np.float64),
            box=np.array([c.pose.box for c in crops], np.float32),
            measures=self._measurer(np.stack([c.grey for c in crops]), np.array([c.time for c in crops])),
            quality=np.stack([c.quality for c in crops]),
        )
