"""The face crops of a cohort's videos as one array, with a row of keys for each."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from jaxtyping import Float, Int, UInt8

from personalize.cohorts.cohort import Cohort
from personalize.cohorts.features import KEYS, rows_of_videos
from personalize.signals.mean_shape import to_mean_shape
from pretrain.clips.dataset import open_clips, to_record
from pretrain.clips.tracks import index_tracks
from pretrain.errors import UserError
from pretrain.footage.clock import SEQUENCE_FPS

SLACK = 1.5e-3
"""Seconds by which a pause may be too short for a rate: some films keep times in whole milliseconds."""
LONGEST = 1.5
"""Most that a crop lasts, in median spacings of its track: a face that is lost is not there."""

Show = Callable[[bytes, Float[np.ndarray, "68 2"]], np.ndarray]
"""Makes a picture of a crop (JPEG bytes) and its landmarks."""


class Pictures(NamedTuple):
    """Crops by participant and recording as the cohort lists them, then by track and time."""

    pool: UInt8[np.ndarray, "n h w *c"]
    """Grey without the axis of channels, or RGB."""
    keys: pd.DataFrame
    """`features.KEYS` of each crop."""


def read_pictures(
    cohort: Cohort,
    clips: Path,
    pixels: int,
    *,
    rate: float | int | None = None,
    color: bool = False,
    warp: bool = False,
) -> tuple[Pictures, dict[str, int]]:
    """The crops that `wince prepare` cut from the cohort's videos, square and of so many `pixels`; and counts.

    `rate` keeps at most so many crops a second of a track. `warp` brings every face to the mean shape first (see
    `mean_shape`), which leaves no color. A crop lasts until the next one of its track. Raises `UserError` for sizes
    and rates that cannot be, and when `clips` has nothing of the cohort's videos.
    """
    _check(pixels, rate, color, warp)
    tracks = index_tracks(clips)
    about = {"source": [t.source for t in tracks], "track": [t.track for t in tracks], "number": range(len(tracks))}
    rows, seen = rows_of_videos(cohort, pd.DataFrame(about), clips)
    keys, record, offset, all_crops = [], [], [], 0
    for row in rows.to_dict("records"):
        track = tracks[row["number"]]
        some = at_rate(track.time, rate)
        t0 = track.time[some]
        ends = {"t0": t0, "t1": t0 + durations(t0, 1 / (rate or SEQUENCE_FPS))}
        keys.append(pd.DataFrame({key: row[key] for key in KEYS[:3]} | ends))
        record.append(track.record[some])
        offset.append(track.offset[some])
        all_crops += len(track.time)
    pool = _read_pool(clips, np.concatenate(record), np.concatenate(offset), _shower(pixels, color, warp))
    counts = {
        "videos": seen["videos"],
        "videos_without_pictures": seen["videos_without_feature_rows"],
        "pictures": len(pool),
        "pictures_of_other_sources": sum(len(track.time) for track in tracks) - all_crops,
    }
    return Pictures(pool, pd.concat(keys, ignore_index=True)), counts


def _check(pixels: int, rate: float | int | None, color: bool, warp: bool) -> None:
    if pixels < 1:
        raise UserError(f"pictures: pixels={pixels}; the least is 1")
    if rate is not None and not rate > 0:
        raise UserError(f"pictures: rate={rate} a second; it must be above 0, or None for all")
    if color and warp:
        raise UserError("pictures: faces that are warped to the mean shape are grey: color=True needs warp=False")


def at_rate(time: Float[np.ndarray, "n"], rate: float | int | None) -> Int[np.ndarray, "k"]:
    """Positions of the crops to keep: each at least 1 / `rate` seconds after the one kept before; None for all."""
    if rate is None:
        return np.arange(len(time))
    kept, due = [], -np.inf
    for place, now in enumerate(time.tolist()):
        if now >= due:
            kept.append(place)
            due = now + 1 / rate - SLACK
    return np.array(kept, int)


def durations(t0: Float[np.ndarray, "n"], alone: float) -> Float[np.ndarray, "n"]:
    """Seconds that the crops of a track last: until the next one, but at most `LONGEST` times their median spacing.

    The last one lasts the median spacing, the only one of a track `alone`.
    """
    if len(t0) < 2:
        return np.full(len(t0), alone)
    gaps = np.diff(t0)
    usual = np.median(gaps)
    return np.append(np.minimum(gaps, LONGEST * usual), usual)


def _shower(pixels: int, color: bool, warp: bool) -> Show:
    def show(jpeg: bytes, landmarks: Float[np.ndarray, "68 2"]) -> np.ndarray:
        flag = cv2.IMREAD_COLOR_RGB if color or warp else cv2.IMREAD_GRAYSCALE
        crop = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), flag))
        return _resized(to_mean_shape(crop, landmarks) if warp else crop, pixels)

    return show


def _resized(picture: np.ndarray, pixels: int) -> np.ndarray:
    if len(picture) == pixels:
        return picture
    how = cv2.INTER_AREA if pixels < len(picture) else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (pixels, pixels), interpolation=how))


def _read_pool(
    clips: Path, record: Int[np.ndarray, "n"], offset: Int[np.ndarray, "n"], show: Show
) -> UInt8[np.ndarray, "n h w *c"]:
    """Crops by record and place in it; every record is opened once, and only the small pictures are kept."""
    source, pool = open_clips(clips), np.empty(0, np.uint8)
    order = np.argsort(record, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(record[order])) + 1):
        opened = to_record(source[int(record[places[0]])])
        for place, at in zip(places.tolist(), offset[places].tolist(), strict=True):
            picture = show(opened.frames[at], opened.landmarks[at])
            if not pool.size:
                pool = np.empty((len(record), *picture.shape), np.uint8)
            pool[place] = picture
    return pool
