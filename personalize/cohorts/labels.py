"""Label schemes: pure functions from the ratings that overlap a feature row to its target."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

ROUNDING = 1e-3
"""A row that touches a rating by less than this share of its length only does so by rounding of times."""


class Labels(NamedTuple):
    """Targets of feature rows; `target` is NaN and `weight` 0 where not `valid`."""

    target: Float[np.ndarray, "n"]
    weight: Float[np.ndarray, "n"]
    """Rated share of the row, 0-1."""
    valid: Bool[np.ndarray, "n"]


def overlap_shares(
    t0: Float[np.ndarray, "n"],
    t1: Float[np.ndarray, "n"],
    onset: Float[np.ndarray, "m"],
    duration: Float[np.ndarray, "m"],
) -> Float[np.ndarray, "n m"]:
    """Share of each row `[t0, t1)` that lies in each rating `[onset, onset + duration)`.

    A rating without duration is a moment and counts wholly for the rows that hold it.
    """
    common = np.minimum(t1[:, None], onset + duration) - np.maximum(t0[:, None], onset)
    share = np.clip(common / (t1 - t0)[:, None], 0.0, 1.0)
    holds = (t0[:, None] <= onset) & (onset < t1[:, None])
    share = np.where(duration > 0, share, holds.astype(float))
    return np.where(share < ROUNDING, 0.0, share)


def overlap_mean(share: Float[np.ndarray, "n m"], value: Float[np.ndarray, "m"]) -> Labels:
    """Mean of the overlapping ratings, weighted by overlap."""
    total = share.sum(axis=1)
    valid = total > 0
    target = np.full(len(share), np.nan)
    np.divide(share @ value, total, out=target, where=valid)
    return Labels(target, np.minimum(total, 1.0), valid)


def overlap_majority(share: Float[np.ndarray, "n m"], code: Float[np.ndarray, "m"]) -> Labels:
    """The code with the largest overlap in all; of equal ones the smallest."""
    total = share.sum(axis=1)
    valid = total > 0
    codes = np.unique(code)
    overlap = np.stack([share[:, code == each].sum(axis=1) for each in codes], axis=1)
    return Labels(np.where(valid, codes[overlap.argmax(axis=1)], np.nan), np.minimum(total, 1.0), valid)


def levels(value: Float[np.ndarray, "m"], above: tuple[float | int, ...]) -> Float[np.ndarray, "m"]:
    """Codes from 0 of ratings that are cut into levels: how many of the increasing cuts `above` each lies above.

    >>> levels(np.array([0.0, 1.0, 3.0, 3.5]), (0, 1, 3)).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    return np.searchsorted(np.array(above, dtype=float), value, side="left").astype(float)
