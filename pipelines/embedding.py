"""`wince embed`: features of clips that cover every track from end to end."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64, Int64

from pipelines.pretrained import find_pretrained
from pipelines.progress import progress
from pretrain.clips.loader import FrameReader
from pretrain.clips.tracks import ClipShape, Track, index_tracks, tile
from pretrain.errors import UserError
from pretrain.training.mesh import make_mesh
from pretrain.training.start import read_weights
from pretrain.training.step import make_embed

BATCH = 64
MEASURES_ONLY = "measures"
Featurize = Callable[[Track, Int64[np.ndarray, "clips frames"]], Float[np.ndarray, "clips d"]]


def run_embedding(run: str, *, clips: Path, out: Path) -> int:
    """Writes one row per clip: source, track, start_frame, end_frame, t0, t1, f0…fD.

    `run` is a run folder, `RUN@STEP`, or the word `measures`: the label-free measures of `prepare` themselves (mean
    and standard deviation over the clip), which every encoder has to beat.
    """
    if out.exists():
        raise UserError(f"{out} exists; choose another --out")
    shape, featurize = measures_featurizer() if run == MEASURES_ONLY else encoder_featurizer(run, clips)
    tables, short, left = [], 0, 0
    tracks = index_tracks(clips)
    with progress("embed", len(tracks)) as meter:
        for done, track in enumerate(tracks, 1):
            windows = tile(track.time, shape)
            short += not len(windows)
            left += _uncovered(track.time, track.time[windows[:, 0]], shape)
            if len(windows):
                tables.append(_table(track, windows, shape, featurize(track, windows)))
            meter.update(done)
    if not tables:
        raise UserError(f"{clips}: none of {len(tracks)} tracks is as long as one clip ({shape.seconds:g} s)")
    table = pd.concat(tables, ignore_index=True)
    out.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = out.with_name(out.name + ".tmp")
    table.to_parquet(scratch)
    scratch.replace(out)
    crops = sum(len(track.time) for track in tracks)
    print(
        f"{len(table)} clips of {len(tracks) - short} tracks: {out}"
        + (f"; {short} tracks are shorter than a clip" if short else "")
        + (
            f"; {left} of {crops} crops are in no clip, as they lie in runs shorter than {shape.seconds:g} s"
            if left
            else ""
        )
    )
    return 0


def _uncovered(time: Float64[np.ndarray, "n"], starts: Float64[np.ndarray, "clips"], shape: ClipShape) -> int:
    """How many crops are in no clip."""
    if not len(starts):
        return len(time)
    before = np.searchsorted(starts, time + 1e-6) - 1
    return int(((before < 0) | (time >= starts[before] + shape.seconds)).sum())


def _table(
    track: Track, windows: Int64[np.ndarray, "clips frames"], shape: ClipShape, features: Float[np.ndarray, "clips d"]
) -> pd.DataFrame:
    first, last = windows[:, 0], windows[:, -1]
    where = pd.DataFrame(
        {
            "source": track.source,
            "track": track.track,
            "start_frame": track.frame_index[first],
            "end_frame": track.frame_index[last] + 1,
            "t0": track.time[first],
            "t1": track.time[first] + shape.seconds,
        }
    )
    return where.join(pd.DataFrame(features, columns=[f"f{i}" for i in range(features.shape[1])]))


def measures_featurizer(shape: ClipShape | None = None) -> tuple[ClipShape, Featurize]:
    """Mean and standard deviation of every measure over the clip; 0 where a measure is unknown throughout."""

    def featurize(track: Track, windows: Int64[np.ndarray, "clips frames"]) -> Float[np.ndarray, "clips d"]:
        values = np.ma.masked_invalid(track.measures[windows])
        return np.concatenate([values.mean(1).filled(0), values.std(1).filled(0)], axis=1).astype(np.float32)

    return shape or ClipShape(), featurize


def encoder_featurizer(run: str, clips: Path) -> tuple[ClipShape, Featurize]:
    """The encoder of a run at a step (the newest when none is named; see `find_pretrained`)."""
    source = find_pretrained(run, f"; or say `{MEASURES_ONLY}`")
    mesh, config = make_mesh(), source.config
    _, params = read_weights(source, mesh, print)
    embed = make_embed(config, mesh)
    read = FrameReader(clips, config.encoder.channels)

    def featurize(track: Track, windows: Int64[np.ndarray, "clips frames"]) -> Float[np.ndarray, "clips d"]:
        parts = []
        for start in range(0, len(windows), BATCH):
            part = windows[start : start + BATCH]
            # a full batch every time, so that there is one compile; the surplus rows are cut off
            frames = read(track, part[np.arange(BATCH) % len(part)])
            parts.append(np.asarray(embed(params, frames))[: len(part)])
        return np.concatenate(parts)

    return config.clip, featurize
