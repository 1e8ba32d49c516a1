"""The neutral reference: features as a difference to how the recording began. Needs no label."""

import numpy as np
from jaxtyping import Bool, Float, Shaped


def minus_reference(
    x: Float[np.ndarray, "n d"],
    recording: Shaped[np.ndarray, "n"],
    t0: Float[np.ndarray, "n"],
    t1: Float[np.ndarray, "n"],
    usable: Bool[np.ndarray, "n"],
    seconds: float,
) -> Float[np.ndarray, "n d"]:
    """Subtracts from every row the mean of the usable rows that lie within the first `seconds` of its recording.

    Where none lies within, the first usable row is the reference; a recording without one becomes NaN. The
    reference is of the same recording because a neutral moment from another day carries another light and pose.
    It uses no label and nothing later than `seconds`; the opening moments of a person in pain are not neutral.
    """
    out = np.full_like(x, np.nan)
    for name in np.unique(recording):
        rows = np.flatnonzero(recording == name)
        good = rows[usable[rows]]
        if len(good) == 0:
            continue
        opening = good[t1[good] <= t0[rows].min() + seconds]
        neutral = opening if len(opening) else good[[t0[good].argmin()]]
        out[rows] = x[rows] - x[neutral].mean(axis=0)
    return out
