"""Ridge regression per person, centred on the population model.

A person's model is the population head plus an offset, a gain along the population's direction and a correction
in a few other directions, each with a Gaussian prior of mean zero. Without labels it *is* the population model;
labels pull away from it smoothly. The three prior variances are those that would have served the training people
best under the same k-shot protocol.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped
from sklearn.base import BaseEstimator

from personalize.heads.ridge import RidgeHead


class Prior(NamedTuple):
    """Prior variances over the noise variance: offset, gain (per standard deviation of the prediction), rest."""

    offset: float
    gain: float
    rest: float


POPULATION = Prior(0.0, 0.0, 0.0)
"""Under this one a person's model is the population's, whatever their labels."""
GRID = tuple(
    Prior(*values)
    for values in product(
        (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0), (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0), (0.0, 0.01, 0.03, 0.1, 0.3)
    )
)
"""Tried in this order, so that a tie goes to the least departure from the population."""


class Ridge(BaseEstimator):
    """Offset, gain and `components` further directions per person, shrunk to the population head.

    Learned: `prior_`, `prior_participants_` (whose data chose it), `participants_` (whose labels were used).
    """

    def __init__(self, components: int = 8, grid: tuple[Prior, ...] = GRID) -> None:
        self.components = components
        self.grid = grid

    def learn_prior(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Shaped[np.ndarray, "n"],
        *,
        calibration: Bool[np.ndarray, "n"],
        test: Bool[np.ndarray, "n"],
        start: RidgeHead,
    ) -> "Ridge":
        """Chooses the prior on the rows that `start` was fitted on, each person predicted without themselves.

        It stays with the population model unless the best prior gains more than one standard error over people:
        among a dozen people the smallest of hundreds of errors is small partly by luck.
        """
        self.prior_participants_ = frozenset(str(name) for name in np.unique(groups))
        population = start.left_out_
        design = self._design(X, population, start)
        errors = []
        for person in np.unique(groups):
            given, asked = (np.flatnonzero(mask & (groups == person)) for mask in (calibration, test))
            if len(given) and len(asked):
                change = _corrections(design[given], (y - population)[given], design[asked], self.grid)
                errors.append(((population[asked] + change - y[asked]) ** 2).mean(axis=1))
        self.prior_ = _choose(np.array(errors).reshape(-1, len(self.grid)), self.grid)
        return self

    def fit(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Shaped[np.ndarray, "n"],
        *,
        start: RidgeHead,
    ) -> "Ridge":
        """Fits every person in `groups` on their own rows."""
        self.start_ = start
        self.participants_ = frozenset(str(name) for name in np.unique(groups))
        population = start.predict(X)
        design = self._design(X, population, start)
        variance = self._variances(design.shape[1])
        self.coef_: dict[str, np.ndarray] = {}
        for person in self.participants_:
            b, error = design[groups == person], (y - population)[groups == person]
            dual = np.linalg.solve((b * variance) @ b.T + np.eye(len(b)), error)
            self.coef_[person] = variance * (b.T @ dual)
        return self

    def predict(self, X: Float[np.ndarray, "n d"], groups: Shaped[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        """Each person's own prediction; people without labels get the population model's."""
        out = self.start_.predict(X)
        design = self._design(X, out, self.start_)
        for person in self.participants_ & set(map(str, groups)):
            out[groups == person] += design[groups == person] @ self.coef_[person]
        return out

    def _variances(self, width: int) -> Float[np.ndarray, "p"]:
        return np.array([self.prior_.offset, self.prior_.gain, *[self.prior_.rest] * (width - 2)])

    def _design(
        self, X: Float[np.ndarray, "n d"], population: Float[np.ndarray, "n"], start: RidgeHead
    ) -> Float[np.ndarray, "n p"]:
        """Columns: one, the population's prediction, whitened principal components without the latter's share."""
        axes = start.directions_[:, : self.components] / np.sqrt(start.variances_[: self.components])
        share = axes.T @ (start.directions_ * start.variances_) @ (start.directions_.T @ start.coef_)
        spread = np.sqrt(start.coef_ @ (start.directions_ * start.variances_) @ (start.directions_.T @ start.coef_))
        spread = spread if spread > 1e-9 else 1.0  # a head that predicts one value for all has no direction
        along = (population - start.intercept_) / spread
        others = start.standardise(X) @ axes - np.outer(along, share / spread)
        return np.column_stack([np.ones(len(X)), along, others])


def _choose(error: Float[np.ndarray, "p a"], grid: tuple[Prior, ...]) -> Prior:
    """The prior of least mean error, if its gain over the population model is more than one standard error."""
    if len(error) < 2:
        return POPULATION
    best = int(error.mean(axis=0).argmin())
    gain = error[:, grid.index(POPULATION)] - error[:, best]
    return grid[best] if gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)) else POPULATION


def _corrections(
    given: Float[np.ndarray, "k p"],
    error: Float[np.ndarray, "k"],
    asked: Float[np.ndarray, "n p"],
    grid: tuple[Prior, ...],
) -> Float[np.ndarray, "a n"]:
    """What each prior would add to the population's predictions of the rows `asked`, from k errors of it."""
    blocks = (slice(0, 1), slice(1, 2), slice(2, None))
    within = np.stack([given[:, s] @ given[:, s].T for s in blocks])
    across = np.stack([asked[:, s] @ given[:, s].T for s in blocks])
    variance = np.asarray(grid)
    dual = np.linalg.solve(np.tensordot(variance, within, 1) + np.eye(len(given)), error[:, None])[..., 0]
    return np.einsum("ab,bnk,ak->an", variance, across, dual, optimize=True)
