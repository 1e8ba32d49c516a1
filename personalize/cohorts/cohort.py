"""A cohort as three tables, whatever it looks like on disk: participants, recordings, ratings."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from personalize.cohorts.columns import read_tsv, texts
from pretrain.errors import UserError

STREAMS = ("video", "features", "aus", "landmarks", "physio", "events")
"""Kinds of files that belong to a recording."""
RECORDING_COLUMNS = ("participant", "recording", "session", *STREAMS)
RATING_COLUMNS = ("onset", "duration", "scale", "value", "rater")


@dataclass(frozen=True)
class Cohort:
    """Participants, recordings and ratings; every table may be empty but has its columns."""

    root: Path
    name: str
    participants: pd.DataFrame
    """`participant`, then whatever else `participants.tsv` says, as text."""
    recordings: pd.DataFrame
    """`RECORDING_COLUMNS`: names, then paths of the streams relative to the root, "" if none.

    Sorted by participant, then by recording with numbers in numeric order: that is their order in time.
    """
    ratings: pd.DataFrame
    """`participant, recording`, then `RATING_COLUMNS`; times in seconds, values as text."""
    read_table: Callable[[Path], pd.DataFrame] = read_tsv
    """Opens a table of features, action units or landmarks: `onset` in seconds, then a column per value."""
    counts: dict[str, int] = field(default_factory=dict)
    """What was found and is in none of the tables."""


Chooser = Callable[[Cohort], frozenset[str]]
"""Chooses people of a cohort that has no ratings yet."""


def chosen(whole: Cohort, only: Chooser | None) -> Cohort:
    """The cohort with those people alone, everybody if nobody chooses."""
    if only is None:
        return whole
    people = [*only(whole)]
    participants, recordings = (
        table.iloc[np.flatnonzero(np.isin(texts(table, "participant"), people))].reset_index(drop=True)
        for table in (whole.participants, whole.recordings)
    )
    return replace(whole, participants=participants, recordings=recordings)


def recording_table(rows: Iterable[dict[str, str]]) -> pd.DataFrame:
    """Recordings in their order, with all columns."""
    ordered = sorted(rows, key=lambda row: (_natural(row["participant"]), _natural(row["recording"])))
    cells = [[row.get(column, "") for column in RECORDING_COLUMNS] for row in ordered]
    return pd.DataFrame(cells, columns=list(RECORDING_COLUMNS), dtype=object)


def rating_table(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Ratings of some recordings as one table."""
    columns = ["participant", "recording", *RATING_COLUMNS]
    if not parts:
        return pd.DataFrame({column: [] for column in columns})
    return pd.DataFrame(pd.concat(parts, ignore_index=True), columns=columns)


def cohort_name(path: Path, otherwise: str) -> str:
    """What `dataset_description.json` calls the cohort, if there is one."""
    file = path / "dataset_description.json"
    if not file.is_file():
        return otherwise
    try:
        return str(json.loads(file.read_text())["Name"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: not a JSON object with a 'Name'") from error


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
