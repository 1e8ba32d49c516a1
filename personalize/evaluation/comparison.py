"""Paired differences between two systems on the same units."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from personalize.cohorts.columns import floats, texts
from personalize.evaluation.bootstrap import (
    People,
    by_people,
    draw_counts,
    mean_replicates,
    person_values,
    pooled_replicates,
)
from personalize.evaluation.metrics import METRICS
from personalize.evaluation.rows import bounded
from pretrain.errors import UserError, nearest

UNIT = ("participant", "recording", "track", "onset")
"""What a unit is known by across runs."""
FEW = 20
"""Under so many participants a percentile interval is known to be too narrow."""


def paired_difference(
    predictions_a: pd.DataFrame,
    predictions_b: pd.DataFrame,
    metric: str,
    *,
    threshold: float | None,
    pooling: str = "mean_over_participants",
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Metric of a minus metric of b, with an interval from drawing the same people for both.

    Keys: metric, pooling, difference, low, high, interval, n_participants, n_units, few_participants, reason.
    Raises `UserError` when the two were not tested on the same units with the same truth.
    """
    if metric not in METRICS:
        raise UserError(f"unknown metric {metric!r}{nearest(metric, METRICS)}")
    both = _same_units(predictions_a, predictions_b)
    truth, names = floats(both, "truth_a"), texts(both, "participant")
    a = by_people(truth, floats(both, "prediction_a"), names)
    b = by_people(truth, floats(both, "prediction_b"), names)
    counts = draw_counts(len(a.names), draws, seed)
    compare = _pooled if pooling == "pooled" else _mean_over_participants
    value, reason, replicates, defined = compare(metric, a, b, counts, threshold)
    people = int(defined.sum())
    limits = bounded(value, reason, replicates, people)
    return {
        "metric": metric,
        "pooling": pooling,
        "difference": limits.pop("value"),
        **limits,
        "n_participants": people,
        "n_units": int(defined[a.code].sum()),
        "few_participants": people < FEW,
    }


class _Change(NamedTuple):
    value: float | None
    reason: str | None
    replicates: Float[np.ndarray, "b"]
    defined: Bool[np.ndarray, "p"]
    """Whose units count."""


def _pooled(metric: str, a: People, b: People, counts: Int[np.ndarray, "b p"], threshold: float | None) -> _Change:
    of_a, of_b = (METRICS[metric](units.truth, units.prediction, threshold) for units in (a, b))
    replicates_a, replicates_b = (pooled_replicates(metric, units, counts, threshold) for units in (a, b))
    value = of_a.value - of_b.value if of_a.value is not None and of_b.value is not None else None
    reason = of_a.reason or of_b.reason
    return _Change(value, reason, replicates_a - replicates_b, np.ones(len(a.names), bool))


def _mean_over_participants(
    metric: str, a: People, b: People, counts: Int[np.ndarray, "b p"], threshold: float | None
) -> _Change:
    values_a, reasons_a = person_values(metric, a, threshold)
    values_b, reasons_b = person_values(metric, b, threshold)
    change = values_a - values_b
    defined = ~np.isnan(change)
    lost = int((~defined).sum())
    reason = f"undefined for {lost} participants, e.g. {(reasons_a + reasons_b)[0]}" if lost else None
    value = float(change[defined].mean()) if defined.any() else None
    return _Change(value, reason, mean_replicates(change, counts), defined)


def _same_units(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Predictions of a and b side by side, in the order of a."""
    key = [column for column in UNIT if column in a.columns and column in b.columns]
    for name, table in (("first", a), ("second", b)):
        if table.duplicated(key).any():
            raise UserError(f"the {name} predictions hold a unit twice: pick one system and adaptation")
    columns = [*key, "truth", "prediction"]
    both = a[columns].merge(b[columns], on=key, suffixes=("_a", "_b"), how="inner", validate="1:1")
    if not len(both) == len(a) == len(b):
        raise UserError(f"not the same test units: {len(a)} in the first, {len(b)} in the second, {len(both)} in both")
    if not np.array_equal(floats(both, "truth_a"), floats(both, "truth_b")):
        raise UserError("the two runs were tested against different ratings of the same units")
    return both
