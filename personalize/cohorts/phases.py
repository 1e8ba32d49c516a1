"""Marks of the cold pressor: what the protocol and the person's own numbers say of when it hurts.

A video's JSON tells the phases of its recording, as those of the phantoms do:
`{"Phases": [{"name": "immersion", "onset": 30.0, "duration": 45.0}]}`.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from personalize.cohorts.cohort import RATING_COLUMNS, Cohort, rating_table
from personalize.cohorts.columns import floats, missing, texts
from personalize.cohorts.schemes import MARKS
from pretrain.errors import UserError

PHASE = "immersion"
"""The phase that is marked; the first of a recording where there are several."""


def with_marks(cohort: Cohort, threshold: float | int = 0) -> Cohort:
    """The cohort with ratings `MARKS` on the scale `mark` in its recordings with an immersion.

    `t1` is where it begins, `t2` the first rating on `vas` within it that is above `threshold`, `t3` where it ends.
    A recording that has marks keeps them. One with an immersion and without any in the end is counted as
    `recordings_without_marks`: no such rating, or at once. A cohort without an immersion comes back as it was.

    Raises `UserError` for a JSON that is not of the form above.
    """
    table = cohort.ratings
    marked = set(texts(table, "recording")[(texts(table, "scale") == "mark") & ~missing(table, "value")])
    parts, immersions = [], 0
    for row in cohort.recordings.to_dict("records"):
        span = _immersion(cohort.root / row["video"]) if row["video"] else None
        if span is None:
            continue
        immersions += 1
        if row["recording"] not in marked:
            parts.append(_marks(cohort.ratings, row["participant"], row["recording"], span, threshold))
    if not immersions:
        return cohort
    counts = {**cohort.counts, "recordings_without_marks": sum(part.empty for part in parts)}
    some = [part for part in parts if len(part)]
    return replace(cohort, ratings=rating_table([table, *some]) if some else table, counts=counts)


def _marks(
    ratings: pd.DataFrame, participant: str, recording: str, span: tuple[float, float], threshold: float | int
) -> pd.DataFrame:
    """The marks of an immersion, as ratings by whoever says that it hurts; no rows where nobody does."""
    (begin, end), onset = span, floats(ratings, "onset")
    value = np.asarray(pd.to_numeric(ratings["value"], errors="coerce"), float)  # NaN, where missing, is not above
    own = (texts(ratings, "recording") == recording) & (texts(ratings, "scale") == "vas")
    felt = np.flatnonzero(own & (onset >= begin) & (onset < end) & (value > threshold))
    first = felt[onset[felt].argsort(kind="stable")[:1]]
    if not len(first) or not begin < onset[first[0]]:
        return rating_table([])
    times = np.array([begin, onset[first[0]], end])
    rater = ratings["rater"].iloc[first[0]]
    cells = dict(zip(RATING_COLUMNS, (times, 0.0, "mark", [*MARKS], rater), strict=True))
    return pd.DataFrame({**cells, "participant": participant, "recording": recording})


def _immersion(video: Path) -> tuple[float, float] | None:
    """Begin and end in seconds; None where the video has no JSON, or that no such phase."""
    sidecar = video.with_suffix(".json")
    if not sidecar.is_file():
        return None
    try:
        phases = json.loads(sidecar.read_text()).get("Phases", [])
        spans = [(float(p["onset"]), float(p["duration"])) for p in phases if p["name"] == PHASE]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{sidecar}: 'Phases' is not a list of objects with name, onset and duration") from error
    return (spans[0][0], spans[0][0] + spans[0][1]) if spans else None
