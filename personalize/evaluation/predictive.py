"""What single people can rely on: whether predictive intervals hold, and how many are worse off than without."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from personalize.adaptation.reach import LEVELS, normal_reach, reach_column
from personalize.cohorts.columns import floats
from personalize.evaluation.intervals import bounded
from personalize.evaluation.people import person_values
from personalize.evaluation.rows import people_of, units_of
from personalize.evaluation.statistics import mean_over_people, over_draws
from personalize.evaluation.targets import Target


def reach_of(predictions: pd.DataFrame, level: float) -> Float[np.ndarray, "n"]:
    """Standard errors that the interval of every row reaches; normal where the table does not say."""
    if reach_column(level) not in predictions.columns:
        return np.full(len(predictions), normal_reach(level))
    return np.where(np.isnan(found := floats(predictions, reach_column(level))), normal_reach(level), found)


def within(predictions: pd.DataFrame, level: float) -> Bool[np.ndarray, "n"]:
    """Whether labels lie in their predictive intervals about the prediction."""
    error = np.abs(floats(predictions, "truth") - floats(predictions, "prediction"))
    return error <= reach_of(predictions, level) * floats(predictions, "se")


def coverage(predictions: pd.DataFrame) -> list[dict[str, Any]]:
    """The share of labels within their predictive intervals, mean over people with its interval over people.

    `predictions` are those of one adaptation, with columns participant, truth, prediction, se and maybe seed and those
    of `reach_column`.
    Keys: level, value, low, high, interval, n_participants, n_units, reason.
    """
    se = floats(predictions, "se")
    rows = []
    for level in LEVELS:
        if not np.isfinite(se).all():
            empty = dict.fromkeys(("value", "low", "high", "interval"))
            rows.append({"level": level, **empty, "n_participants": 0, "n_units": 0, "reason": "no standard error"})
            continue
        inside = within(predictions, level)
        draws = people_of(predictions.assign(prediction=inside.astype(float)))
        found = over_draws([mean_over_people(_means(p.prediction, p.code), (), "logit") for p in draws])
        rows.append(
            {"level": level, **bounded(found), "n_participants": found.people, "n_units": units_of(found, draws)}
        )
    return rows


def harmed(adapted: pd.DataFrame, population: pd.DataFrame, kind: str, delta: float) -> dict[str, Any]:
    """The share of people whose error grows by more than `delta` over that of the population model.

    The error is the MAE, for classes the share of wrong ones; mean over draws. Also counts those who gain as much.
    Keys: metric, delta, harmed, helped, value, low, high, interval, n_participants, reason.
    """
    change = person_errors(adapted, kind) - person_errors(population, kind)
    worse = (change > delta).astype(float)
    return {
        "metric": "error_rate" if kind in ("class", "probability") else "mae",
        "delta": delta,
        "harmed": int(worse.sum()),
        "helped": int((change < -delta).sum()),
        **bounded(mean_over_people(worse, (), "logit")),
        "n_participants": len(worse),
    }


def person_errors(predictions: pd.DataFrame, kind: str) -> Float[np.ndarray, "p"]:
    """Everybody's error, mean over draws, by name: MAE, or the share of wrong classes."""
    metric = "accuracy" if kind in ("class", "probability") else "mae"
    values = np.mean([person_values(metric, p, Target(kind))[0] for p in people_of(predictions)], axis=0)
    return 1 - values if metric == "accuracy" else values


def _means(values: Float[np.ndarray, "n"], code: np.ndarray) -> Float[np.ndarray, "p"]:
    return np.bincount(code, values) / np.bincount(code)
