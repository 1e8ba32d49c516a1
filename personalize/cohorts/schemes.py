"""Label schemes by name: how published systems made classes of ratings.

A scheme cuts the ratings on one scale into levels; a row has the level that it overlaps most. Sources stand in the
catalogue of label schemes of the review's dossier: `[code]` is from public code, `[inferred]` a sensible filling-in.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from personalize.cohorts.cohort import RATING_COLUMNS, Cohort, rating_table
from personalize.cohorts.columns import floats, missing, texts
from personalize.cohorts.kinds import TargetKind
from personalize.cohorts.labels import Labels, levels, overlap_majority
from pretrain.errors import UserError

MARKS = ("t1", "t2", "t3")
"""Values on the scale `mark`: the stimulus starts, is felt as pain (threshold), is no longer borne (tolerance)."""


class LabelScheme(NamedTuple):
    """Ratings on one scale as levels."""

    scale: str
    above: tuple[float | int, ...]
    """A further level begins above each of these."""
    classes: tuple[str, ...]
    """Names of the levels, one more than there are cuts."""
    ordinal: bool = True
    """Whether the levels have an order."""

    def __call__(self, share: Float[np.ndarray, "n m"], value: Float[np.ndarray, "m"]) -> Labels:
        """Levels of n rows, of which each m-th rating covers a `share` (see `labels.overlap_shares`)."""
        return overlap_majority(share, levels(value, self.above))

    def kind(self, ordered: bool = False) -> TargetKind:
        """What `joining.join` labels by: classes, or (where the scheme is ordinal) levels in their order."""
        if ordered and not self.ordinal:
            raise ValueError(f"the levels {', '.join(self.classes)} have no order")
        return TargetKind("ordinal", above=self.above) if ordered else TargetKind("class", self.classes, self.above)


def pspi_above(threshold: float | int) -> LabelScheme:
    """Pain where the PSPI is above a threshold: 0 is common `[recall]`, 2 is system 22's."""
    return LabelScheme("pspi", (threshold,), ("no pain", "pain"))


SCHEMES = {
    "pspi_bin": pspi_above(0),
    "pspi4_bargshady": LabelScheme("pspi", (0, 1, 3), ("no", "weak", "mild", "strong")),
    "self_report3": LabelScheme("vas", (0, 6), ("none", "moderate", "severe")),
    "self_report3_low": LabelScheme("vas", (0, 4), ("none", "moderate", "severe")),
    "period_ordinal": LabelScheme("period", (1, 2, 3), ("P1", "P2", "P3", "P4")),
}
"""PSPI > 0; PSPI {0}, {1}, {2, 3}, {4 ...} of system 18 `[code]`; spoken numbers 0, 1-6, 7-10 and the alternative 0,
1-4, 5-10 for system 29 `[inferred]`; periods of system 32, which `with_periods` makes of marks."""


def periods(t1: float, t2: float, t3: float) -> Float[np.ndarray, "4 2"]:
    """Begin and end of P1 to P4, seconds: the halves of the time to threshold and of that to tolerance `[inferred]`."""
    edges = np.array([t1, (t1 + t2) / 2, t2, (t2 + t3) / 2, t3])
    return np.stack([edges[:-1], edges[1:]], axis=1)


def with_periods(cohort: Cohort) -> Cohort:
    """The cohort with ratings 1 to 4 on the scale `period`, in every recording that has all of `MARKS`.

    Raises `UserError` when no recording has them, or one has a mark twice or out of order.
    """
    table = cohort.ratings
    marks = table.iloc[np.flatnonzero((texts(table, "scale") == "mark") & ~missing(table, "value"))]
    parts = []
    for _, own in marks.groupby("recording", sort=False):
        of = dict(zip(texts(own, "value").tolist(), floats(own, "onset").tolist(), strict=True))
        name = f"{cohort.root}: recording {own['recording'].iloc[0]}"
        if len(of) < len(own):
            raise UserError(f"{name} has a mark twice")
        if not of.keys() >= set(MARKS):
            continue
        t1, t2, t3 = (of[mark] for mark in MARKS)
        if not t1 < t2 < t3:
            raise UserError(f"{name}: marks {t1:g}, {t2:g}, {t3:g} s are not in the order {', '.join(MARKS)}")
        begin, end = periods(t1, t2, t3).T
        rater, level = own["rater"].iloc[0], ["1", "2", "3", "4"]
        cells = dict(zip(RATING_COLUMNS, (begin, end - begin, "period", level, rater), strict=True))
        parts.append(pd.DataFrame({**cells, **{k: own[k].iloc[0] for k in ("participant", "recording")}}))
    if not parts:
        raise UserError(f"{cohort.root}: no recording has {', '.join(MARKS)} on the scale 'mark' for periods")
    return replace(cohort, ratings=rating_table([table, *parts]))
