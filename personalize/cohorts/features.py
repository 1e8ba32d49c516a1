"""Feature rows of a cohort: from an encoder's `features.parquet`, or from the cohort's own tables."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from personalize.cohorts.columns import floats, numbers, require_columns, seconds, texts
from personalize.cohorts.layout import Cohort
from pretrain.errors import UserError

KEYS = ("participant", "recording", "track", "t0", "t1")
"""Columns in front of the features; times in seconds, half open."""


def embedded_features(cohort: Cohort, file: Path) -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows of a `features.parquet` that belong to videos of the cohort, and counts of what did not.

    Its columns are `source, track, start_frame, end_frame, t0, t1, f0 ...`; `source` is the video's path
    relative to the cohort. Raises `UserError` when it is unreadable or has nothing to do with the cohort.
    """
    try:
        table = pd.read_parquet(file)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{file}: not a Parquet file of features ({str(error).splitlines()[0]})") from error
    require_columns(table, ("source", "track", "t0", "t1", "f0"), file)
    backwards = ~(floats(table, "t1") > floats(table, "t0"))
    if backwards.any():
        raise UserError(f"{file}, row {int(backwards.argmax()) + 1}: t1 is not after t0")
    width = sum(column[:1] == "f" and column[1:].isdigit() for column in table.columns)
    rows, counts = rows_of_videos(cohort, table, file)
    return rows.filter([*KEYS, *(f"f{i}" for i in range(width))]), counts


def rows_of_videos(cohort: Cohort, table: pd.DataFrame, where: Path) -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows whose `source` is a video of the cohort, with its participant and recording, and counts of the others.

    Raises `UserError` when there are none; `where` is what the table came from.
    """
    videos = cohort.recordings.query("video != ''").filter(["participant", "recording", "video"])
    rows = videos.merge(table, left_on="video", right_on="source")
    if rows.empty:
        example = texts(table, "source")[0] if len(table) else "it has no rows"
        raise UserError(f"{where} has nothing of the videos in {cohort.root} (its first source: {example})")
    faces = set(zip(texts(rows, "recording"), rows["track"], strict=True))
    several = [name for name, count in Counter(name for name, _ in faces).items() if count > 1]
    counts = {
        "videos": len(videos),
        "videos_without_feature_rows": len(videos) - len(np.unique(texts(rows, "recording"))),
        "feature_rows_of_other_sources": len(table) - len(rows),
        "recordings_with_several_tracks": len(several),
    }
    return rows, counts


def tabulated_features(cohort: Cohort, stream: str = "features") -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows of the cohort's own `*_features.tsv` (or of another stream of tables); raises `UserError` when it has none
    or their columns differ.

    A row lasts until the next onset (the last one as long as the median row), or for 1 in a table without time.
    """
    listed = [row for row in cohort.recordings.to_dict("records") if row[stream]]
    if not listed:
        instead = ": name a file of features with --features" if stream == "features" else ""
        raise UserError(f"{cohort.root} has no *_{stream}.tsv{instead}")
    tables = [_read_table(cohort, row, stream) for row in listed]
    columns = list(tables[0].columns)
    files = [row[stream] for row in listed]
    for table, file in zip(tables, files, strict=True):
        if list(table.columns) != columns:
            odd = sorted(set(table.columns) ^ set(columns)) or ["their order"]
            raise UserError(f"{cohort.root / file}: other {stream} than in {files[0]} ({odd[0]})")
    return pd.concat(tables, ignore_index=True), {}


def _read_table(cohort: Cohort, recording: dict[str, str], stream: str) -> pd.DataFrame:
    file = cohort.root / recording[stream]
    table = cohort.read_table(file)
    require_columns(table, ("onset",), file)
    onset = seconds(table, "onset", file)
    values = pd.DataFrame({column: numbers(table, column, file) for column in table.columns})
    values = values.drop(columns="onset")
    if not (np.isfinite(onset).all() and (np.diff(onset) > 0).all()):
        raise UserError(f"{file}: onsets must be there and must increase from row to row")
    keys = {
        "participant": recording["participant"],
        "recording": recording["recording"],
        "track": 0,
        "t0": onset,
        "t1": onset + _durations(onset, _time_of(file)),
    }
    return pd.concat([pd.DataFrame(keys, index=values.index), values], axis=1)


def has_order(cohort: Cohort) -> bool:
    """Whether the rows of the cohort's own tables have an order: no JSON beside one says `"Time": "none"`."""
    files = [cohort.root / name for name in texts(cohort.recordings, "features") if name]
    return all(_time_of(file) != "none" for file in files)


def has_time(cohort: Cohort) -> bool:
    """Whether the onsets of the cohort's own tables are seconds."""
    files = [cohort.root / name for name in texts(cohort.recordings, "features") if name]
    return all(_time_of(file) == "seconds" for file in files)


def _durations(onset: np.ndarray, time: str) -> np.ndarray:
    if time in ("order", "none") or len(onset) < 2:
        return np.ones(len(onset))
    gaps = np.diff(onset)
    return np.append(gaps, np.median(gaps))


def _time_of(file: Path) -> str:
    """What `onset` means: "seconds", or "order" or "none" as the JSON beside the table says."""
    sidecar = file.with_suffix(".json")
    if not sidecar.is_file():
        return "seconds"
    try:
        return json.loads(sidecar.read_text()).get("Time", "seconds")
    except (ValueError, AttributeError) as error:
        raise UserError(f"{sidecar}: not a JSON object") from error
