"""Intervals of a number over people by name, and the one over frames that shows what they are for."""

from typing import Any

import numpy as np

from personalize.evaluation.bootstrap import bca_interval, draw_counts, percentile_interval
from personalize.evaluation.jackknife import jackknife_interval
from personalize.evaluation.people import People
from personalize.evaluation.statistics import Statistic

JACKKNIFE, PERCENTILE, BCA = "jackknife_t_95", "bootstrap_percentile_95", "bootstrap_bca_95"
FRAMES = "frames_jackknife_t_95"
"""As if every unit came from a person of its own: much too narrow, for comparison only."""
FEW = 20
"""Under so many participants no interval can be relied on."""
GROUPS = 100
"""Into which the units are dealt for the interval over frames."""


def bounded(found: Statistic) -> dict[str, Any]:
    """The keys value, low, high, interval and reason, by the default interval.

    A number whose interval cannot be had becomes null.
    """
    limits = found.reason if found.value is None else default_limits(found)
    if not isinstance(limits, tuple):
        return {"value": None, "low": None, "high": None, "interval": None, "reason": limits}
    reason = found.reason
    return {"value": found.value, "low": limits[0], "high": limits[1], "interval": JACKKNIFE, "reason": reason}


def default_limits(found: Statistic) -> tuple[float, float] | str:
    """The jackknife's interval, or why there is none."""
    if found.value is None:
        return found.reason or "undefined"
    if found.people < 2:
        return "no interval over one participant"
    return jackknife_interval(found.value, found.left_out(), found.scale)


def bootstrap_limits(found: Statistic, draws: int, seed: int) -> dict[str, tuple[float, float] | str]:
    """The percentile and the BCa interval from the same draws of people, or why there is none."""
    if found.value is None or found.people < 2:
        reason = found.reason if found.value is None else None
        return dict.fromkeys((PERCENTILE, BCA), reason or "no interval over one participant")
    replicates = found.again(draw_counts(found.people, draws, seed))
    limits = {
        PERCENTILE: percentile_interval(replicates),
        BCA: bca_interval(found.value, replicates, found.left_out()),
    }
    return {name: each or "undefined in most resamples of the participants" for name, each in limits.items()}


def scattered(units: People, seed: int) -> People:
    """The units dealt at random into groups that take the place of people: an interval over these is over frames."""
    groups = min(len(units.truth), GROUPS)
    code = np.random.default_rng(seed).permutation(np.arange(len(units.truth)) % groups)
    return units._replace(code=code, names=np.arange(groups))
