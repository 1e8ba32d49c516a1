"""Ridge for classes: the population's class means, moved for a person, under a Gaussian prior centred on no move.

In the space of the population head, where its covariance within classes is the unit matrix, a share `common` of that
variance is a shift of the person that all classes share, a share `own` shifts that each class has for itself, and the
rest is within persons. The variance within a population is made of these three, so that somebody without labels is
predicted by the population model exactly, and labels pull away from it smoothly. Everything is in closed form.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.base import BaseEstimator

from personalize.adaptation.base import Prediction, of_classes
from personalize.adaptation.prior import choose
from personalize.adaptation.rows import by_person, checked, participants, record
from personalize.heads.gaussian import LEAST, GaussianHead, class_codes, log_probability


class Shares(NamedTuple):
    """Shares of the population's variance that are between persons."""

    common: float
    own: float


SHARES = tuple(
    Shares(*some)
    for some in product((0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7), (0.0, 0.03, 0.1, 0.2, 0.3))
    if sum(some) < 0.95
)
"""Tried in this order; the first is the population model."""


class ClassRidge(BaseEstimator):
    """Class means of every person, shrunk to the population's.

    Learned: `prior_`, `moved_` (their means, by person) and `variance_` (about them), `prior_participants_`,
    `participants_`, `seen_`.
    """

    KEPT = ("start_", "moved_", "variance_")
    """What predicting needs."""

    def __init__(self, grid: tuple[Shares, ...] = SHARES) -> None:
        self.grid = grid

    def learn_prior(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Any,
        *,
        calibration: Bool[np.ndarray, "n"],
        test: Bool[np.ndarray, "n"],
        start: GaussianHead,
    ) -> "ClassRidge":
        """Chooses the shares on the rows that `start` was fitted on, each person without themselves, by log loss.

        It stays with the population model unless the best gains more than one standard error over people.
        """
        names, codes = checked(X, y, groups), class_codes(y)
        self.prior_participants_ = frozenset(map(str, np.unique(names)))
        self.seen_ = record(start.seen_)
        losses, z = [], start.left_out_z_
        for _, rows in by_person(names):
            given, asked = rows[calibration[rows]], rows[test[rows]]
            if len(given) and len(asked):
                population = start.left_out_means_[start.fold_[rows[0]]]
                means, variance = move(z[given], codes[given], population, start.share_, self.grid)
                logs = log_probability(z[asked], means, start.share_, variance)
                said = logs[:, np.arange(len(asked)), codes[asked]]
                losses.append(-np.maximum(said, np.log(LEAST)).mean(axis=1))
        self.prior_ = choose(np.array(losses).reshape(-1, len(self.grid)), self.grid)
        return self

    def fit(
        self, X: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n"], groups: Any, *, start: GaussianHead
    ) -> "ClassRidge":
        """Moves the class means of every person in `groups` by their own rows."""
        names = checked(X, y, groups)
        self.participants_ = frozenset(map(str, np.unique(names)))
        self.seen_ = record(start.seen_, groups=groups)
        self.start_ = start
        z, codes = start.project(X), class_codes(y, len(start.share_))
        self.moved_: dict[str, np.ndarray] = {}
        self.variance_: dict[str, float] = {}
        for person, rows in by_person(names):
            means, variance = move(z[rows], codes[rows], start.space_.means, start.share_, (self.prior_,))
            self.moved_[person], self.variance_[person] = means[0], float(variance[0])
        return self

    def predict(self, X: Float[np.ndarray, "n d"], groups: Any) -> Prediction:
        """Each person's own prediction; people without labels get the population model's."""
        probability = self.start_.predict(X).probability
        assert probability is not None
        z = self.start_.project(X)
        for person, rows in by_person(participants(groups)):
            if person in self.moved_:
                variance = np.array(self.variance_[person])
                logs = log_probability(z[rows], self.moved_[person], self.start_.share_, variance)
                probability[rows] = np.exp(logs)
        return of_classes(probability)


def move(
    z: Float[np.ndarray, "k r"],
    codes: Int[np.ndarray, "k"],
    means: Float[np.ndarray, "c r"],
    share: Float[np.ndarray, "c"],
    grid: Sequence[Shares],
) -> tuple[Float[np.ndarray, "a c r"], Float[np.ndarray, "a"]]:
    """For each prior a person's class means given k labelled rows, and the variance of a new row about them.

    Classes of which there is no label move with the common shift only. The variance is the mean over classes,
    weighted by their shares: a class is not more probable far from all means for having fewer labels.
    """
    common, own = np.array(grid).reshape(-1, 2).T[..., None, None]
    one, member = np.eye(len(means)), np.eye(len(means))[codes]
    between, within = common + own * one, 1 - common - own
    gain = np.linalg.solve(one + between * (member.sum(axis=0) / within), between)
    moved = means + gain @ (member.T @ (z - means[codes]) / within)
    return moved, within[:, 0, 0] + np.diagonal(gain, axis1=1, axis2=2) @ share
