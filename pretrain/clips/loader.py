"""Batches of clips as a pure function of the step, so that a run resumes from its step number alone."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import grain
import numpy as np
from absl import flags
from annotated_types import Ge, Gt
from jaxtyping import Bool, Float32, Int64, UInt8
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass

from pretrain.clips.dataset import open_clips
from pretrain.clips.tracks import ClipShape, Track, clip_windows, index_tracks
from pretrain.errors import UserError

STRETCH_SECONDS = 60.0
"""Longest part of a track from which the clips of one batch row are drawn: long tracks come up more often."""


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class BatchConfig:
    """What a global batch holds: some stretches of tracks, several clips from each."""

    tracks: Annotated[int, Gt(1)] = 16
    clips_per_track: Annotated[int, Gt(1)] = 6
    shift_seconds: Annotated[float, Ge(0)] = 0.1
    """Largest time shift between the two views of a clip."""
    accumulate: Annotated[int, Gt(0)] = 1
    """Parts in which the step works through the batch, a share of the tracks at a time, to save memory. The masked
    objective does not change, nor does the pairwise one where all measures are known (else every part counts alike,
    however much of it is known). The contrastive one then sees the negatives of a part only, which is another
    objective: for that one rather take more devices or `encoder.remat`."""
    threads: Annotated[int, Ge(0)] = 2
    """Threads that read and decode; the stack's default of 16 is slower on few cores."""
    workers: Annotated[int, Ge(0)] = 0
    """Processes that read and decode, each with its threads; they take seconds to start. The batches are the same."""


Batch = dict[str, np.ndarray]
"""frames uint8[tracks clips views frames size size channels] · measures float32[tracks clips measures] (standardised
within the stretch) · known bool[tracks clips measures] (where `measures` say something) · time float32[tracks clips] ·
track int64[tracks]."""


@dataclass(frozen=True)
class Stretch:
    """A part of a track, and the clips that can be cut from it."""

    track: Track
    starts: Int64[np.ndarray, "clips"]
    """Crop at which each possible clip starts."""
    windows: Int64[np.ndarray, "clips frames"]
    """Crops of each possible clip."""
    measures: Float32[np.ndarray, "clips measures"]
    """Mean of each measure over each clip, standardised within the stretch; 0 where it is not known."""
    known: Bool[np.ndarray, "clips measures"]
    """Where a measure was estimated in a frame of the clip, and varies over the stretch."""


def stretches(tracks: Sequence[Track], shape: ClipShape, clips_needed: int) -> list[Stretch]:
    """Cuts tracks into stretches of at most `STRETCH_SECONDS`; those with fewer than `clips_needed` clips drop out."""
    found = []
    for track in tracks:
        windows, whole = clip_windows(track.time, shape)
        part = ((track.time - track.time[0]) // STRETCH_SECONDS).astype(int)
        for p in np.unique(part):
            starts = np.flatnonzero(whole & (part == p))
            if len(starts) >= clips_needed:
                chosen = windows[starts]
                found.append(Stretch(track, starts, chosen, *_standardised(track.measures[chosen])))
    return found


def _standardised(
    measures: Float32[np.ndarray, "clips frames m"],
) -> tuple[Float32[np.ndarray, "clips m"], Bool[np.ndarray, "clips m"]]:
    """Clip means, standardised over the clips in which a measure is known, and where it is known and varies."""
    estimated = np.isfinite(measures)
    mean = np.where(estimated, measures, 0).sum(1) / np.maximum(estimated.sum(1), 1)
    known = estimated.any(1)
    clips = np.maximum(known.sum(0), 1)
    centred = np.where(known, mean - np.where(known, mean, 0).sum(0) / clips, 0)
    spread = np.sqrt((centred**2).sum(0) / clips)
    known &= spread > 1e-6
    return np.where(known, centred / np.maximum(spread, 1e-6), 0).astype(np.float32), known


class FrameReader:
    """Decoded crops of a dataset by (record, offset); picklable, so that worker processes can hold one."""

    def __init__(self, clips: Path, channels: int) -> None:
        self.source = open_clips(clips)
        self.flag = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR_RGB

    def __call__(self, track: Track, crops: Int64[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape h w c"]:
        """The crops of a track, in the shape of `crops` plus height, width and channels."""
        wanted, inverse = np.unique(crops, return_inverse=True)
        records = {int(r): self.source[int(r)]["frames"] for r in np.unique(track.record[wanted])}
        where = zip(track.record[wanted].tolist(), track.offset[wanted].tolist(), strict=True)
        images = np.stack([self._decode(records[r][o]) for r, o in where])
        return images[inverse.reshape(crops.shape)]

    def _decode(self, jpeg: bytes) -> UInt8[np.ndarray, "h w c"]:
        image = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), self.flag))
        return image[..., None] if image.ndim == 2 else image


class _DrawClips(grain.transforms.RandomMap):
    """Draws one batch row: clips spread over a stretch, each in `views` slightly shifted versions."""

    def __init__(
        self, parts: Sequence[Stretch], read: FrameReader, batch: BatchConfig, shape: ClipShape, views: int
    ) -> None:
        self.parts, self.read, self.batch, self.shape, self.views = parts, read, batch, shape, views

    def random_map(self, element: int, rng: np.random.Generator) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        part = self.parts[element]
        count, possible = self.batch.clips_per_track, len(part.starts)
        # one clip from each of `count` equal shares of the stretch, so that clips are apart in time
        which = ((np.arange(count) + rng.random(count)) / count * possible).astype(int)
        time = part.track.time[part.starts]
        shifts = rng.uniform(-1, 1, (count, self.views - 1)) * self.batch.shift_seconds
        shifted = np.abs(time - (time[which, None] + shifts)[..., None]).argmin(-1)
        windows = part.windows[np.concatenate([which[:, None], shifted], axis=1)]
        return {
            "frames": self.read(part.track, windows),
            "measures": part.measures[which],
            "known": part.known[which],
            "time": (time[which] - part.track.time[0]).astype(np.float32),
            "track": np.int64(part.track.number),
        }


class ClipLoader:
    """The batches of a clip dataset; `batches(step)` starts at any step and always gives the same ones.

    `process` and `processes` pick this process's share of every global batch: an unbroken block of its rows.
    """

    def __init__(
        self,
        clips: Path,
        batch: BatchConfig,
        shape: ClipShape,
        *,
        channels: int,
        views: int,
        seed: int,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        self.tracks = index_tracks(clips)
        self.parts = stretches(self.tracks, shape, batch.clips_per_track)
        if len(self.parts) < 2:
            raise UserError(
                f"{clips}: {len(self.parts)} of {len(self.tracks)} tracks are long enough for "
                f"batch.clips_per_track={batch.clips_per_track} clips of {shape.seconds:g} s; at least 2 are needed"
            )
        if batch.tracks % processes:
            raise UserError(f"batch.tracks={batch.tracks} cannot be shared among {processes} processes")
        self.read = FrameReader(clips, channels)
        self._batch, self._process, self._processes = batch, process, processes
        self._draw = _DrawClips(self.parts, self.read, batch, shape, views)
        self._seed = seed

    @property
    def examples_per_epoch(self) -> int:
        """Clips (not views) that one pass draws: from every stretch once, `clips_per_track` of it."""
        return len(self.parts) * self._batch.clips_per_track

    def batches(self, step: int = 0) -> Iterator[Batch]:
        """Endless batches from `step` on."""
        rows = grain.MapDataset.range(len(self.parts)).seed(self._seed).shuffle().repeat().random_map(self._draw)
        share = self._batch.tracks // self._processes
        mine = rows.batch(share, drop_remainder=True)[self._process :: self._processes]
        threads = min(self._batch.threads, os.cpu_count() or 1)
        options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=4 if threads else 0)
        stream = mine[step:].to_iter_dataset(options)
        if self._batch.workers:
            if not flags.FLAGS.is_parsed():
                flags.FLAGS.mark_as_parsed()  # Grain's workers read absl's flags, which no absl.app has parsed here
            stream = stream.mp_prefetch(grain.MultiprocessingOptions(num_workers=self._batch.workers))
        return iter(stream)
