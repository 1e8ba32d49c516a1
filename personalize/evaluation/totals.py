"""Numbers that follow from sums over each person, such as a rate or a share of all units together."""

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Bool, Float

from personalize.evaluation.statistics import Statistic
from personalize.evaluation.sums import divided

Formula = Callable[[Float[np.ndarray, "b m"]], Float[np.ndarray, "b"]]
"""From the m sums over each of b draws of people to a number, NaN where it is undefined."""


def statistic_of_sums(
    sums: Float[np.ndarray, "s p m"],
    formula: Formula,
    scale: str,
    reason: str,
    counted: Bool[np.ndarray, "p"] | None = None,
) -> Statistic:
    """The mean over s draws of labels of a formula of sums over p people; undefined for a `reason`.

    `counted` are those who have anything to sum, all if None: leaving out one who has not changes nothing, and would
    make the interval look as if it rested on more people.
    """
    there = np.ones(sums.shape[1], bool) if counted is None else counted
    kept = sums[:, there]

    again = partial(_over_draws, kept, formula)
    value = float(again(np.ones((1, kept.shape[1])))[0]) if there.any() else np.nan
    undefined = bool(np.isnan(value))
    return Statistic(None if undefined else value, reason if undefined else None, again, there, scale)


def ratio(above: int, below: int) -> Formula:
    """The quotient of two of the sums."""
    return partial(_quotient, above, below)


def person_totals(values: Float[np.ndarray, "n m"], code: np.ndarray, people: int) -> Float[np.ndarray, "p m"]:
    """The sums of each person's units."""
    return np.stack([np.bincount(code, column, people) for column in values.T], axis=1)


def _over_draws(sums: np.ndarray, formula: Formula, counts: np.ndarray) -> np.ndarray:
    often = counts.astype(float)
    return np.mean([formula(often @ each) for each in sums], axis=0)


def _quotient(above: int, below: int, total: np.ndarray) -> np.ndarray:
    return divided(total[:, above], total[:, below])
