"""Units grouped by participant, and the metric of every person."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from personalize.evaluation.metrics import METRICS
from personalize.evaluation.replicates import pooled_values
from personalize.evaluation.targets import Target, as_target, view


class People(NamedTuple):
    """Units by participant; `names` are sorted and `code` indexes them.

    `cut`, if there, says for each unit from where on its prediction counts as an event (see `targets.view`).
    """

    truth: Float[np.ndarray, "n"]
    prediction: Float[np.ndarray, "n"]
    code: Int[np.ndarray, "n"]
    names: Shaped[np.ndarray, "p"]
    cut: Float[np.ndarray, "n"] | None = None


def by_people(
    truth: Float[np.ndarray, "n"],
    prediction: Float[np.ndarray, "n"],
    participant: Shaped[np.ndarray, "n"],
    cut: Float[np.ndarray, "n"] | None = None,
) -> People:
    """Groups units by participant."""
    names, code = np.unique(participant, return_inverse=True)
    return People(truth, prediction, code, names, cut)


def pooled_replicates(
    metric: str, units: People, counts: Int[np.ndarray, "b p"], target: Target | float | None
) -> Float[np.ndarray, "b"]:
    """The pooled metric when every person is there as often as a row of counts says; NaN where undefined."""
    target = as_target(target)
    seen = view(metric, units.truth, units.prediction, target, units.cut)
    if isinstance(seen, str):
        return np.full(len(counts), np.nan)
    return pooled_values(metric, target, *seen, units.code, counts.astype(float))


def person_values(metric: str, units: People, target: Target | float | None) -> tuple[np.ndarray, list[str]]:
    """The metric of every person, NaN where undefined, and the reasons of those."""
    size = len(units.names)
    values = pooled_replicates(metric, units, np.eye(size, dtype=int), target)
    reasons = []
    for person in np.flatnonzero(np.isnan(values)):
        own = units.code == person
        cut = None if units.cut is None else units.cut[own]
        value, reason = METRICS[metric](units.truth[own], units.prediction[own], target, cut)
        values[person] = np.nan if value is None else value
        reasons += [] if reason is None else [reason]
    return values, reasons


def mean_replicates(values: Float[np.ndarray, "p"], counts: Int[np.ndarray, "b p"]) -> Float[np.ndarray, "b"]:
    """Mean over people in each resample, people with NaN left out; NaN where nobody is left."""
    defined = ~np.isnan(values)
    size = counts @ defined
    total = counts @ np.where(defined, values, 0.0)
    return np.divide(total, size, out=np.full(len(counts), np.nan), where=size > 0)
