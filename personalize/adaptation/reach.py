"""How many standard errors a predictive interval reaches, by what the errors of people not learnt from look like.

Errors are seldom normal: of ratings that are mostly 0 far more than 80 % lie within 1.28 standard errors. So a level's
reach is that share's quantile of |error| / standard error, as in split conformal prediction (Vovk 2005).
"""

import numpy as np
import scipy.stats
from jaxtyping import Float, Shaped

from personalize.adaptation.base import Prediction

LEVELS = (0.8, 0.95)


def reach_column(level: float) -> str:
    """The column of predictions that holds the reach of this level.

    >>> reach_column(0.95)
    'reach_95'
    """
    return f"reach_{round(100 * level)}"


def normal_reach(level: float) -> float:
    """Standard errors that a normal interval reaches to either side."""
    return float(scipy.stats.norm.ppf((1 + level) / 2))


def reaches(
    error: Float[np.ndarray, "n"], se: Float[np.ndarray, "n"], participant: Shaped[np.ndarray, "n"]
) -> dict[str, float]:
    """The reach of every level, by column, from errors of people of whom each counts alike.

    Nothing where no standard error is known.
    """
    known = np.isfinite(error) & (se > 0)
    if not known.any():
        return {}
    size = np.abs(error[known]) / se[known]
    _, code, count = np.unique(participant[known], return_inverse=True, return_counts=True)
    order = np.argsort(size, kind="stable")
    share = np.cumsum(1 / count[code[order]]) / len(count)
    places = {level: min(int(np.searchsorted(share, level)), len(size) - 1) for level in LEVELS}
    return {reach_column(level): float(size[order[place]]) for level, place in places.items()}


def reaches_of(
    left_out: Prediction, y: Float[np.ndarray, "n"], participant: Shaped[np.ndarray, "n"]
) -> dict[str, float]:
    """... from predictions of people without themselves; nothing for classes."""
    return {} if left_out.probability is not None else reaches(y - left_out.value, left_out.se, participant)
