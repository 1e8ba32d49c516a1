"""Never-worse guard: how far a person may leave the population model is decided by their own labels and by others.

A guarded prediction is `population + weight * (adapted - population)` with a weight in [0, 1] per person. The best
weight for a person is the slope of the population's errors on what the adaptation changes. It is seen on the person's
own labels, each predicted by a fit without it, and on training people who were adapted with as many labels; the two
are pooled. How far to trust either is chosen on the training people, where harm done counts more than good.
"""

from copy import copy
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from sklearn.base import BaseEstimator, clone

from personalize.adaptation.base import Adaptation, Head, Prediction, of_classes
from personalize.adaptation.reach import reaches
from personalize.adaptation.rows import by_person, checked, participants, record

PARTS = 5
"""A person's labels are left out one at a time, or so many parts of them where there are more."""


class Trust(NamedTuple):
    """How many labels the training people's slope is worth, and the largest weight."""

    others: float
    most: float


TRUSTS = tuple(Trust(*some) for some in product((np.inf, 30.0, 10.0, 3.0, 1.0), (0.0, 0.25, 0.5, 0.75, 1.0)))


class Slope(NamedTuple):
    """Mean products over labels: population's error with change, change with itself; and how many labels."""

    cross: float
    square: float
    labels: float


class Guard(BaseEstimator):
    """Any adaptation, held back.

    `penalty` is how many times an error that grows counts against one that shrinks; `folds` the number of groups of
    training people, each adapted from a population model and a prior that the others gave.

    Learned: `adaptation_`, `trust_`, `others_` (the training people's slope), `weight_` (by person), `reach_` (of
    intervals), `prior_participants_`, `participants_`, `seen_`.
    """

    KEPT = ("adaptation_", "start_", "weight_")
    """What predicting needs."""

    def __init__(self, adaptation: Adaptation, penalty: float = 3.0, folds: int = 5) -> None:
        self.adaptation = adaptation
        self.penalty = penalty
        self.folds = folds

    def learn_prior(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Any,
        *,
        calibration: Bool[np.ndarray, "n"],
        test: Bool[np.ndarray, "n"],
        start: Head,
    ) -> "Guard":
        """Learns the adaptation's prior from all training people, and from folds of them what to trust."""
        names = checked(X, y, groups)
        self.adaptation_: Adaptation = clone(self.adaptation)  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]
        self.adaptation_.learn_prior(X, y, groups, calibration=calibration, test=test, start=start)
        self.prior_participants_ = self.adaptation_.prior_participants_
        self.seen_ = record(start.seen_)
        own, later, asked_of = [], [], []
        for fold in self._folds(names):
            seen, out = np.flatnonzero(~fold), np.flatnonzero(fold)
            head = clone(start).fit(X[seen], y[seen], names[seen], held_out=np.unique(names[out]).tolist())  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]
            masks = {"calibration": calibration[seen], "test": test[seen]}
            model = clone(self.adaptation).learn_prior(X[seen], y[seen], names[seen], **masks, start=head)  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]
            given, asked = out[calibration[out]], out[test[out]]
            slopes = _left_out_slopes(model, X[given], y[given], names[given], head)
            model.fit(X[given], y[given], names[given], start=head)
            error, change = _changes(model, X[asked], y[asked], names[asked], head)
            for person, rows in by_person(names[asked]):
                if person in slopes:
                    own.append(slopes[person])
                    later.append(_slope(error[rows], change[rows]))
                    some = asked[rows]
                    both = head.predict(X[some]), model.predict(X[some], names[some])
                    asked_of.append((y[some], names[some], *both))
        self.others_, self.trust_ = self._trust(own, later)
        self.reach_ = self._reach(own, asked_of)
        return self

    def fit(self, X: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n"], groups: Any, *, start: Head) -> "Guard":
        """Adapts to everybody in `groups` and weighs each of them."""
        names = checked(X, y, groups)
        self.adaptation_ = copy(self.adaptation_)  # so that copies of a guard with one prior can be fitted apart
        slopes = _left_out_slopes(self.adaptation_, X, y, names, start)
        self.weight_ = {person: _weight(slope, self.others_, self.trust_) for person, slope in slopes.items()}
        self.adaptation_.fit(X, y, groups, start=start)
        self.participants_, self.start_ = self.adaptation_.participants_, start
        self.seen_ = record(start.seen_, groups=groups)
        return self

    def predict(self, X: Float[np.ndarray, "n d"], groups: Any) -> Prediction:
        """Between the population's prediction and the person's own."""
        population, own = self.start_.predict(X), self.adaptation_.predict(X, groups)
        weight = np.array([self.weight_.get(str(person), 0.0) for person in participants(groups)])
        return _mixed(population, own, weight)

    def _reach(self, own: list[Slope], asked: list[tuple[Any, ...]]) -> dict[str, float]:
        """How far intervals of numbers reach: by the errors of training people whom the model had not seen."""
        if not asked or asked[0][2].probability is not None:
            return {}
        error, se = [], []
        for slope, (y, _, population, adapted) in zip(own, asked, strict=True):
            found = _mixed(population, adapted, np.full(len(y), _weight(slope, self.others_, self.trust_)))
            error.append(y - found.value)
            se.append(found.se)
        return reaches(np.concatenate(error), np.concatenate(se), np.concatenate([each[1] for each in asked]))

    def _folds(self, names: np.ndarray) -> list[np.ndarray]:
        """Masks of the groups of training people; none where too few would be left to learn from."""
        people, code = np.unique(names, return_inverse=True)
        count = min(self.folds, len(people) // 2)
        return [code % count == fold for fold in range(count)] if count > 1 else []

    def _trust(self, own: list[Slope], later: list[Slope]) -> tuple[Slope, Trust]:
        """The training people's slope, and the trust under which their later rows fare best, harm counted more.

        Nobody's own later rows are in the slope that weighs them. A tie goes to the least departure.
        """
        if len(own) < 2:
            return Slope(0.0, 0.0, 0.0), TRUSTS[0]
        cross, square = (np.array([slope[i] for slope in later]) for i in (0, 1))
        without = [Slope(float(np.delete(cross, i).mean()), float(np.delete(square, i).mean()), 1.0)
                   for i in range(len(later))]  # fmt: skip
        best, chosen = -np.inf, TRUSTS[0]
        for trust in TRUSTS:
            weight = np.array([_weight(*pair, trust) for pair in zip(own, without, strict=True)])
            gain = 2 * weight * cross - weight**2 * square  # how much smaller the mean squared error is
            worth = np.where(gain < 0, self.penalty * gain, gain).mean()
            if worth > best + 1e-12:
                best, chosen = worth, trust
        return Slope(float(cross.mean()), float(square.mean()), 1.0), chosen


def _mixed(population: Prediction, own: Prediction, weight: Float[np.ndarray, "n"]) -> Prediction:
    """Between the two predictions; the standard error is that of their mixture."""
    if population.probability is not None and own.probability is not None:
        return of_classes((1 - weight)[:, None] * population.probability + weight[:, None] * own.probability)
    change = own.value - population.value
    variance = (1 - weight) * population.se**2 + weight * own.se**2 + weight * (1 - weight) * change**2
    return Prediction(population.value + weight * change, np.sqrt(variance))


def _weight(own: Slope, others: Slope, trust: Trust) -> float:
    """The pooled slope, in [0, trust.most]."""
    share = 0.0 if np.isinf(trust.others) else own.labels / (own.labels + trust.others)
    cross = share * own.cross + (1 - share) * others.cross
    square = share * own.square + (1 - share) * others.square
    return float(trust.most * np.clip(cross / square, 0.0, 1.0)) if square > 0 else 0.0


def _left_out_slopes(
    model: Adaptation, X: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n"], names: np.ndarray, start: Head
) -> dict[str, Slope]:
    """What everybody's own labels say of the adaptation, each label predicted by a fit without its part of them.

    Someone with a single label has none left over and says nothing.
    """
    place = np.zeros(len(y), int)
    for _, rows in by_person(names):
        place[rows] = np.arange(len(rows)) % PARTS if len(rows) > 1 else -1
    error: list[np.ndarray] = [np.zeros(0)] * len(y)
    change = list(error)
    for part in range(min(PARTS, place.max(initial=-1) + 1)):
        out, kept = np.flatnonzero(place == part), np.flatnonzero((place != part) & (place >= 0))
        model.fit(X[kept], y[kept], names[kept], start=start)
        for i, e, c in zip(out, *_changes(model, X[out], y[out], names[out], start), strict=True):
            error[i], change[i] = e, c
    slopes = {}
    for person, rows in by_person(names):
        pairs = [(error[i], change[i]) for i in rows if place[i] >= 0]
        e, c = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
        slopes[person] = _slope(e, c) if pairs else Slope(0.0, 0.0, 0.0)
    return slopes


def _changes(
    model: Adaptation, X: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n"], names: np.ndarray, start: Head
) -> tuple[Float[np.ndarray, "n c"], Float[np.ndarray, "n c"]]:
    """The population's errors, and what the adaptation changes; of numbers, or of the classes' probabilities."""
    population, own = start.predict(X), model.predict(X, names)
    if population.probability is None or own.probability is None:
        return (y - population.value)[:, None], (own.value - population.value)[:, None]
    truth = np.eye(population.probability.shape[1])[y.astype(int)]
    return truth - population.probability, own.probability - population.probability


def _slope(error: Float[np.ndarray, "n c"], change: Float[np.ndarray, "n c"]) -> Slope:
    return Slope(float((error * change).sum(axis=1).mean()), float((change**2).sum(axis=1).mean()), float(len(error)))
