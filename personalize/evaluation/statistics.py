"""What an interval is taken of: a number of a group of people, and how to have it again for any other draw of them."""

import warnings
from collections.abc import Callable, Sequence
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
    values: Float[np.ndarray, "p"] | None = None
    """Of every participant, NaN where undefined, if the number is the mean of theirs."""
    reasons: Sequence[str] = ()
    """Of those who lack it."""

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
    return mean_over_people(values, reasons, natural_scale(metric))


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
    return mean_over_people(changes, reasons, "as it is")


def over_draws(found: Sequence[Statistic]) -> Statistic:
    """The mean of the same number over several draws, such as of the labels that a person was adapted with.

    A person who lacks the number in some draws counts with the mean of the others, a number of all units together
    has to be there in all.
    """
    if len(found) == 1:
        return found[0]
    each = [one.values for one in found if one.values is not None]
    if len(each) == len(found):
        with warnings.catch_warnings():  # of people who lack it in all draws
            warnings.simplefilter("ignore", RuntimeWarning)
            values = np.nanmean(np.stack(each), axis=0)
        reasons = [reason for one in found for reason in one.reasons]
        return mean_over_people(values, reasons, found[0].scale)
    lost = [one.reason for one in found if one.value is None]
    if lost:
        reason = f"undefined in {len(lost)} of {len(found)} draws, e.g. {lost[0]}"
        return found[0]._replace(value=None, reason=reason)
    value = float(np.mean([one.value for one in found if one.value is not None]))
    return found[0]._replace(value=value, again=lambda counts: np.mean([one.again(counts) for one in found], axis=0))


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


def mean_over_people(values: Float[np.ndarray, "p"], reasons: Sequence[str], scale: str) -> Statistic:
    """The mean of a number that every person has, NaN where they lack it for one of the reasons."""
    counted = ~np.isnan(values)
    kept = values[counted]
    lost = len(values) - len(kept)
    commonest = max(sorted(set(reasons)), key=list(reasons).count) if reasons else ""
    reason = f"undefined for {lost} participants, e.g. {commonest}" if lost else None
    value = float(kept.mean()) if len(kept) else None
    return Statistic(value, reason, lambda counts: mean_replicates(kept, counts), counted, scale, values, reasons)
