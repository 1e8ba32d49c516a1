"""The neutral reference: features as a difference to how the recording began. Needs no label."""

import numpy as np
from jaxtyping import Bool, Float, Shaped


def opening(
    recording: Shaped[np.ndarray, "n"],
    t0: Float[np.ndarray, "n"],
    t1: Float[np.ndarray, "n"],
    usable: Bool[np.ndarray, "n"],
    seconds: float,
) -> Bool[np.ndarray, "n"]:
    """The usable rows that lie within the first `seconds` of their recording, else its first usable one."""
    chosen = np.zeros(len(t0), bool)
    for name in np.unique(recording):
        rows = np.flatnonzero(recording == name)
        good = rows[usable[rows]]
        if len(good):
            first = good[t1[good] <= t0[rows].min() + seconds]
            chosen[first if len(first) else good[[t0[good].argmin()]]] = True
    return chosen


def minus_mean(
    x: Float[np.ndarray, "n d"], chosen: Bool[np.ndarray, "n"], scope: Shaped[np.ndarray, "n"]
) -> Float[np.ndarray, "n d"]:
    """Every row less the mean of the chosen rows of its scope (a recording, a person); NaN where there is none."""
    out = np.full_like(x, np.nan)
    for name in np.unique(scope):
        rows = scope == name
        if (own := rows & chosen).any():
            out[rows] = x[rows] - x[own].mean(axis=0)
    return out


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
    return minus_mean(x, opening(recording, t0, t1, usable, seconds), recording)
