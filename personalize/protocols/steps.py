"""Steps on features that come before any model, per person and without training labels: `reference`, `normalise`.

What they may look at is part of the protocol: the neutral moment, or the units from which labels could have come.
Where labels are drawn several times, the features of training people are those of the first draw: the population is
the same in all of them.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from personalize.adaptation.normalise import Normalise
from personalize.config import LowestPredicted
from personalize.protocols.base import Fold
from personalize.protocols.neutral import ORACLE, TRANSDUCTIVE, Neutral, lowest_predicted, minus_neutral
from personalize.protocols.plan import Job, Plan, finite_rows
from personalize.protocols.seen import Seen


class Step(NamedTuple):
    """Features of all rows after a step, and what the audit and the reader have to know of it."""

    x: Float[np.ndarray, "n d"]
    """Of all rows, NaN where a person has no reference."""
    marks: tuple[str, ...] = ()
    reference: Bool[np.ndarray, "n"] | None = None
    """Rows that gave the neutral moment; None where they may lie among the test units, which `marks` then says."""
    seen: Seen | None = None
    """Of what was fitted; None for nothing, or where `marks` says that test units were among it."""
    key: tuple[Any, ...] = ()
    """Steps of one fold with the same key are the same."""


def raw(plan: Plan) -> Step:
    """The features as they are."""
    return Step(plan.rows.x, key=("",))


def referenced(plan: Plan, job: Job, k: int, predicted: Float[np.ndarray, "n"] | None) -> Step:
    """Differences to the neutral moment; `predicted`, of all rows, only where the config asks for the lowest."""
    config, x = plan.config.neutral, plan.rows.x
    if isinstance(config, LowestPredicted):
        assert predicted is not None
        usable = finite_rows(x)
        neutral = lowest_predicted(plan.rows.recording, usable, predicted, config.count)
        return _step(neutral, minus_neutral(x, neutral), (job.outer,))
    neutral = plan.neutral(k, plan.draw_of(job))
    if not neutral.labels_used.any():
        return _step(neutral, minus_neutral(x, neutral), ())
    others = minus_neutral(x, plan.neutral(k, 0))
    return _step(neutral, np.where(tested_rows(plan, job)[:, None], minus_neutral(x, neutral), others), (k,))


def _step(neutral: Neutral, x: Float[np.ndarray, "n d"], key: tuple[Any, ...]) -> Step:
    seen_test = ORACLE in neutral.marks() or TRANSDUCTIVE in neutral.marks()
    return Step(x, neutral.marks(), None if seen_test else neutral.reference, key=("reference", *key))


def normalised(plan: Plan, job: Job, *, every: bool) -> Step:
    """Standardised per person: on the units of the pool and unrated rows away from the test, or on all rows."""
    good = np.flatnonzero(finite_rows(plan.rows.x))
    fitted = normaliser(plan, job, every=every)
    x = np.full_like(plan.rows.x, np.nan)
    x[good] = fitted.transform(plan.rows.x[good], groups=plan.row_units.take(good))
    if every:
        return Step(x, (TRANSDUCTIVE,), key=("normalise_all",))
    return Step(x, seen=fitted.seen_, key=("normalise",))


def normaliser(plan: Plan, job: Job, *, every: bool) -> Normalise:
    """What standardises every person of a fold."""
    allowed = np.ones(len(plan.rows.y), bool) if every else quiet_rows(plan, job)
    some = np.flatnonzero(finite_rows(plan.rows.x) & allowed)
    return Normalise().fit(plan.rows.x[some], groups=plan.row_units.take(some))


def tested_rows(plan: Plan, job: Job) -> Bool[np.ndarray, "n"]:
    """All rows of the people whom a fold tests."""
    return np.isin(plan.rows.participant, np.unique(plan.units.participant[job.test]))


def quiet_rows(plan: Plan, job: Job) -> Bool[np.ndarray, "n"]:
    """Rows that no test touches: the pool, and unrated rows of recordings that hold no test unit.

    Those of training people are as in the first draw, so that they are trained on but once.
    """
    tested = tested_rows(plan, job)
    return np.where(tested, _quiet(plan, plan.draw_of(job)), _quiet(plan, 0))


def _quiet(plan: Plan, draw: int) -> Bool[np.ndarray, "n"]:
    pool, test = np.zeros(len(plan.rows.y), bool), np.zeros(len(plan.rows.y), bool)
    pool[plan.valid], test[plan.valid] = plan.pool(draw), plan.roles(0, draw)[1]
    unrated = plan.rows.weight == 0
    return pool | (unrated & ~np.isin(plan.rows.recording, np.unique(plan.rows.recording[test])))


def audited_fold(plan: Plan, job: Job) -> Fold:
    """The fold, in positions of rows, that a step without labels may look at."""
    people, tested = plan.rows.participant, tested_rows(plan, job)
    train = np.isin(people, np.unique(plan.units.participant[job.train])) & ~tested
    own = tested & quiet_rows(plan, job)
    return Fold(job.outer, np.flatnonzero(train), np.flatnonzero(own), plan.valid[job.test])
