"""Paired differences between two systems on the same units."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from personalize.cohorts.columns import floats
from personalize.evaluation.intervals import FEW, bounded
from personalize.evaluation.metrics import METRICS
from personalize.evaluation.people import People
from personalize.evaluation.permutation import mean_permutation, pooled_permutation, wilcoxon
from personalize.evaluation.rows import people_of, units_of
from personalize.evaluation.statistics import Statistic, difference, over_draws
from personalize.evaluation.targets import Target, check_target
from pretrain.errors import UserError, nearest

UNIT = ("seed", "participant", "recording", "track", "onset")
"""What a unit is known by across runs; `seed` is the draw in which it was tested."""


def paired_difference(
    predictions_a: pd.DataFrame,
    predictions_b: pd.DataFrame,
    metric: str,
    *,
    threshold: float | None,
    pooling: str = "mean_over_participants",
    draws: int = 2000,
    seed: int = 0,
    kind: str = "numeric",
) -> dict[str, Any]:
    """Metric of a minus metric of b, with the default interval over people and tests of no difference.

    `p_permutation` swaps the two systems of whole people, in all ways if those are no more than `draws`;
    `p_wilcoxon` takes the people's own differences, and is null for pooled metrics, that have none.
    Keys: metric, pooling, difference, low, high, interval, p_permutation, p_wilcoxon, n_participants, n_units,
    few_participants, reason.
    Raises `UserError` when the two were not tested on the same units with the same truth.
    """
    if metric not in METRICS:
        raise UserError(f"unknown metric {metric!r}{nearest(metric, METRICS)}")
    both, target = _same_units(predictions_a, predictions_b), Target(kind, threshold)
    pairs = list(zip(*(people_of(both, f"prediction_{side}", f"cut_{side}") for side in "ab"), strict=True))
    for units in (units for pair in pairs for units in pair):
        check_target(target, units.truth, units.prediction)
    found = over_draws([difference(metric, a, b, target, pooling) for a, b in pairs])
    limits = bounded(found)
    value = limits.pop("value")
    return {
        "metric": metric,
        "pooling": pooling,
        "difference": value,
        **limits,
        **_tests(metric, pairs, found, target, draws, seed, defined=value is not None),
        "n_participants": found.people,
        "n_units": units_of(found, pairs[0]),
        "few_participants": found.people < FEW,
    }


def _tests(
    metric: str, pairs: Sequence[tuple[People, People]], found: Statistic, target: Target, draws: int, seed: int, *,
    defined: bool,
) -> dict[str, float | None]:  # fmt: skip
    if not defined:
        return {"p_permutation": None, "p_wilcoxon": None}
    if found.values is None:
        return {"p_permutation": pooled_permutation(metric, pairs, target, draws, seed), "p_wilcoxon": None}
    changes = found.values[~np.isnan(found.values)]
    return {"p_permutation": mean_permutation(changes, draws, seed), "p_wilcoxon": wilcoxon(changes)}


def _same_units(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Predictions of a and b side by side, in the order of a."""
    key = [column for column in UNIT if column in a.columns and column in b.columns]
    for name, table in (("first", a), ("second", b)):
        if table.duplicated(key).any():
            raise UserError(f"the {name} predictions hold a unit twice: pick one system and adaptation")
    both = _named(a, key, "a").merge(_named(b, key, "b"), on=key, how="inner", validate="1:1")
    if not len(both) == len(a) == len(b):
        raise UserError(f"not the same test units: {len(a)} in the first, {len(b)} in the second, {len(both)} in both")
    if not np.array_equal(floats(both, "truth_a"), floats(both, "truth_b")):
        raise UserError("the two runs were tested against different ratings of the same units")
    return both.assign(truth=both["truth_a"])


def _named(table: pd.DataFrame, key: list[str], side: str) -> pd.DataFrame:
    """The columns that a comparison needs, those that are not the key marked by their side."""
    kept = [column for column in ("truth", "prediction", "cut") if column in table.columns]
    return pd.concat([table[key], table[kept].add_suffix(f"_{side}")], axis=1)
