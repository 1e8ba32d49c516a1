"""A person's cut-points between ordered levels on the population's score, shrunk to the population's cut-points.

Each cut is a probit: a label lies above it with probability Phi((score - cut) / scale). The population's `scale` is
made of what is within persons and of how much their cuts differ, a share of its square. Labels of a person narrow
down where their own cuts are; the rest is quadrature over one number per cut.
"""

from typing import Any

import numpy as np
import scipy.optimize
import scipy.stats
from jaxtyping import Bool, Float
from scipy.special import ndtr
from sklearn.base import BaseEstimator

from personalize.adaptation.base import Head, Prediction, of_classes
from personalize.adaptation.prior import choose
from personalize.adaptation.rows import by_person, checked, participants, record
from personalize.heads.gaussian import LEAST
from pretrain.errors import UserError

MOST = 20
"""Levels; with more, a line says the same with less."""
SHARES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
_NODES = np.linspace(-4, 4, 81)
_WEIGHTS = scipy.stats.norm.pdf(_NODES) / scipy.stats.norm.pdf(_NODES).sum()


class Ordinal(BaseEstimator):
    """Levels by cut-points on the population's score: its value, for classes the mean code.

    Learned: `levels_`, `cuts_` and `scale_` of the population, `share_` (of the scale's square that is between
    persons), `beliefs_` (by person, over the nodes of every cut), `prior_participants_`, `participants_`, `seen_`.
    """

    KEPT = ("start_", "levels_", "cuts_", "scale_", "share_", "beliefs_")
    """What predicting needs."""

    def __init__(self, shares: tuple[float, ...] = SHARES) -> None:
        self.shares = shares

    def learn_prior(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Any,
        *,
        calibration: Bool[np.ndarray, "n"],
        test: Bool[np.ndarray, "n"],
        start: Head,
    ) -> "Ordinal":
        """The population's cuts, and by the training people's k-shot log loss how much people differ in them.

        Raises `UserError` for more levels than a cut for each could be known.
        """
        names = checked(X, y, groups)
        self.prior_participants_ = frozenset(map(str, np.unique(names)))
        self.seen_ = record(start.seen_)
        classes = start.left_out_.probability
        self.levels_ = np.unique(y) if classes is None else np.arange(classes.shape[1], dtype=float)
        if len(self.levels_) > MOST:
            raise UserError(f"'ordinal' is for at most {MOST} levels, the target has {len(self.levels_)}: "
                            "take 'calibrate'")  # fmt: skip
        score = _score(start.left_out_)
        self.cuts_, self.scale_ = _fit_cuts(score, np.searchsorted(self.levels_, y), len(self.levels_))
        losses = []
        for _, rows in by_person(names):
            given, asked = rows[calibration[rows]], rows[test[rows]]
            if len(given) and len(asked):
                losses.append([self._loss(score, y, given, asked, share) for share in self.shares])
        self.share_ = choose(np.array(losses).reshape(-1, len(self.shares)), self.shares)
        return self

    def fit(self, X: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n"], groups: Any, *, start: Head) -> "Ordinal":
        """Updates the cuts of every person in `groups`."""
        names = checked(X, y, groups)
        self.participants_ = frozenset(map(str, np.unique(names)))
        self.seen_ = record(start.seen_, groups=groups)
        self.start_ = start
        score = _score(start.predict(X))
        self.beliefs_ = {p: self._belief(score[rows], y[rows], self.share_) for p, rows in by_person(names)}
        return self

    def predict(self, X: Float[np.ndarray, "n d"], groups: Any) -> Prediction:
        """Each person's own prediction; people without labels get the population model's."""
        start = self.start_.predict(X)
        score = _score(start)
        value, se = start.value.copy(), start.se.copy()
        probability = None if start.probability is None else start.probability.copy()
        for person, rows in by_person(participants(groups)):
            if person in self.beliefs_:
                level = self._probability(score[rows], self.beliefs_[person], self.share_)
                if probability is not None:
                    probability[rows] = level
                else:
                    value[rows] = level @ self.levels_
                    se[rows] = np.sqrt(np.maximum(level @ self.levels_**2 - value[rows] ** 2, 0.0))
        return Prediction(value, se) if probability is None else of_classes(probability)

    def _above(self, score: Float[np.ndarray, "n"], share: float) -> Float[np.ndarray, "j q n"]:
        """Probability that a label lies above each cut, for each place that the cut may have for a person."""
        cuts = self.cuts_[:, None] + self.scale_ * np.sqrt(share) * _NODES
        return ndtr((score - cuts[..., None]) / (self.scale_ * np.sqrt(1 - share)))

    def _belief(
        self, score: Float[np.ndarray, "k"], y: Float[np.ndarray, "k"], share: float
    ) -> Float[np.ndarray, "j q"]:
        """How probable each place of each cut is, given k labels."""
        above = np.clip(self._above(score, share), LEAST, 1 - LEAST)
        lies = (y > self.levels_[:-1, None])[:, None]
        logs = np.log(np.where(lies, above, 1 - above)).sum(axis=-1) + np.log(_WEIGHTS)
        belief = np.exp(logs - logs.max(axis=1, keepdims=True))
        return belief / belief.sum(axis=1, keepdims=True)

    def _probability(
        self, score: Float[np.ndarray, "n"], belief: Float[np.ndarray, "j q"], share: float
    ) -> Float[np.ndarray, "n c"]:
        """Of each level; cuts that have crossed are put in order first."""
        above = np.minimum.accumulate(np.einsum("jq,jqn->jn", belief, self._above(score, share)), axis=0)
        edges = np.vstack([np.ones(len(score)), above, np.zeros(len(score))])
        return -np.diff(edges, axis=0).T

    def _loss(self, score: np.ndarray, y: np.ndarray, given: np.ndarray, asked: np.ndarray, share: float) -> float:
        level = self._probability(score[asked], self._belief(score[given], y[given], share), share)
        said = level[np.arange(len(asked)), np.searchsorted(self.levels_, y[asked])]
        return float(-np.log(np.maximum(said, LEAST)).mean())


def _score(prediction: Prediction) -> Float[np.ndarray, "n"]:
    if prediction.probability is None:
        return prediction.value
    return prediction.probability @ np.arange(prediction.probability.shape[1])


def _fit_cuts(score: Float[np.ndarray, "n"], level: np.ndarray, count: int) -> tuple[Float[np.ndarray, "j"], float]:
    """Cuts and scale of an ordered probit of the score, by maximum likelihood."""
    share = np.cumsum(np.bincount(level, minlength=count))[:-1] / len(level)
    spread = max(float(score.std()), 1e-6)
    cuts = score.mean() + spread * scipy.stats.norm.ppf(np.clip(share, 0.5 / len(level), 1 - 0.5 / len(level)))
    start = np.append(np.append(cuts[:1], np.log(np.maximum(np.diff(cuts), 1e-3 * spread))), np.log(spread))

    def edges(parameters: np.ndarray) -> np.ndarray:
        return np.cumsum(np.append(parameters[:1], np.exp(parameters[1:-1])))

    def loss(parameters: np.ndarray) -> float:
        bounds = np.concatenate([[-np.inf], edges(parameters), [np.inf]])
        scale = np.exp(parameters[-1])
        p = ndtr((bounds[level + 1] - score) / scale) - ndtr((bounds[level] - score) / scale)
        return float(-np.log(np.maximum(p, LEAST)).mean())

    floor = np.log(spread) - 3  # a score that orders the levels without fault leaves the scale without one
    limits = [(None, None)] * (len(start) - 1) + [(floor, floor + 6)]
    found = scipy.optimize.minimize(loss, start, method="L-BFGS-B", bounds=limits)
    return edges(found.x), float(np.exp(found.x[-1]))
