"""A person's own monotone map from the population's prediction to their labels, shrunk to none."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from sklearn.base import BaseEstimator
from sklearn.isotonic import IsotonicRegression

from personalize.adaptation.base import Head, Prediction
from personalize.adaptation.prior import choose
from personalize.adaptation.rows import by_person, checked, participants, record

STRENGTHS = (np.inf, 30.0, 10.0, 3.0, 1.0, 0.0)


class Isotonic(BaseEstimator):
    """`prediction + k / (k + strength) * (map(prediction) - prediction)` for a person of k labels, `fewest` or more.

    Below that the population's prediction stays. Flat beyond the labels on either side.

    Learned: `strength_` (in labels; chosen by the training people's k-shot errors), `se_` (root mean square of the
    latter), `maps_` (knots of every person's map), `prior_participants_`, `participants_`, `seen_`.
    """

    KEPT = ("start_", "strength_", "se_", "maps_")
    """What predicting needs."""

    def __init__(self, fewest: int = 3, strengths: tuple[float, ...] = STRENGTHS) -> None:
        self.fewest = fewest
        self.strengths = strengths

    def learn_prior(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Any,
        *,
        calibration: Bool[np.ndarray, "n"],
        test: Bool[np.ndarray, "n"],
        start: Head,
    ) -> "Isotonic":
        """Chooses the strength on the rows that `start` was fitted on, each person predicted without themselves.

        It stays with the population model unless the best gains more than one standard error over people.
        """
        names = checked(X, y, groups)
        self.prior_participants_ = frozenset(map(str, np.unique(names)))
        self.seen_ = record(start.seen_)
        population, errors = start.left_out_.value, []
        for _, rows in by_person(names):
            given, asked = rows[calibration[rows]], rows[test[rows]]
            if len(asked):
                own = self._map(population[given], y[given])
                mapped = [_moved(population[asked], own, strength) for strength in self.strengths]
                errors.append(((np.array(mapped) - y[asked]) ** 2).mean(axis=1))
        table = np.array(errors).reshape(-1, len(self.strengths))
        self.strength_ = choose(table, self.strengths)
        found = table[:, self.strengths.index(self.strength_)]
        self.se_ = float(np.sqrt(found.mean())) if len(found) else float(start.left_out_.se.mean())
        return self

    def fit(self, X: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n"], groups: Any, *, start: Head) -> "Isotonic":
        """Fits the map of every person in `groups` who has labels enough."""
        names = checked(X, y, groups)
        self.participants_ = frozenset(map(str, np.unique(names)))
        self.seen_ = record(start.seen_, groups=groups)
        self.start_ = start
        population = start.predict(X).value
        self.maps_ = {person: self._map(population[rows], y[rows]) for person, rows in by_person(names)}
        return self

    def predict(self, X: Float[np.ndarray, "n d"], groups: Any) -> Prediction:
        """Each person's own prediction; people without labels enough get the population model's."""
        value, se, _ = self.start_.predict(X)
        for person, rows in by_person(participants(groups)):
            if person in self.maps_ and len(self.maps_[person]):
                value[rows] = _moved(value[rows], self.maps_[person], self.strength_)
                se[rows] = self.se_
        return Prediction(value, se)

    def _map(self, population: Float[np.ndarray, "k"], y: Float[np.ndarray, "k"]) -> Float[np.ndarray, "j 2"]:
        """Knots (prediction, label) of the map, one per label; none where there are too few labels."""
        if len(y) < self.fewest:
            return np.zeros((0, 2))
        order = np.argsort(population, kind="stable")
        return np.column_stack([population[order], IsotonicRegression().fit_transform(population, y)[order]])


def _moved(value: Float[np.ndarray, "n"], knots: Float[np.ndarray, "k 2"], strength: float) -> Float[np.ndarray, "n"]:
    if not len(knots) or np.isinf(strength):
        return value
    return value + len(knots) / (len(knots) + strength) * (np.interp(value, knots[:, 0], knots[:, 1]) - value)
