"""Per-person standardisation of features from units without labels."""

from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator

from personalize.adaptation.rows import by_person, checked, participants
from personalize.protocols.seen import saw


class Normalise(BaseEstimator):
    """Features less their mean over a person's units, in units of the person's own spread.

    The spread is that of the person's units shrunk to the pooled spread within people as if `strength` more units had
    been seen with it: one unit says nothing of a spread, and a column that a person never moves keeps the pooled one.
    People unknown to the fit get the mean and the spread of all units that were seen.

    Learned: `mean_`, `scale_` (of all), `within_` (pooled spread within people), `means_`, `scales_` (by person),
    `participants_`, `seen_`.
    """

    KEPT = ("mean_", "scale_", "means_", "scales_")
    """What transforming needs."""

    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength

    def fit(self, X: Float[np.ndarray, "n d"], y: Any = None, *, groups: Any) -> "Normalise":
        """Means and spreads of everybody in `groups`; labels are not looked at."""
        names = checked(X, np.zeros(len(X)), groups)
        people = list(by_person(names))
        self.participants_, self.seen_ = frozenset(person for person, _ in people), saw(groups)
        self.mean_, self.scale_ = X.mean(axis=0), _some(X.std(axis=0), np.ones(X.shape[1]), X)
        squares = np.array([((X[rows] - X[rows].mean(axis=0)) ** 2).sum(axis=0) for _, rows in people])
        self.within_ = _some(np.sqrt(squares.sum(axis=0) / max(len(X) - len(people), 1)), self.scale_, X)
        self.means_, self.scales_ = {}, {}
        for (person, rows), square in zip(people, squares, strict=True):
            self.means_[person] = X[rows].mean(axis=0)
            mixed = (square + self.strength * self.within_**2) / (len(rows) - 1 + self.strength)
            self.scales_[person] = _some(np.sqrt(mixed), self.within_, X)
        return self

    def transform(self, X: Float[np.ndarray, "n d"], groups: Any) -> Float[np.ndarray, "n d"]:
        """Every row by its person's own mean and spread; rows that are not finite stay so."""
        out = (X - self.mean_) / self.scale_
        for person, rows in by_person(participants(groups)):
            if person in self.means_:
                out[rows] = (X[rows] - self.means_[person]) / self.scales_[person]
        return out

    def fit_transform(self, X: Float[np.ndarray, "n d"], y: Any = None, *, groups: Any) -> Float[np.ndarray, "n d"]:
        """Fits, then transforms the same units."""
        return self.fit(X, groups=groups).transform(X, groups)


def _some(
    spread: Float[np.ndarray, "d"], instead: Float[np.ndarray, "d"], X: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, "d"]:
    """The spread, and something else where it is none but for rounding."""
    return np.where(spread > 1e-12 * np.maximum(1.0, np.abs(X).max(axis=0, initial=0.0)), spread, instead)
