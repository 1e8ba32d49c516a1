"""What an alarm, or its absence, means where events are rarer or commoner than in the sample (Bayes' theorem)."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from personalize.evaluation.intervals import bounded
from personalize.evaluation.people import People
from personalize.evaluation.rows import units_of
from personalize.evaluation.statistics import Statistic, over_draws, statistic
from personalize.evaluation.targets import Target

PREVALENCES = (0.01, 0.05, 0.1, 0.2, 0.5)
SIDES = ("sensitivity", "specificity")


def ppv(
    sensitivity: Float[np.ndarray, "b"], specificity: Float[np.ndarray, "b"], prevalence: float
) -> Float[np.ndarray, "b"]:
    """Share of events among what is called one; NaN where nothing is.

    >>> float(ppv(np.array([0.9]), np.array([0.95]), 0.01)[0].round(3))
    0.154
    """
    return _share(sensitivity * prevalence, (1 - specificity) * (1 - prevalence))


def npv(
    sensitivity: Float[np.ndarray, "b"], specificity: Float[np.ndarray, "b"], prevalence: float
) -> Float[np.ndarray, "b"]:
    """Share of non-events among what is not called an event; NaN where all is."""
    return _share(specificity * (1 - prevalence), (1 - sensitivity) * prevalence)


def _share(right: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    return np.divide(right, right + wrong, out=np.full(len(right), np.nan), where=right + wrong > 0)


def prevalence_rows(draws: Sequence[People]) -> list[dict[str, Any]]:
    """Sensitivity and specificity of all units together at their cut, then PPV and NPV at each of `PREVALENCES`.

    `draws` hold truth 0 or 1, the probability of 1, and from where on it is called. The interval is that of the
    predictive value itself, of which sensitivity and specificity move together.
    Keys: metric, prevalence (null for the first two), value, low, high, interval, n_participants, n_units, reason.
    """
    sides = [over_draws([statistic(side, units, Target("probability"), "pooled") for units in draws]) for side in SIDES]
    found = [(side, None, each) for side, each in zip(SIDES, sides, strict=True)]
    for prevalence in PREVALENCES:
        found += [(f.__name__, prevalence, _statistic(f, sides, prevalence)) for f in (ppv, npv)]
    return [
        {
            "metric": metric,
            "prevalence": prevalence,
            **bounded(each),
            "n_participants": each.people,
            "n_units": units_of(each, draws),
        }
        for metric, prevalence, each in found
    ]


def _statistic(f: Any, sides: Sequence[Statistic], prevalence: float) -> Statistic:
    if lost := next((side.reason for side in sides if side.value is None), None):
        return sides[0]._replace(value=None, reason=lost)
    value = float(f(*(np.array([side.value]) for side in sides), prevalence)[0])
    what = "nothing is called an event" if f is ppv else "everything is called an event"
    again = partial(_again, f, sides, prevalence)
    undefined = bool(np.isnan(value))
    counted = sides[0].counted
    return Statistic(None if undefined else value, what if undefined else None, again, counted, "logit")


def _again(f: Any, sides: Sequence[Statistic], prevalence: float, counts: np.ndarray) -> np.ndarray:
    return f(*(side.again(counts) for side in sides), prevalence)
