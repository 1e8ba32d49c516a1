"""`wince pretrain --probe COHORT CLIPS`: what a linear reading of the encoder is worth, on development people only."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from personalize.cohorts.columns import floats, missing, texts
from personalize.cohorts.development import development_people
from personalize.cohorts.features import KEYS, rows_of_videos
from personalize.cohorts.joining import Rows, join
from personalize.cohorts.layout import Cohort, read_cohort
from personalize.evaluation.people import by_people, person_values
from personalize.heads.ridge import RidgeHead
from pipelines.embedding import clip_table, in_batches
from pretrain.clips.loader import FrameReader
from pretrain.clips.tracks import index_tracks, tile
from pretrain.config import PretrainConfig
from pretrain.errors import UserError
from pretrain.evaluators import Embed, Evaluator

CLIPS_PER_TRACK = 32
"""Spread over the track: looking must not take longer than learning."""
METRICS = ("pcc", "mae")
FEWEST = 3
"""Leaving one person out, the strength of the head is chosen on two others."""


def label_probe(cohort: Path, clips: Path, config: PretrainConfig) -> Evaluator:
    """Ridge from features to every numeric rating scale of a cohort, leaving out one development person at a time.

    Values are `probe_SCALE_pcc` and `probe_SCALE_mae`, means over people; NaN where nobody has one. No other people's
    footage or ratings are looked at. Raises `UserError` when there are no such ratings, or too few people.
    """
    data = read_cohort(cohort, development_people)
    tracks = index_tracks(clips)
    windows = [_spread(tile(track.time, config.clip)) for track in tracks]
    parts = [clip_table(t, w, config.clip).assign(part=i) for i, (t, w) in enumerate(zip(tracks, windows, strict=True))]
    table = pd.concat(parts, ignore_index=True)
    rows, _ = rows_of_videos(data, table.assign(row=np.arange(len(table))), clips)
    targets = {scale: _labels(data, rows, scale) for scale in _numeric_scales(data)}
    few = min(len(np.unique(labels.participant[labels.valid])) for labels in targets.values())
    if few < FEWEST:
        raise UserError(f"{cohort}: {few} development people have rated clips; the probe needs {FEWEST}")
    wanted = sorted(set(rows["part"]))
    read = FrameReader(clips, config.encoder.channels)

    def evaluate(step: int, embed: Embed) -> dict[str, float]:
        featurize = in_batches(read, embed)
        x = np.full((len(table), config.encoder.width), np.nan)
        for number in wanted:
            x[np.asarray(table["part"]) == number] = featurize(tracks[number], windows[number])
        return {
            f"probe_{scale}_{name}": value
            for scale, labels in targets.items()
            for name, value in _read_off(x[labels.x[:, 0].astype(int)], labels).items()
        }

    return evaluate


def _spread(windows: np.ndarray) -> np.ndarray:
    if len(windows) <= CLIPS_PER_TRACK:
        return windows
    return windows[np.linspace(0, len(windows) - 1, CLIPS_PER_TRACK).astype(int)]


def _numeric_scales(data: Cohort) -> Sequence[str]:
    rated = data.ratings.iloc[np.flatnonzero(~missing(data.ratings, "value"))]
    words = np.isnan(np.asarray(pd.to_numeric(rated["value"], errors="coerce"), dtype=float))
    scale = texts(rated, "scale")
    if scales := sorted(set(scale) - set(scale[words])):
        return scales
    raise UserError(f"{data.root}: development people have no ratings that are numbers")


def _labels(data: Cohort, rows: pd.DataFrame, scale: str) -> Rows:
    """The clips with their labels; the only feature is the clip's row among all."""
    return join(data, rows.filter([*KEYS]).assign(clip=floats(rows, "row")), scale)[0]


def _read_off(x: Float[np.ndarray, "n d"], labels: Rows) -> dict[str, float]:
    keep = labels.valid & np.isfinite(x).all(axis=1)
    people, truth = labels.participant[keep], labels.y[keep]
    head = RidgeHead().fit(x[keep], truth, people, held_out=[], sample_weight=labels.weight[keep])
    units = by_people(truth, head.left_out_.value, people)
    values = {name: person_values(name, units, None)[0] for name in METRICS}
    return {name: float(np.nanmean(v)) if np.isfinite(v).any() else float("nan") for name, v in values.items()}
