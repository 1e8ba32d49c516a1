"""`wince embed`: features of clips that cover every track from end to end."""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pandas as pd
from jaxtyping import Float, Int64

from pipelines.configuration import read_config
from pipelines.progress import progress
from pretrain.clips.loader import FrameReader
from pretrain.clips.tracks import ClipShape, Track, index_tracks, tile
from pretrain.config import PretrainConfig
from pretrain.errors import UserError
from pretrain.training.checkpoints import Checkpoints
from pretrain.training.step import init_state, make_embed

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
    tables, short = [], 0
    tracks = index_tracks(clips)
    with progress("embed", len(tracks)) as meter:
        for done, track in enumerate(tracks, 1):
            windows = tile(track.time, shape)
            short += not len(windows)
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
    print(
        f"{len(table)} clips of {len(tracks) - short} tracks: {out}" + (f"; {short} tracks too short" if short else "")
    )
    return 0


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
    """The encoder of a run at a step (the newest when none is named)."""
    folder, _, step = (run, "", "") if Path(run).is_dir() or "@" not in run else run.rpartition("@")
    config = read_config(Path(folder) / "config.json", PretrainConfig) if Path(folder).is_dir() else None
    if config is None:
        raise UserError(f"no run folder {folder} (a run is written by `wince pretrain`; or say `{MEASURES_ONLY}`)")
    if step and not step.isdecimal():
        raise UserError(f"{run}: the part after @ must be a step number")
    abstract = jax.eval_shape(lambda: init_state(config))
    with Checkpoints(Path(folder) / "checkpoints", config.keep) as checkpoints:
        if step:
            state = checkpoints.load(int(step), abstract)
        else:
            found = checkpoints.load_newest(abstract, print)
            if found is None:
                raise UserError(f"{folder} has no checkpoint yet")
            state = found[1]
    params, embed = state["params"], make_embed(config)
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
