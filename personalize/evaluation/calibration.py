"""Whether probabilities of an event are right: overall, and where the predicted and the seen share part.

Scores of all units together, mean over draws of labels. Intercept and slope are those of Cox (1958, Biometrika 45:562),
scaled Brier and reliability as Steyerberg et al. (2010, Epidemiology 21:128) have them.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import scipy.special
from jaxtyping import Float

from personalize.evaluation.intervals import bounded
from personalize.evaluation.logistic import log_odds, recalibrated
from personalize.evaluation.people import People
from personalize.evaluation.rows import units_of
from personalize.evaluation.statistics import Statistic, over_draws, statistic
from personalize.evaluation.targets import Target
from personalize.evaluation.totals import person_totals, ratio, statistic_of_sums

METRICS = ("brier", "brier_scaled", "calibration_intercept", "calibration_slope", "ece")
BINS = 10
"""Of the reliability curve: as many units in each, where ties allow."""
GRID = 16
"""Steps per unit of log-odds to which units are gathered for the jackknife of intercept and slope."""
CELLS = 2_000_000
"""Weights held at a time."""
PROBABILITY = Target("probability")


def calibration_rows(draws: Sequence[People]) -> list[dict[str, Any]]:
    """A row for each of `METRICS`: metric, value, low, high, interval, n_participants, n_units, reason.

    `draws` hold truth 0 or 1 and the probability of 1.
    """
    rows = []
    for metric in METRICS:
        found = over_draws([calibration_statistic(metric, units) for units in draws])
        rows.append(
            {"metric": metric, **bounded(found), "n_participants": found.people, "n_units": units_of(found, draws)}
        )
    return rows


def calibration_statistic(metric: str, units: People) -> Statistic:
    """One of `METRICS`; intercept and slope without somebody are taken from gathered units: as good, and fast."""
    found = statistic(metric, units, PROBABILITY, "pooled")
    if metric not in ("calibration_intercept", "calibration_slope"):
        return found
    return found._replace(again=partial(_fits_again, gathered(units), metric == "calibration_slope"))


def _fits_again(of: tuple[np.ndarray, np.ndarray, np.ndarray], slope: bool, counts: np.ndarray) -> np.ndarray:
    truth, probability, weight = of
    parts = np.array_split(counts.astype(float), max(1, len(counts) * len(truth) // CELLS))
    return np.concatenate([fits(truth, probability, part @ weight, slope=slope) for part in parts])


def gathered(
    units: People,
) -> tuple[Float[np.ndarray, "m"], Float[np.ndarray, "m"], Float[np.ndarray, "p m"]]:
    """Truth and mean probability of units that nearly agree in both, and how many each person has of them."""
    step = np.rint(log_odds(units.prediction) * GRID).astype(int)
    cells, cell = np.unique(2 * step + units.truth.astype(int), return_inverse=True)
    mean = np.bincount(cell, log_odds(units.prediction)) / np.bincount(cell)
    people, size = len(units.names), len(cells)
    weight = np.bincount(units.code * size + cell, minlength=people * size).reshape(people, size)
    return (cells % 2).astype(float), scipy.special.expit(mean), weight.astype(float)


def fits(
    truth: Float[np.ndarray, "m"], probability: Float[np.ndarray, "m"], weight: Float[np.ndarray, "b m"], *, slope: bool
) -> Float[np.ndarray, "b"]:
    """Intercept or slope of each weighting; NaN without both classes, and for a slope unless they overlap."""
    of = [np.where((weight > 0) & (truth == side), probability, np.nan) for side in (0, 1)]
    there = [~np.isnan(each).all(axis=1) for each in of]
    fit = there[0] & there[1]
    if slope:
        low = [np.where(np.isnan(each), np.inf, each).min(axis=1) for each in of]
        high = [np.where(np.isnan(each), -np.inf, each).max(axis=1) for each in of]
        fit &= (low[1] < high[0]) & (high[1] > low[0])
    found = np.full(len(weight), np.nan)
    if fit.any():
        found[fit] = recalibrated(truth, probability, weight[fit], slope=slope)
    return found


def reliability_rows(draws: Sequence[People], bins: int = BINS) -> list[dict[str, Any]]:
    """The share of events by predicted probability, all draws of labels together; each bin with its own people.

    Keys: bin, from, to, predicted (mean probability of its units), value (the share seen), low, high, interval,
    n_participants, n_units (of one draw, on average), reason.
    """
    probability = np.concatenate([units.prediction for units in draws])
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, bins + 1)))
    inner, people = edges[1:-1], len(draws[0].names)
    size = len(inner) + 1
    sums = np.zeros((people, size, 3))
    for units in draws:
        place = np.searchsorted(inner, units.prediction, side="right")
        values = np.column_stack([units.truth, units.prediction, np.ones(len(place))])
        sums += person_totals(values, units.code * size + place, people * size).reshape(people, size, 3)
    rows = []
    for number in range(size):
        own = sums[None, :, number]
        found = statistic_of_sums(own, ratio(0, 2), "logit", "no units", own[0, :, 2] > 0)
        count = float(own[0, :, 2].sum())
        if not count:
            continue
        rows.append(
            {
                "bin": len(rows),
                "from": float(edges[number]),
                "to": float(edges[min(number + 1, len(edges) - 1)]),
                "predicted": float(own[0, :, 1].sum() / count),
                **bounded(found),
                "n_participants": found.people,
                "n_units": round(count / len(draws)),
            }
        )
    return rows
