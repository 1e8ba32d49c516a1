"""High pain that is not seen: the costly error."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from personalize.evaluation.intervals import bounded
from personalize.evaluation.people import People
from personalize.evaluation.totals import person_totals, ratio, statistic_of_sums

UPPER = 1 / 3
"""Of the way from the threshold to the highest rating: what lies in this part of it is high."""


def high_from(threshold: float, highest: float) -> float:
    """From which rating on pain is high: the upper third of what lies above the threshold.

    >>> high_from(4.0, 10.0)
    8.0
    """
    return highest - (highest - threshold) * UPPER


def missed_high(draws: Sequence[People], high: float, below: float | None) -> dict[str, Any]:
    """The share of units rated `high` or more that are predicted below `below`, all units together, mean over draws.

    None takes the cut of each unit, for probabilities. Keys: from, below, value, low, high, interval, n_participants
    (who have such units), n_units (such units), missed (of them, in one draw), reason; by_person, a list of
    participant, n_units and missed.
    """
    sums = np.stack([_sums(units, high, below) for units in draws])
    there = np.any(sums[..., 1] > 0, axis=0)
    found = statistic_of_sums(sums, ratio(0, 1), "logit", f"no unit is rated {high:g} or more", there)
    each = sums.mean(axis=0)
    people = zip(draws[0].names[there].tolist(), each[there, 1].tolist(), each[there, 0].tolist(), strict=True)
    return {
        "from": high,
        "below": below,
        **bounded(found),
        "n_participants": found.people,
        "n_units": round(float(each[:, 1].sum())),
        "missed": float(each[:, 0].sum()),
        "by_person": [{"participant": str(name), "n_units": n, "missed": m} for name, n, m in people],
    }


def _sums(units: People, high: float, below: float | None) -> np.ndarray:
    top = (units.truth >= high).astype(float)
    cut = units.cut if below is None else below
    assert cut is not None
    return person_totals(np.column_stack([top * (units.prediction < cut), top]), units.code, len(units.names))
