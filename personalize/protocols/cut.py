"""From which probability on an event is called: chosen on training people, each predicted without themselves."""

import numpy as np
from jaxtyping import Float


def best_cut(probability: Float[np.ndarray, "n"], truth: Float[np.ndarray, "n"]) -> float:
    """The cut of the highest balanced accuracy (Youden 1950, Cancer 3:32), of equal ones the nearest to one half.

    Cuts lie half way between neighbouring probabilities. One half where the truth is all of one class.
    """
    positive = truth >= 0.5
    if positive.all() or not positive.any():
        return 0.5
    order = np.argsort(probability, kind="stable")
    p, event = probability[order], positive[order]
    missed = np.concatenate([[0], np.cumsum(event)]) / event.sum()
    rejected = np.concatenate([[0], np.cumsum(~event)]) / (~event).sum()
    cuts = np.concatenate([[p[0] / 2], (p[1:] + p[:-1]) / 2, [(1 + p[-1]) / 2]])
    possible = np.concatenate([[True], p[1:] > p[:-1], [True]])
    value = np.where(possible, rejected - missed, -np.inf)
    best = np.flatnonzero(value >= value.max() - 1e-12)
    return float(cuts[best[np.abs(cuts[best] - 0.5).argmin()]])
