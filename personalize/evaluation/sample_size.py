"""How sure more people would make: expected intervals, and the smallest difference that so many would show."""

from typing import Any

import numpy as np
import scipy.stats
from jaxtyping import Float

from personalize.evaluation.jackknife import COVERAGE
from personalize.evaluation.shift import expected_intervals
from personalize.evaluation.values import varies

PEOPLE = (10, 20, 50, 100, 200)
POWER = 0.8


def sample_size_rows(values: Float[np.ndarray, "p"], scale: str, *, difference: bool) -> list[dict[str, Any]]:
    """Expected 95 % intervals of the mean of a number that every person has, NaN where they lack it.

    Keys: people, low, high, width, between_people (standard deviation), n_participants (who gave it), detectable (of a
    difference: what a two-sided test would find with power 80 %), reason.
    """
    kept = values[~np.isnan(values)]
    spread = float(kept.std(ddof=1)) if len(kept) > 1 else None
    reason = "fewer than two people have it" if spread is None else "nobody differs from anybody"
    rows = []
    for row in expected_intervals(values, scale, PEOPLE):
        known = row["width"] is not None and varies(kept)
        found = _detectable(spread, int(row["people"] or 0)) if known and difference and spread is not None else None
        limits = {key: row[key] if known else None for key in ("low", "high", "width")}
        about = {"between_people": spread, "n_participants": len(kept), "detectable": found}
        rows.append({"people": row["people"], **limits, **about, "reason": None if known else reason})
    return rows


def _detectable(spread: float, people: int) -> float:
    """Approximately, by the quantiles of t."""
    quantiles = scipy.stats.t.ppf([(1 + COVERAGE) / 2, POWER], people - 1)
    return float(quantiles.sum() * spread / np.sqrt(people))
