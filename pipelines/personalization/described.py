"""What a run knows of the people whom it tests and of who rated them: the tables that a report begins with."""

import json
from typing import Any

import numpy as np
import pandas as pd

from personalize.cohorts.columns import missing, texts
from personalize.cohorts.development import COLUMN
from personalize.cohorts.layout import Cohort

MOST_LEVELS = 8
"""A column with more different words is not counted word by word."""
NOT_RECORDED = "not recorded"


def described(cohort: Cohort, target: str, apart: frozenset[str], ordered: str) -> dict[str, Any]:
    """The cohort's own description, its people by column of `participants.tsv`, and the ratings on the target.

    `apart` are people who are not tested, `ordered` how ratings and features belong together: "seconds", "order" or
    "none". Keys: name, description, participants, columns, ratings, joined. Names nobody.
    """
    people = texts(cohort.participants, "participant")
    tested = cohort.participants.iloc[np.flatnonzero(~np.isin(people, [*apart]))]
    columns = [str(c) for c in tested.columns if c not in ("participant", COLUMN)]
    return {
        "name": cohort.name,
        "description": _description(cohort),
        "participants": len(tested),
        "columns": {column: _column(tested, column) for column in columns},
        "ratings": _ratings(cohort, target, apart),
        "joined": ordered,
    }


def _description(cohort: Cohort) -> dict[str, Any]:
    """Licence, caveats and whatever else is said in `dataset_description.json`."""
    file = cohort.root / "dataset_description.json"
    return json.loads(file.read_text()) if file.is_file() else {}


def _column(table: pd.DataFrame, column: str) -> dict[str, Any]:
    """How often each level occurs, or for numbers of many values their median and range; and how many lack it."""
    there = ~missing(table, column)
    words, levels = texts(table, column)[there], np.unique(texts(table, column)[there])
    lost = {"missing": int((~there).sum())}
    if len(levels) <= MOST_LEVELS:
        ordered = sorted(levels.tolist(), key=lambda level: (not level.isdecimal(), level.zfill(9), level))
        return {"levels": {level: int((words == level).sum()) for level in ordered}, **lost}
    values = np.asarray(pd.to_numeric(pd.Series(words, dtype=object), errors="coerce"), dtype=float)
    if np.isfinite(values).all():
        return {"median": float(np.median(values)), "least": values.min().item(), "most": values.max().item(), **lost}
    return {"different": len(levels), **lost}


def _ratings(cohort: Cohort, target: str, apart: frozenset[str]) -> dict[str, Any]:
    """How many ratings of those who are tested, by whom, and within which limits if they are numbers."""
    table = cohort.ratings
    own = (texts(table, "scale") == target) & ~missing(table, "value")
    some = table.iloc[np.flatnonzero(own & ~np.isin(texts(table, "participant"), [*apart]))]
    raters = np.where(missing(some, "rater"), NOT_RECORDED, texts(some, "rater"))
    values = np.asarray(pd.to_numeric(some["value"], errors="coerce"), dtype=float)
    limits = [float(values.min()), float(values.max())] if len(values) and np.isfinite(values).all() else [None, None]
    return {
        "scale": target,
        "ratings": len(some),
        "participants": len(np.unique(texts(some, "participant"))),
        "raters": {name: int((raters == name).sum()) for name in np.unique(raters).astype(str).tolist()},
        **dict(zip(("least", "most"), limits, strict=True)),
    }
