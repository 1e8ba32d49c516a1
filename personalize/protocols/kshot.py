"""Which units give a person's k labels and which are tested: blocked in time."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from personalize.protocols.units import Units


class Blocks(NamedTuple):
    """Pool for calibration labels and test, over the units of all participants; neither holds the purge gap."""

    pool: Bool[np.ndarray, "n"]
    test: Bool[np.ndarray, "n"]


def blocked(
    participant: Shaped[np.ndarray, "n"],
    sequence: Int[np.ndarray, "n"],
    t0: Float[np.ndarray, "n"],
    t1: Float[np.ndarray, "n"],
    pool_share: float = 0.5,
    purge: float = 2.0,
    first: int = 1,
) -> Blocks:
    """The pool is the participant's `first` recordings, but never the last, and the test all later ones.

    With a single recording its first part, `pool_share` of its time, is the pool, and the test begins `purge`
    seconds (rows, in a table without time) after that. Does not depend on k, so neither do the test units.
    """
    pool, test = np.zeros(len(t0), bool), np.zeros(len(t0), bool)
    for person in np.unique(participant):
        rows = np.flatnonzero(participant == person)
        recordings = np.unique(sequence[rows])
        if len(recordings) > 1:
            begin = recordings[min(first, len(recordings) - 1)]
            pool[rows], test[rows] = sequence[rows] < begin, sequence[rows] >= begin
        else:
            start, end = t0[rows].min(), t1[rows].max()
            cut = start + pool_share * (end - start)
            pool[rows], test[rows] = t1[rows] <= cut, t0[rows] >= cut + purge
    return Blocks(pool, test)


def calibration_units(
    participant: Shaped[np.ndarray, "n"],
    t0: Float[np.ndarray, "n"],
    t1: Float[np.ndarray, "n"],
    pool: Bool[np.ndarray, "n"],
    k: int,
) -> Bool[np.ndarray, "n"]:
    """The k units of each participant's pool that are spread most evenly over its time; all where fewer."""
    chosen = np.zeros(len(t0), bool)
    for person in np.unique(participant[pool]):
        rows = np.flatnonzero(pool & (participant == person))
        chosen[rows[_spread((t0[rows] + t1[rows]) / 2, k)]] = True
    return chosen


def calibration_units_of_each(
    units: Units, label: Shaped[np.ndarray, "n"], pool: Bool[np.ndarray, "n"], k: int
) -> Bool[np.ndarray, "n"]:
    """k such units of every label that there is; all of one label for k in total."""
    chosen = np.zeros(len(units), bool)
    for value in np.unique(label):
        chosen |= calibration_units(units.participant, units.t0, units.t1, pool & (label == value), k)
    return chosen


def _spread(time: Float[np.ndarray, "n"], k: int) -> list[int]:
    """Indices of the times nearest to the middles of k equal parts of their span, each used once."""
    start, length = time.min(), np.ptp(time)
    free = np.ones(len(time), bool)
    chosen: list[int] = []
    for part in range(min(k, len(time))):
        distance = np.abs(time - (start + (part + 0.5) / k * length))
        chosen.append(int(np.where(free, distance, np.inf).argmin()))
        free[chosen[-1]] = False
    return chosen
