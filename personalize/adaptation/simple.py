"""Adaptations with nothing to learn: the population model itself, and the mean of a person's own labels."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from sklearn.base import BaseEstimator

from personalize.adaptation.base import Head, Prediction, of_classes
from personalize.adaptation.reach import reaches_of
from personalize.adaptation.rows import by_person, checked, participants, record


class NoAdaptation(BaseEstimator):
    """The population model for everybody."""

    KEPT = ("start_",)
    """What predicting needs."""

    def learn_prior(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Any,
        *,
        calibration: Bool[np.ndarray, "n"],
        test: Bool[np.ndarray, "n"],
        start: Head,
    ) -> "NoAdaptation":
        """There is nothing to learn but how far intervals of numbers reach (`reach_`)."""
        self.reach_ = reaches_of(start.left_out_, y, participants(groups))
        self.prior_participants_ = frozenset(map(str, np.unique(participants(groups))))
        self.seen_ = record(start.seen_)
        return self

    def fit(
        self, X: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n"], groups: Any, *, start: Head
    ) -> "NoAdaptation":
        """Takes over the population model."""
        self.participants_ = frozenset(map(str, np.unique(checked(X, y, groups))))
        self.start_ = start
        self.seen_ = record(start.seen_, groups=groups)
        return self

    def predict(self, X: Float[np.ndarray, "n d"], groups: Any) -> Prediction:
        """The population model's prediction."""
        return self.start_.predict(X)


class ParticipantPrior(NoAdaptation):
    """A baseline that never looks at a face: the mean of the person's own labels, without any shrinkage.

    For classes their shares among the labels. People without labels get the training people's mean (shares).
    """

    KEPT = ("means_", "everybody_", "se_")

    def learn_prior(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Any,
        *,
        calibration: Bool[np.ndarray, "n"],
        test: Bool[np.ndarray, "n"],
        start: Head,
    ) -> "ParticipantPrior":
        """How far a training person's test labels lie from the mean of their calibration labels."""
        super().learn_prior(X, y, groups, calibration=calibration, test=test, start=start)
        self.reach_ = {}  # the errors of a mean are not those of the population model
        everybody, errors = _everybody(start), []
        for _, rows in by_person(participants(groups)):
            given, asked = rows[calibration[rows]], rows[test[rows]]
            if len(asked) and start.left_out_.probability is None:
                errors.append(((y[asked] - (y[given].mean() if len(given) else everybody[0])) ** 2).mean())
        self.se_ = float(np.sqrt(np.mean(errors))) if errors else 0.0
        return self

    def fit(
        self, X: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n"], groups: Any, *, start: Head
    ) -> "ParticipantPrior":
        """Averages the labels of every person in `groups`."""
        super().fit(X, y, groups, start=start)
        self.everybody_ = _everybody(start)
        classes = start.left_out_.probability
        self.means_: dict[str, np.ndarray] = {}
        for person, rows in by_person(participants(groups)):
            own = y[rows, None] if classes is None else np.eye(classes.shape[1])[y[rows].astype(int)]
            self.means_[person] = own.mean(axis=0)
        return self

    def predict(self, X: Float[np.ndarray, "n d"], groups: Any) -> Prediction:
        """One value, or one distribution of classes, per person."""
        means = [self.means_.get(str(person), self.everybody_) for person in participants(groups)]
        table = np.array(means).reshape(len(X), len(self.everybody_))
        if table.shape[1] > 1:
            return of_classes(table)
        return Prediction(table[:, 0], np.full(len(X), getattr(self, "se_", 0.0)))


def _everybody(start: Any) -> Float[np.ndarray, "c"]:
    """The training people's mean label, or the shares of the classes."""
    return start.share_ if hasattr(start, "share_") else np.array([start.intercept_])
