"""Index of a clip dataset: its tracks, and where in them a clip of fixed length and rate can be cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Gt
from jaxtyping import Bool, Float32, Float64, Int64
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass

from pretrain.clips.dataset import ClipRecord, read_clips
from pretrain.errors import UserError


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ClipShape:
    """How a clip is cut from a track."""

    frames: Annotated[int, Gt(0)] = 8
    """Frames per clip."""
    fps: Annotated[float, Gt(0)] = 10.0
    """Frames per second of the clip, whatever the camera's rate was."""

    @property
    def seconds(self) -> float:
        """Length of a clip."""
        return self.frames / self.fps


@dataclass(frozen=True)
class Track:
    """All crops of one track, as positions in the dataset; pixels stay on disk."""

    number: int
    """Position of the track in the index."""
    source: str
    track: int
    record: Int64[np.ndarray, "n"]
    """Position of the record that holds each crop."""
    offset: Int64[np.ndarray, "n"]
    """Position of each crop within its record."""
    frame_index: Int64[np.ndarray, "n"]
    time: Float64[np.ndarray, "n"]
    measures: Float32[np.ndarray, "n m"]


def index_tracks(clips: Path) -> list[Track]:
    """Reads the whole dataset once, without decoding, and returns its tracks ordered by source and track number.

    Raises `UserError` when the folder is not a clip dataset, or has no crops, or when segments of a track are missing.
    """
    keyed = sorted(
        ((r.source, r.track, r.segment, i, _without_frames(r)) for i, r in enumerate(read_clips(clips))),
        key=lambda row: row[:3],
    )
    if not keyed:
        raise UserError(f"{clips} holds no crops: see the reasons in {clips / 'manifest.csv'}")
    tracks = []
    for number, (name, rows) in enumerate(groupby(keyed, key=lambda row: row[:2])):
        segments = list(rows)
        if [s[2] for s in segments] != list(range(len(segments))):
            raise UserError(f"{clips}: track {name[1]} of {name[0]} lacks a segment; run `wince prepare` again")
        tracks.append(_join(number, [s[3] for s in segments], [s[4] for s in segments]))
    return tracks


def _without_frames(record: ClipRecord) -> ClipRecord:
    return ClipRecord(**{**vars(record), "frames": []})


def _join(number: int, positions: Sequence[int], segments: Sequence[ClipRecord]) -> Track:
    lengths = [len(s.time) for s in segments]
    return Track(
        number=number,
        source=segments[0].source,
        track=segments[0].track,
        record=np.repeat(np.asarray(positions, np.int64), lengths),
        offset=np.concatenate([np.arange(n) for n in lengths]),
        frame_index=np.concatenate([s.frame_index for s in segments]),
        time=np.concatenate([s.time for s in segments]),
        measures=np.concatenate([s.measures for s in segments]),
    )


def clip_windows(
    time: Float64[np.ndarray, "n"], shape: ClipShape
) -> tuple[Int64[np.ndarray, "n frames"], Bool[np.ndarray, "n"]]:
    """For a clip that starts at each crop: the crops nearest in time to its frames, and whether it is whole.

    A clip is not whole when a crop is more than one clip frame (1 / fps) away from where it should be, that is when
    it would run over a gap or over the end of the track.
    """
    wanted = time[:, None] + np.arange(shape.frames) / shape.fps
    after = np.searchsorted(time, wanted).clip(1, max(len(time) - 1, 1))
    after = np.minimum(after, len(time) - 1)
    before = np.maximum(after - 1, 0)
    nearer_before = wanted - time[before] <= time[after] - wanted
    chosen = np.where(nearer_before, before, after)
    return chosen, np.all(np.abs(time[chosen] - wanted) <= 1 / shape.fps, axis=1)


def tile(time: Float64[np.ndarray, "n"], shape: ClipShape) -> Int64[np.ndarray, "clips frames"]:
    """Clips that cover a track end to end; the last one of every gapless run is moved back to cover the tail.

    Runs shorter than one clip have no clip.
    """
    chosen, whole = clip_windows(time, shape)
    runs = np.split(np.arange(len(time)), np.flatnonzero(np.diff(time) > 2 / shape.fps) + 1)
    starts: list[int] = []
    for run in runs:
        possible = run[whole[run] & (chosen[run, -1] <= run[-1])]
        if not len(possible):
            continue
        wanted = np.arange(float(time[run[0]]), float(time[possible[-1]]) + 1e-9, shape.seconds)
        here = possible[np.searchsorted(time[possible], wanted - 1e-6).clip(max=len(possible) - 1)]
        starts += [*here.tolist(), int(possible[-1])]
    return chosen[np.unique(np.asarray(starts, np.int64))]
