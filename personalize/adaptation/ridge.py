"""Ridge regression per person, centred on the population model, with predictive standard errors.

A person's model is the population head plus an offset, a gain along the population's direction and a correction
in a few other directions, each with a Gaussian prior of mean zero. Without labels it *is* the population model;
labels pull away from it smoothly. The three prior variances are those that would have served the training people
best under the same k-shot protocol; the noise variance is what their errors then show.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped
from sklearn.base import BaseEstimator

from personalize.adaptation.base import Prediction
from personalize.adaptation.prior import GRID, POPULATION, Prior, choose, grid_errors, likeliest, posterior, variances
from personalize.adaptation.reach import reaches
from personalize.adaptation.rows import by_person, checked, participants, record
from personalize.heads.ridge import RidgeHead


class Ridge(BaseEstimator):
    """Offset, gain and `components` further directions per person, shrunk to the population head.

    With `components=0` this is the affine recalibration `calibrate`.

    Learned: `prior_` (variances over the noise variance), `spread_` (those of the predictive variance), `noise_`
    (variance), `reach_` (of intervals), `coef_` and `covariance_` of every person, `prior_participants_` (whose data
    chose the prior), `participants_` (whose labels were used), `seen_`.
    """

    KEPT = ("start_", "axes_", "share_", "width_", "prior_", "spread_", "noise_", "coef_", "covariance_")
    """What predicting needs."""

    def __init__(self, components: int = 8, grid: tuple[Prior, ...] = GRID) -> None:
        self.components = components
        self.grid = grid

    def learn_prior(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Any,
        *,
        calibration: Bool[np.ndarray, "n"],
        test: Bool[np.ndarray, "n"],
        start: RidgeHead,
    ) -> "Ridge":
        """Chooses the prior on the rows that `start` was fitted on, each person predicted without themselves."""
        names = checked(X, y, groups)
        self.prior_participants_ = frozenset(map(str, np.unique(names)))
        self.seen_ = record(start.seen_)
        self._look(start)
        error = y - start.left_out_.value
        design = self._design(X, start.left_out_.value)
        people = [(rows[calibration[rows]], rows[test[rows]]) for _, rows in by_person(names)]
        people = [pair for pair in people if len(pair[1])] or [(rows[:0], rows) for _, rows in by_person(names)]
        both = [pair for pair in people if len(pair[0])]
        self.prior_ = choose(grid_errors(design, error, both, self.grid), self.grid)
        self.spread_, self.noise_ = self._noise(design, error, people)
        self.reach_ = self._reach(design, error, names, people)
        return self

    def fit(self, X: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n"], groups: Any, *, start: RidgeHead) -> "Ridge":
        """Fits every person in `groups` on their own rows."""
        names = checked(X, y, groups)
        self.participants_ = frozenset(map(str, np.unique(names)))
        self.seen_ = record(start.seen_, groups=groups)
        self._look(start)
        population = start.predict(X).value
        design = self._design(X, population)
        self.coef_: dict[str, np.ndarray] = {}
        self.covariance_: dict[str, np.ndarray] = {}
        for person, rows in by_person(names):
            self.coef_[person], self.covariance_[person] = self._posterior(design[rows], (y - population)[rows])
        return self

    def predict(self, X: Float[np.ndarray, "n d"], groups: Any) -> Prediction:
        """Each person's own prediction; people without labels get the population model's."""
        value = self.start_.predict(X).value
        design = self._design(X, value)
        se = np.sqrt(self.noise_ * (1 + design**2 @ variances(self._spread(), design.shape[1])))
        for person, rows in by_person(participants(groups)):
            if person in self.coef_:
                b = design[rows]
                value[rows] += b @ self.coef_[person]
                se[rows] = np.sqrt(self.noise_ * (1 + ((b @ self.covariance_[person]) * b).sum(axis=1)))
        return Prediction(value, se)

    def _posterior(
        self, design: Float[np.ndarray, "k p"], error: Float[np.ndarray, "k"]
    ) -> tuple[Float[np.ndarray, "p"], Float[np.ndarray, "p p"]]:
        """A person's corrections, and how well the labels know them in units of the noise variance."""
        gram, score = design.T @ design, design.T @ error
        coef, covariance = posterior(gram, score, variances(self.prior_, design.shape[1]))
        if self._spread() != self.prior_:
            # The mean stays the population's, yet people were seen to spread about it.
            covariance = np.diag(variances(self._spread(), design.shape[1]))
        return coef, covariance

    def _spread(self) -> Prior:
        return self.spread_ if self.prior_ == POPULATION else self.prior_

    def _noise(
        self,
        design: Float[np.ndarray, "n p"],
        error: Float[np.ndarray, "n"],
        people: list[tuple[np.ndarray, np.ndarray]],
    ) -> tuple[Prior, float]:
        """The prior of the predictive variance, and the noise variance with which it is of the size of the errors."""
        if self.prior_ == POPULATION:
            return likeliest(design, error, [asked for _, asked in people], self.grid)
        variance, found = variances(self.prior_, design.shape[1]), []
        for given, asked in people:
            b, a = design[given], design[asked]
            coef, covariance = posterior(b.T @ b, b.T @ error[given], variance)
            found.append(((error[asked] - a @ coef) ** 2 / (1 + ((a @ covariance) * a).sum(axis=1))).mean())
        return self.prior_, float(np.mean(found))

    def _reach(
        self,
        design: Float[np.ndarray, "n p"],
        error: Float[np.ndarray, "n"],
        names: Shaped[np.ndarray, "n"],
        people: list[tuple[np.ndarray, np.ndarray]],
    ) -> dict[str, float]:
        """How far intervals reach: by the errors of training people, each adapted from what was given of them."""
        left, se = error.copy(), np.zeros(len(error))
        for given, asked in people:
            coef, covariance = self._posterior(design[given], error[given])
            a = design[asked]
            left[asked] -= a @ coef
            se[asked] = np.sqrt(self.noise_ * (1 + ((a @ covariance) * a).sum(axis=1)))
        return reaches(left, se, names)

    def _look(self, start: RidgeHead) -> None:
        """Takes from the population head the directions in which a person may differ from it."""
        self.start_ = start
        axes = start.directions_[:, : self.components] / np.sqrt(start.variances_[: self.components])
        covariance = (start.directions_ * start.variances_) @ (start.directions_.T @ start.coef_)
        width = float(np.sqrt(start.coef_ @ covariance))
        self.width_ = width if width > 1e-9 else 1.0  # a head that predicts one value for all has no direction
        self.axes_, self.share_ = axes, axes.T @ covariance / self.width_

    def _design(self, X: Float[np.ndarray, "n d"], population: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n p"]:
        """Columns: one, the population's prediction, whitened principal components without the latter's share."""
        along = (population - self.start_.intercept_) / self.width_
        others = self.start_.standardise(X) @ self.axes_ - np.outer(along, self.share_)
        return np.column_stack([np.ones(len(X)), along, others])
