"""`wince embed`: features of clips that cover every track from end to end."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float, Float64, Int64

from pipelines.pretrained import find_pretrained
from pipelines.progress import progress
from pretrain.clips.loader import FrameReader
from pretrain.clips.tracks import ClipShape, Track, index_tracks, tile
from pretrain.config import PretrainConfig
from pretrain.errors import UserError
from pretrain.evaluators import Embed
from pretrain.training.checkpoints import fingerprint
from pretrain.training.mesh import make_mesh
from pretrain.training.start import ENCODER, Source, read_weights
from pretrain.training.step import make_embed

BATCH = 64
MEASURES_ONLY = "measures"
ENCODER_KEY = b"wince_encoder"
"""In the metadata of a file of features: JSON with the `step` and `fingerprint` of the encoder."""
Featurize = Callable[[Track, Int64[np.ndarray, "clips frames"]], Float[np.ndarray, "clips d"]]


def run_embedding(run: str, *, clips: Path, out: Path, like: str | None = None) -> int:
    """Writes one row per clip: source, track, start_frame, end_frame, t0, t1, f0…fD.

    `run` is a run folder, a step of one (see `find_pretrained`), or the word `measures`: the label-free measures of
    `prepare` themselves (mean and standard deviation over the clip), which every encoder has to beat; cut as the run
    `like` cuts its clips, if one is named, so that the two can be compared unit by unit.
    """
    if out.exists():
        raise UserError(f"{out} exists; choose another --out")
    if like and run != MEASURES_ONLY:
        raise UserError(f"--like is for `{MEASURES_ONLY}`: {run} has clips of its own")
    if run == MEASURES_ONLY:
        (shape, featurize), identity = measures_featurizer(find_pretrained(like).config.clip if like else None), None
    else:
        source = find_pretrained(run, f"; or say `{MEASURES_ONLY}`")
        encoder = Encoder(source.config)
        params, identity = encoder.read(source)
        shape, featurize = source.config.clip, encoder.featurizer(params, clips)
    table, said = embed_tracks(index_tracks(clips), shape, featurize, clips)
    write_features(table, {} if identity is None else {ENCODER_KEY: identity}, out)
    print(f"{said}: {out}")
    return 0


def embed_tracks(
    tracks: Sequence[Track], shape: ClipShape, featurize: Featurize, clips: Path
) -> tuple[pd.DataFrame, str]:
    """A row per clip of these tracks of `clips`, and in words how many there are and what is in none of them.

    Raises `UserError` when no track is as long as one clip.
    """
    tables, short, left = [], 0, 0
    with progress("embed", len(tracks)) as meter:
        for done, track in enumerate(tracks, 1):
            windows = tile(track.time, shape)
            short += not len(windows)
            left += _uncovered(track.time, track.time[windows[:, 0]], shape)
            if len(windows):
                features = featurize(track, windows)
                names = [f"f{i}" for i in range(features.shape[1])]
                tables.append(clip_table(track, windows, shape).join(pd.DataFrame(features, columns=names)))
            meter.update(done)
    if not tables:
        raise UserError(f"{clips}: none of {len(tracks)} tracks is as long as one clip ({shape.seconds:g} s)")
    table = pd.concat(tables, ignore_index=True)
    crops = sum(len(track.time) for track in tracks)
    return table, (
        f"{len(table)} clips of {len(tracks) - short} tracks"
        + (f"; {short} tracks are shorter than a clip" if short else "")
        + (
            f"; {left} of {crops} crops are in no clip, as they lie in runs shorter than {shape.seconds:g} s"
            if left
            else ""
        )
    )


def write_features(table: pd.DataFrame, notes: dict[bytes, Any], file: Path) -> None:
    """Writes features whole or not at all, with notes in the metadata, such as which encoder made them."""
    content = pa.Table.from_pandas(table)
    texts = {key: json.dumps(note) for key, note in notes.items()}
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = file.with_name(file.name + ".tmp")
    pq.write_table(content.replace_schema_metadata({**content.schema.metadata, **texts}), scratch)
    scratch.replace(file)


def _uncovered(time: Float64[np.ndarray, "n"], starts: Float64[np.ndarray, "clips"], shape: ClipShape) -> int:
    """How many crops are in no clip."""
    if not len(starts):
        return len(time)
    before = np.searchsorted(starts, time + 1e-6) - 1
    return int(((before < 0) | (time >= starts[before] + shape.seconds)).sum())


def clip_table(track: Track, windows: Int64[np.ndarray, "clips frames"], shape: ClipShape) -> pd.DataFrame:
    """Where clips of a track were cut: source, track, start_frame, end_frame, t0, t1."""
    first, last = windows[:, 0], windows[:, -1]
    return pd.DataFrame(
        {
            "source": track.source,
            "track": track.track,
            "start_frame": track.frame_index[first],
            "end_frame": track.frame_index[last] + 1,
            "t0": track.time[first],
            "t1": track.time[first] + shape.seconds,
        }
    )


def measures_featurizer(shape: ClipShape | None = None) -> tuple[ClipShape, Featurize]:
    """Mean and standard deviation of every measure over the clip; 0 where a measure is unknown throughout."""

    def featurize(track: Track, windows: Int64[np.ndarray, "clips frames"]) -> Float[np.ndarray, "clips d"]:
        values = np.ma.masked_invalid(track.measures[windows])
        return np.concatenate([values.mean(1).filled(0), values.std(1).filled(0)], axis=1).astype(np.float32)

    return shape or ClipShape(), featurize


class Encoder:
    """The encoder of a run, compiled once for all its steps."""

    def __init__(self, config: PretrainConfig) -> None:
        self._mesh, self._channels = make_mesh(), config.encoder.channels
        self._embed = make_embed(config, self._mesh)

    def read(self, source: Source) -> tuple[Any, dict[str, int]]:
        """The weights of a step of the run, and which ones they are: `step` and `fingerprint`."""
        step, params = read_weights(source, self._mesh, print)
        return params, {"step": step, "fingerprint": int(fingerprint(params[ENCODER]))}

    def featurizer(self, params: Any, clips: Path) -> Featurize:
        """What embeds clips of a dataset with these weights."""
        return in_batches(FrameReader(clips, self._channels), lambda frames: np.asarray(self._embed(params, frames)))


def in_batches(read: FrameReader, embed: Embed) -> Featurize:
    """Features of any number of clips of a track by an encoder that is always given a full batch."""

    def featurize(track: Track, windows: Int64[np.ndarray, "clips frames"]) -> Float[np.ndarray, "clips d"]:
        parts = []
        for start in range(0, len(windows), BATCH):
            part = windows[start : start + BATCH]
            # a full batch every time, so that there is one compile; the surplus rows are cut off
            frames = read(track, part[np.arange(BATCH) % len(part)])
            parts.append(embed(frames)[: len(part)])
        return np.concatenate(parts)

    return featurize
