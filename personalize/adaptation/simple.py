"""Adaptations with nothing to learn: the population model itself, and the mean of a person's own labels."""

import numpy as np
from jaxtyping import Bool, Float, Shaped
from sklearn.base import BaseEstimator

from personalize.heads.ridge import RidgeHead


class NoAdaptation(BaseEstimator):
    """The population model for everybody."""

    def learn_prior(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Shaped[np.ndarray, "n"],
        *,
        calibration: Bool[np.ndarray, "n"],
        test: Bool[np.ndarray, "n"],
        start: RidgeHead,
    ) -> "NoAdaptation":
        """There is nothing to learn."""
        self.prior_participants_ = frozenset(str(name) for name in np.unique(groups))
        return self

    def fit(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Shaped[np.ndarray, "n"],
        *,
        start: RidgeHead,
    ) -> "NoAdaptation":
        """Takes over the population model."""
        self.participants_ = frozenset(str(name) for name in np.unique(groups))
        self.start_ = start
        return self

    def predict(self, X: Float[np.ndarray, "n d"], groups: Shaped[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        """The population model's prediction."""
        return self.start_.predict(X)


class ParticipantPrior(NoAdaptation):
    """A baseline that never looks at a face: the mean of the person's own labels, without any shrinkage.

    People without labels get the training people's mean.
    """

    def fit(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Shaped[np.ndarray, "n"],
        *,
        start: RidgeHead,
    ) -> "ParticipantPrior":
        """Averages the labels of every person in `groups`."""
        super().fit(X, y, groups, start=start)
        self.means_ = {person: float(y[groups == person].mean()) for person in self.participants_}
        return self

    def predict(self, X: Float[np.ndarray, "n d"], groups: Shaped[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        """One value per person."""
        return np.array([self.means_.get(str(person), self.start_.intercept_) for person in groups])
