"""Metric rows: every number with its interval over participants, or null with a reason."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from personalize.cohorts.columns import floats, texts
from personalize.evaluation.bootstrap import (
    INTERVAL,
    by_people,
    draw_counts,
    mean_replicates,
    percentile_interval,
    person_values,
    pooled_replicates,
)
from personalize.evaluation.metrics import METRICS

KEYS = (
    "system", "cohort", "train_cohort", "protocol", "leaky", "oracle", "adaptation", "k", "target", "level",
    "pooling", "subgroup", "metric", "value", "low", "high", "interval", "n_participants", "n_units", "seeds",
    "reason",
)  # fmt: skip
POOLINGS = ("mean_over_participants", "pooled")


class RowError(ValueError):
    """A row of results that may not be shown."""


def score(predictions: pd.DataFrame, *, threshold: float | None, draws: int, seed: int) -> list[dict[str, Any]]:
    """All metrics of one system's predictions, mean over participants and pooled.

    Keys: metric, pooling, value, low, high, interval, n_participants, n_units, seeds, reason.
    """
    truth, prediction = floats(predictions, "truth"), floats(predictions, "prediction")
    units = by_people(truth, prediction, texts(predictions, "participant"))
    counts = draw_counts(len(units.names), draws, seed)
    rows = []
    for metric, function in METRICS.items():
        values, reasons = person_values(metric, units, threshold)
        defined = ~np.isnan(values)
        mean = float(values[defined].mean()) if defined.any() else None
        of = {"n_participants": int(defined.sum()), "n_units": int(defined[units.code].sum())}
        rows.append(_row(metric, POOLINGS[0], mean, _few(reasons), mean_replicates(values, counts), of, seed))
        value, reason = function(units.truth, units.prediction, threshold)
        of = {"n_participants": len(units.names), "n_units": len(units.truth)}
        replicates = pooled_replicates(metric, units, counts, threshold)
        rows.append(_row(metric, POOLINGS[1], value, reason, replicates, of, seed))
    return rows


def bounded(value: float | None, reason: str | None, replicates: np.ndarray, people: int) -> dict[str, Any]:
    """The keys value, low, high, interval and reason; a number whose interval cannot be had becomes null."""
    if value is not None and people < 2:
        value, reason = None, "no interval over one participant"
    limits = None if value is None else percentile_interval(replicates)
    if value is not None and limits is None:
        value, reason = None, "undefined in most resamples of the participants"
    low, high = limits or (None, None)
    return {"value": value, "low": low, "high": high, "interval": INTERVAL if limits else None, "reason": reason}


def check_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    """Raises `RowError` for a row without the right keys, a number without interval, a null without reason."""
    for index, row in enumerate(rows):
        where = f"row {index} ({row.get('system')}, {row.get('adaptation')}, {row.get('metric')})"
        if set(row) != set(KEYS):
            raise RowError(f"{where}: keys differ from the layout: {sorted(set(row) ^ set(KEYS))}")
        check_interval(row, row["value"], where)


def check_interval(row: Mapping[str, Any], value: float | None, where: str) -> None:
    """Raises `RowError` unless the number has an interval that can be one, or is null with a reason."""
    if value is None:
        if not row["reason"]:
            raise RowError(f"{where}: null without a reason")
        return
    limits = (row["low"], row["high"])
    if not row["interval"] or any(limit is None or not np.isfinite(limit) for limit in limits):
        raise RowError(f"{where}: a number without its interval")
    if not np.isfinite(value) or limits[0] > limits[1]:
        raise RowError(f"{where}: {value} [{limits[0]}, {limits[1]}] is no number with an interval")


def _few(reasons: list[str]) -> str | None:
    """Why some people have no value: the commonest reason and how many."""
    if not reasons:
        return None
    commonest = max(sorted(set(reasons)), key=reasons.count)
    return f"undefined for {len(reasons)} participants, e.g. {commonest}"


def _row(
    metric: str,
    pooling: str,
    value: float | None,
    reason: str | None,
    replicates: np.ndarray,
    of: dict[str, int],
    seed: int,
) -> dict[str, Any]:
    limits = bounded(value, reason, replicates, of["n_participants"])
    return {"metric": metric, "pooling": pooling, **limits, **of, "seeds": [seed]}
