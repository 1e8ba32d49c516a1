"""Whether acting on a prediction does more good than harm: decision curves (Vickers & Elkin 2006, Med Decis Making
26:565).

At a threshold probability t one acts from t on, which says that a missed event weighs (1 - t) / t times as much as a
needless act. The net benefit is the share of units rightly acted on less that of those needlessly acted on, the latter
times t / (1 - t).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from personalize.evaluation.intervals import bounded
from personalize.evaluation.people import People
from personalize.evaluation.rows import units_of
from personalize.evaluation.totals import Formula, person_totals, statistic_of_sums

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
MODEL, ALL, NONE, OVER_ALL = "model", "treat_all", "treat_none", "model_minus_treat_all"
CALLED_RIGHTLY, CALLED_WRONGLY, EVENTS, UNITS = range(4)


def net_benefit(strategy: str, threshold: float) -> Formula:
    """Of the sums `CALLED_RIGHTLY` to `UNITS`: what a strategy is worth, in events found per unit."""
    return partial({MODEL: _model, ALL: _everybody, OVER_ALL: _over_everybody}[strategy], threshold / (1 - threshold))


def _model(odds: float, total: np.ndarray) -> np.ndarray:
    return (total[:, CALLED_RIGHTLY] - odds * total[:, CALLED_WRONGLY]) / total[:, UNITS]


def _everybody(odds: float, total: np.ndarray) -> np.ndarray:
    return (total[:, EVENTS] - odds * (total[:, UNITS] - total[:, EVENTS])) / total[:, UNITS]


def _over_everybody(odds: float, total: np.ndarray) -> np.ndarray:
    return _model(odds, total) - _everybody(odds, total)


def decision_sums(draws: Sequence[People], threshold: float) -> Float[np.ndarray, "s p 4"]:
    """Units called at a threshold probability, rightly and wrongly, events and units of each person."""
    found = []
    for units in draws:
        called = units.prediction >= threshold
        columns = [called * units.truth, called * (1 - units.truth), units.truth, np.ones(len(called))]
        found.append(person_totals(np.column_stack(columns), units.code, len(units.names)))
    return np.stack(found)


def decision_rows(draws: Sequence[People], strategies: Sequence[str] = (MODEL, OVER_ALL)) -> list[dict[str, Any]]:
    """Net benefit of strategies at each of `THRESHOLDS`, mean over draws, with its interval over people.

    `draws` hold truth 0 or 1 and the probability of 1. To treat nobody is worth 0 by definition.
    Keys: strategy, threshold, value, low, high, interval, n_participants, n_units, called (share of units acted on),
    reason.
    """
    rows = []
    for threshold in THRESHOLDS:
        sums = decision_sums(draws, threshold)
        called = float((sums[..., CALLED_RIGHTLY] + sums[..., CALLED_WRONGLY]).sum() / sums[..., UNITS].sum())
        for strategy in strategies:
            found = statistic_of_sums(sums, net_benefit(strategy, threshold), "as it is", "no units")
            rows.append(
                {
                    "strategy": strategy,
                    "threshold": threshold,
                    **bounded(found),
                    "n_participants": found.people,
                    "n_units": units_of(found, draws),
                    "called": 1.0 if strategy == ALL else called,
                }
            )
    return rows
