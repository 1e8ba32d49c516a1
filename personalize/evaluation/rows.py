"""Metric rows: every number with its interval over participants, or null with a reason."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from personalize.cohorts.columns import floats, texts
from personalize.evaluation.intervals import FRAMES, JACKKNIFE, bootstrap_limits, bounded, default_limits, scattered
from personalize.evaluation.metrics import metrics_of
from personalize.evaluation.people import People, by_people
from personalize.evaluation.statistics import POOLINGS, Statistic, over_draws, statistic
from personalize.evaluation.targets import Target, check_target
from pretrain.errors import UserError

__all__ = ["KEYS", "POOLINGS", "RowError", "check_interval", "check_rows", "interval_rows", "primary_pooling", "score"]

KEYS = (
    "system", "cohort", "train_cohort", "protocol", "leaky", "oracle", "adaptation", "k", "target", "level",
    "pooling", "subgroup", "metric", "value", "low", "high", "interval", "n_participants", "n_units", "seeds",
    "reason",
)  # fmt: skip


class RowError(ValueError):
    """A row of results that may not be shown."""


def score(
    predictions: pd.DataFrame, *, threshold: float | None, seed: int, kind: str = "numeric"
) -> list[dict[str, Any]]:
    """All metrics of one system's predictions that its kind of target has, mean over participants and pooled.

    `predictions` has columns participant, truth and prediction. With a column `seed` it holds several draws of the
    same people, and all numbers are means over these. A column `cut`, if there, says from where on the
    prediction counts as an event, chosen on the training data of each unit's fold. See `targets` for `threshold` and
    `kind`. Keys: metric, pooling, value, low, high, interval, n_participants, n_units, seeds, reason.
    """
    draws, target = people_of(predictions), Target(kind, threshold)
    for units in draws:
        check_target(target, units.truth, units.prediction)
    rows = []
    for metric in metrics_of(kind):
        for pooling in POOLINGS:
            found = over_draws([statistic(metric, units, target, pooling) for units in draws])
            of = {"n_participants": found.people, "n_units": units_of(found, draws), "seeds": [seed]}
            rows.append({"metric": metric, "pooling": pooling, **bounded(found), **of})
    return rows


def interval_rows(
    predictions: pd.DataFrame,
    metrics: Sequence[str],
    *,
    threshold: float | None,
    draws: int,
    seed: int,
    kind: str = "numeric",
) -> list[dict[str, Any]]:
    """The default interval of some metrics beside both bootstraps and, for pooled ones, the one over frames.

    Keys: metric, pooling, value, interval, low, high, n_participants, reason.
    """
    units_by_draw, target = people_of(predictions), Target(kind, threshold)
    for units in units_by_draw:
        check_target(target, units.truth, units.prediction)
    rows = []
    for metric in metrics:
        for pooling in POOLINGS:
            found = over_draws([statistic(metric, units, target, pooling) for units in units_by_draw])
            limits = {JACKKNIFE: default_limits(found), **bootstrap_limits(found, draws, seed)}
            if pooling == "pooled":
                frames = [statistic(metric, scattered(units, seed), target, pooling) for units in units_by_draw]
                limits[FRAMES] = default_limits(over_draws(frames))
            about = {"metric": metric, "pooling": pooling, "value": found.value, "n_participants": found.people}
            for name, each in limits.items():
                low, high, reason = (None, None, each) if isinstance(each, str) else (*each, None)
                rows.append({**about, "interval": name, "low": low, "high": high, "reason": reason})
    return rows


def people_of(predictions: pd.DataFrame, column: str = "prediction", cut: str = "cut") -> list[People]:
    """The units of a table of predictions by participant, for each draw in the order of its column `seed`.

    Raises `UserError` when the draws are not of the same people.
    """
    seed = predictions["seed"].to_numpy() if "seed" in predictions.columns else np.zeros(len(predictions))
    found = [_people(predictions.iloc[np.flatnonzero(seed == each)], column, cut) for each in np.unique(seed)]
    if any(len(p.names) != len(found[0].names) or (p.names != found[0].names).any() for p in found):
        raise UserError("the draws do not test the same people")
    return found


def _people(table: pd.DataFrame, column: str, cut: str) -> People:
    cuts = floats(table, cut) if cut in table.columns and np.isfinite(floats(table, cut)).all() else None
    return by_people(floats(table, "truth"), floats(table, column), texts(table, "participant"), cuts)


def units_of(found: Statistic, draws: Sequence[People]) -> int:
    """How many different units count: those of one draw, for others test as many."""
    return int(found.counted[draws[0].code].sum())


def primary_pooling(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Which of the two rows of each metric is the primary one, for the rows of one system.

    The mean over participants where every participant has the metric, else the pooled one.
    """
    people = {(row["metric"], row["pooling"]): row["n_participants"] for row in rows}
    mean, pooled = POOLINGS
    return {metric: mean if people[metric, mean] == people[metric, pooled] else pooled for metric, _ in people}


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
