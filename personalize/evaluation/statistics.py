"""What an interval is taken of: a number of a group of people, and how to have it again for any other draw of them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from personalize.evaluation.jackknife import natural_scale
from personalize.evaluation.metrics import METRICS
from personalize.evaluation.people import People, mean_replicates, person_values, pooled_replicates
from personalize.evaluation.targets import Target
from pretrain.errors import UserError, nearest

POOLINGS = ("mean_over_participants", "pooled")


class Statistic(NamedTuple):
    """A number over people; `again` gives it for each row of how often everybody of `counted` is there."""

    value: float | None
    reason: str | None
    """Why there is no value, or why it lacks people."""
    again: Callable[[Int[np.ndarray, "b q"]], Float[np.ndarray, "b"]]
    counted: Bool[np.ndarray, "p"]
    """Which of the participants count: all, or those who have a value."""
    scale: str
    """On which intervals are taken; see `jackknife.SCALES`."""

    @property
    def people(self) -> int:
        """How many people count."""
        return int(self.counted.sum())

    def left_out(self) -> Float[np.ndarray, "q"]:
        """The number without each person in turn."""
        return self.again(1 - np.eye(self.people, dtype=int))


def statistic(metric: str, units: People, target: Target, pooling: str) -> Statistic:
    """A metric of one system over people: the mean of theirs, or that of all units together."""
    if pooling == "pooled":
        value, reason = METRICS[metric](units.truth, units.prediction, target, units.cut)
        again = _pooled(metric, units, target)
        return Statistic(value, reason, again, np.ones(len(units.names), bool), natural_scale(metric))
    _known(pooling)
    values, reasons = person_values(metric, units, target)
    return _mean(values, reasons, natural_scale(metric))


def difference(metric: str, a: People, b: People, target: Target, pooling: str) -> Statistic:
    """The metric of system a minus that of b, for the same people and truths."""
    if pooling == "pooled":
        of_a, of_b = (METRICS[metric](units.truth, units.prediction, target, units.cut) for units in (a, b))
        value = of_a.value - of_b.value if of_a.value is not None and of_b.value is not None else None
        again_a, again_b = _pooled(metric, a, target), _pooled(metric, b, target)
        everybody = np.ones(len(a.names), bool)
        reason = of_a.reason or of_b.reason
        return Statistic(value, reason, lambda counts: again_a(counts) - again_b(counts), everybody, "as it is")
    _known(pooling)
    changes, reasons = person_differences(metric, a, b, target)
    return _mean(changes, reasons, "as it is")


def person_differences(metric: str, a: People, b: People, target: Target) -> tuple[np.ndarray, list[str]]:
    """The difference of every person, NaN where either is undefined, and the reasons of those."""
    values_a, reasons_a = person_values(metric, a, target)
    values_b, reasons_b = person_values(metric, b, target)
    return values_a - values_b, reasons_a + reasons_b


def _known(pooling: str) -> None:
    if pooling not in POOLINGS:
        raise UserError(f"unknown pooling {pooling!r}{nearest(pooling, POOLINGS)}")


def _pooled(metric: str, units: People, target: Target) -> Callable[[np.ndarray], np.ndarray]:
    return lambda counts: pooled_replicates(metric, units, counts, target)


def _mean(values: np.ndarray, reasons: list[str], scale: str) -> Statistic:
    counted = ~np.isnan(values)
    kept = values[counted]
    lost = len(values) - len(kept)
    commonest = max(sorted(set(reasons)), key=reasons.count) if reasons else ""
    reason = f"undefined for {lost} participants, e.g. {commonest}" if lost else None
    value = float(kept.mean()) if len(kept) else None
    return Statistic(value, reason, lambda counts: mean_replicates(kept, counts), counted, scale)
