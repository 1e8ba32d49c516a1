"""Feature rows joined to ratings by overlap in time."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Shaped

from personalize.cohorts.columns import floats, missing, texts
from personalize.cohorts.features import KEYS
from personalize.cohorts.kinds import NUMBER, TargetKind
from personalize.cohorts.labels import overlap_majority, overlap_mean, overlap_shares
from personalize.cohorts.layout import Cohort
from pretrain.errors import UserError


@dataclass(frozen=True)
class Rows:
    """Feature rows in order of participant, recording and time, each with its label if it has one."""

    x: Float[np.ndarray, "n d"]
    participant: Shaped[np.ndarray, "n"]
    recording: Shaped[np.ndarray, "n"]
    sequence: Int[np.ndarray, "n"]
    """Position of the recording among those of its participant."""
    track: Int[np.ndarray, "n"]
    t0: Float[np.ndarray, "n"]
    t1: Float[np.ndarray, "n"]
    y: Float[np.ndarray, "n"]
    weight: Float[np.ndarray, "n"]
    valid: Bool[np.ndarray, "n"]
    """Has a label and finite features."""


def join(cohort: Cohort, features: pd.DataFrame, target: str, kind: TargetKind = NUMBER) -> tuple[Rows, dict[str, int]]:
    """Labels every feature row with the overlap-weighted mean rating on the scale `target`, and counts the rest.

    A row has the class (or the level of an ordinal target) that it overlaps most; `y` is then its code.
    Raises `UserError` for ratings that are not of the kind, for a feature without any value, or when no row meets a
    rating.
    """
    _check_features(cohort, features)
    on_target = (texts(cohort.ratings, "scale") == target) & ~missing(cohort.ratings, "value")
    ratings = cohort.ratings.iloc[np.flatnonzero(on_target)]
    ratings = ratings.assign(value=kind.values(texts(ratings, "value"), f"{cohort.root}: rating", target))
    label = overlap_mean if kind.name == "number" else overlap_majority
    table = features.assign(sequence=_sequence(cohort, features), row=np.arange(len(features)))
    table = table.sort_values(["participant", "sequence", "t0", "track", "row"], ignore_index=True)
    by_recording = {name: ratings.iloc[index] for name, index in ratings.groupby("recording").indices.items()}
    y, weight = np.full(len(table), np.nan), np.zeros(len(table))
    for recording, rows in table.groupby("recording").indices.items():
        if (rated := by_recording.get(recording)) is not None:
            t0, t1 = floats(table, "t0")[rows], floats(table, "t1")[rows]
            share = overlap_shares(t0, t1, floats(rated, "onset"), floats(rated, "duration"))
            labels = label(share, floats(rated, "value"))
            y[rows], weight[rows] = labels.target, labels.weight
    rows = _rows(table, y, weight)
    if not rows.valid.any():
        raise UserError(f"{cohort.root}: none of {len(table)} feature rows overlaps a rating on {target!r}")
    return rows, _counts(cohort, rows, set(map(str, by_recording)))


def _check_features(cohort: Cohort, features: pd.DataFrame) -> None:
    for column in features.columns.difference([*KEYS], sort=False):
        if len(features) and not np.isfinite(floats(features, column)).any():
            raise UserError(f"{cohort.root}: the feature {column!r} has no value in any row: leave it out")


def _sequence(cohort: Cohort, features: pd.DataFrame) -> Int[np.ndarray, "n"]:
    """Position of every row's recording among those of its participant, which the cohort lists in order."""
    position = cohort.recordings.groupby("participant").cumcount()
    of = dict(zip(texts(cohort.recordings, "recording"), position, strict=True))
    return np.array([of[name] for name in texts(features, "recording")], dtype=int)


def _rows(table: pd.DataFrame, y: np.ndarray, weight: np.ndarray) -> Rows:
    x = table.drop(columns=[*KEYS, "sequence", "row"]).to_numpy(float)
    return Rows(
        x=x,
        participant=texts(table, "participant"),
        recording=texts(table, "recording"),
        sequence=np.asarray(table["sequence"], dtype=int),
        track=np.asarray(table["track"], dtype=int),
        t0=floats(table, "t0"),
        t1=floats(table, "t1"),
        y=y,
        weight=weight,
        valid=(weight > 0) & np.isfinite(x).all(axis=1),
    )


def _counts(cohort: Cohort, rows: Rows, rated: set[str]) -> dict[str, int]:
    return {
        **cohort.counts,
        "participants": len(cohort.participants),
        "participants_with_labelled_rows": len(np.unique(rows.participant[rows.valid])),
        "recordings": len(cohort.recordings),
        "rated_recordings_without_feature_rows": len(rated - set(rows.recording.tolist())),
        "feature_rows": len(rows.y),
        "feature_rows_without_rating": int((rows.weight == 0).sum()),
        "feature_rows_not_finite": int((~np.isfinite(rows.x).all(axis=1)).sum()),
        "units": int(rows.valid.sum()),
    }
