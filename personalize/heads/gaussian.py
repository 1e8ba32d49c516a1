"""Classes as Gaussians of one shared, shrunk covariance; its strength is chosen by leaving participants out."""

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Float, Int
from sklearn.base import BaseEstimator

from personalize.adaptation.base import Prediction, of_classes
from personalize.adaptation.rows import checked
from personalize.protocols.leakage import assert_disjoint
from personalize.protocols.seen import saw
from pretrain.errors import UserError

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 0.7, 1.0)
FOLDS = 50
"""With more participants than this, several are left out together."""
ONE = np.array(1.0)
"""The variance in the space of the classes."""
LEAST = 1e-6
"""The log of a smaller probability is not counted."""


class Sums(NamedTuple):
    """Sums over weighted rows: of the weights and the features by class, and of the features' products."""

    weight: Float[np.ndarray, "c"]
    first: Float[np.ndarray, "c d"]
    second: Float[np.ndarray, "d d"]

    def without(self, other: "Sums") -> "Sums":
        """What remains when the rows of `other` are taken away."""
        return Sums(*(a - b for a, b in zip(self, other, strict=True)))

    def moments(self) -> tuple[Float[np.ndarray, "c"], Float[np.ndarray, "c d"], Float[np.ndarray, "d d"]]:
        """Shares of the classes, their means (0 where there is none of one), covariance within classes."""
        there = self.weight > 1e-9 * self.weight.sum()
        means = np.where(there[:, None], self.first / np.where(there, self.weight, 1.0)[:, None], 0.0)
        within = self.second - means.T @ (self.weight[:, None] * means)
        total = self.weight[there].sum()
        return np.where(there, self.weight, 0.0) / total, means, within / total


class Space(NamedTuple):
    """Few directions in which the covariance within classes is the unit matrix.

    They hold all that tells the classes apart, and the leading axes of the features, in which a person may differ.
    """

    axes: Float[np.ndarray, "d r"]
    """From standardised features."""
    means: Float[np.ndarray, "c r"]
    share: Float[np.ndarray, "c"]


class GaussianHead(BaseEstimator):
    """The population model of classes: linear discriminants with probabilities.

    `classes` is their number; None means as many as the largest code in the fit asks for. A class without training
    rows has probability 0 and is in `missing_`.

    Learned: `strength_` (share of the unit matrix in the covariance), `mean_` and `scale_` of the features, `space_`,
    `share_` of the classes, `left_out_`, and with it `left_out_z_`, `left_out_means_`, `fold_`: each training row and
    the class means in the space fitted without its participant; `participants_`, `seen_`.
    """

    KEPT = ("mean_", "scale_", "space_", "share_")
    """What predicting needs."""

    def __init__(
        self, classes: int | None = None, components: int = 8, strengths: tuple[float, ...] = STRENGTHS
    ) -> None:
        self.classes = classes
        self.components = components
        self.strengths = strengths

    def fit(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Any,
        *,
        held_out: Iterable[str],
        sample_weight: Float[np.ndarray, "n"] | None = None,
    ) -> "GaussianHead":
        """Fits on participants `groups`, none of whom may be among those `held_out` (`LeakError`).

        Raises `UserError` when there are fewer than two people or classes, or rows that are not numbers.
        """
        names = checked(X, y, groups)
        people, person = np.unique(names, return_inverse=True)
        assert_disjoint(people, held_out)
        codes = class_codes(y, self.classes)
        if len(people) < 2 or len(np.unique(codes)) < 2:
            raise UserError(f"{len(people)} participants and {len(np.unique(codes))} classes to learn from; "
                            "at least 2 of each are needed")  # fmt: skip
        count = self.classes or int(codes.max()) + 1
        self.participants_, self.seen_ = frozenset(map(str, people)), saw(groups)
        self.missing_ = tuple(sorted(set(range(count)) - set(codes.tolist())))
        weight = np.ones(len(y)) if sample_weight is None else sample_weight / sample_weight.mean()
        self.mean_ = np.average(X, axis=0, weights=weight)
        spread = np.sqrt(np.average((X - self.mean_) ** 2, axis=0, weights=weight))
        self.scale_ = np.where(spread > 1e-12 * np.maximum(1.0, np.abs(self.mean_)), spread, 1.0)
        z, self.fold_ = self.standardise(X), person % FOLDS
        folds = [np.flatnonzero(self.fold_ == fold) for fold in range(self.fold_.max() + 1)]
        parts = [_sums(z[rows], codes[rows], weight[rows], count) for rows in folds]
        total = Sums(*(np.sum(some, axis=0) for some in zip(*parts, strict=True)))
        axes = np.linalg.eigh(total.moments()[2])[1][:, ::-1][:, : self.components]
        rest = [total.without(part) for part in parts]
        losses = np.zeros((len(self.strengths), len(y)))
        for rows, sums in zip(folds, rest, strict=True):
            logs = _for_strengths(z[rows], sums, self.strengths)
            losses[:, rows] = -np.maximum(logs[:, np.arange(len(rows)), codes[rows]], np.log(LEAST))
        of_people = [np.bincount(person, loss) / np.bincount(person) for loss in losses]
        self.strength_ = self.strengths[int(np.mean(of_people, axis=1).argmin())]
        left = [make_space(sums, self.strength_, axes) for sums in rest]
        logs, self.left_out_z_ = _left_out(z, folds, left)
        self.left_out_, self.left_out_means_ = of_classes(np.exp(logs)), np.stack([one.means for one in left])
        self.space_ = make_space(total, self.strength_, axes)
        self.share_ = self.space_.share
        return self

    def standardise(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """Features in units of the training people's spread about their mean."""
        z = X - self.mean_
        z /= self.scale_  # in place: a table of many people is large
        return z

    def project(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n r"]:
        """Features in the space of the classes."""
        return self.standardise(X) @ self.space_.axes

    def predict(self, X: Float[np.ndarray, "n d"]) -> Prediction:
        """The same prediction for everybody."""
        return of_classes(np.exp(log_probability(self.project(X), self.space_.means, self.space_.share, ONE)))


def class_codes(y: Float[np.ndarray, "n"], classes: int | None = None) -> Int[np.ndarray, "n"]:
    """Codes 0, 1, ... as whole numbers; `UserError` for anything else."""
    wrong = (y != np.floor(y)) | (y < 0) | (y >= (np.inf if classes is None else classes))
    if wrong.any():
        raise UserError(f"{y[wrong][0]:g} is not the code of a class"
                        + (f"; there are {classes}" if classes else ""))  # fmt: skip
    return y.astype(int)


def log_probability(
    z: Float[np.ndarray, "n r"],
    means: Float[np.ndarray, "*a c r"],
    share: Float[np.ndarray, "c"],
    variance: Float[np.ndarray, "*a"],
) -> Float[np.ndarray, "*a n c"]:
    """Log probability of each class where `z` scatters about the class means with this variance in every direction."""
    score = z @ np.swapaxes(means, -1, -2) - (means**2).sum(axis=-1)[..., None, :] / 2
    with np.errstate(divide="ignore"):
        score = score / variance[..., None, None] + np.log(share)
    return log_softmax(score)


def log_softmax(score: Float[np.ndarray, "*a n c"]) -> Float[np.ndarray, "*a n c"]:
    """Log probabilities of classes by their scores, at least one of which is finite.

    Class by class: a reduction over an axis so short costs several times as much.
    """
    columns = np.moveaxis(score, -1, 0)
    shifted = columns - functools.reduce(np.maximum, columns)
    return np.moveaxis(shifted - np.log(functools.reduce(np.add, np.exp(shifted))), 0, -1)


def make_space(sums: Sums, strength: float, leading: Float[np.ndarray, "d q"]) -> Space:
    """The space of a shrunk covariance: its discriminants first, then what the leading axes add."""
    share, means, within = sums.moments()
    root = np.linalg.cholesky(_shrunk(within, strength))
    there = int(np.argmax(share > 0))
    apart = np.where((share > 0)[:, None], means - means[there], 0.0)
    apart = np.delete(scipy.linalg.solve_triangular(root, apart.T, lower=True), there, axis=1)
    basis = np.linalg.qr(np.column_stack([apart, root.T @ leading]))[0]
    axes = scipy.linalg.solve_triangular(root.T, basis, lower=False)
    return Space(axes, means @ axes, share)


def _shrunk(within: Float[np.ndarray, "d d"], strength: float) -> Float[np.ndarray, "d d"]:
    """A covariance on its way to a multiple of the unit matrix of the same size."""
    level = max(np.trace(within) / len(within), 1e-12)
    return (1 - strength) * within + strength * level * np.eye(len(within))


def _for_strengths(z: Float[np.ndarray, "n d"], sums: Sums, strengths: tuple[float, ...]) -> Float[np.ndarray, "a n c"]:
    """Log probabilities under each strength."""
    share, means, within = sums.moments()
    shrunk = np.stack([_shrunk(within, strength) for strength in strengths])
    slopes = np.linalg.solve(shrunk, np.broadcast_to(means.T, (len(strengths), *means.T.shape)))
    with np.errstate(divide="ignore"):
        score = z @ slopes - (means.T * slopes).sum(axis=1, keepdims=True) / 2 + np.log(share)
    return log_softmax(score)


def _sums(z: Float[np.ndarray, "n d"], codes: Int[np.ndarray, "n"], weight: Float[np.ndarray, "n"], count: int) -> Sums:
    member = np.eye(count)[codes] * weight[:, None]
    return Sums(member.sum(axis=0), member.T @ z, (z * weight[:, None]).T @ z)


def _left_out(
    z: Float[np.ndarray, "n d"], folds: list[np.ndarray], spaces: list[Space]
) -> tuple[Float[np.ndarray, "n c"], Float[np.ndarray, "n r"]]:
    """Log probabilities and place of every row in the space that was fitted without its fold."""
    logs = np.zeros((len(z), len(spaces[0].share)))
    places = np.zeros((len(z), spaces[0].axes.shape[1]))
    for rows, space in zip(folds, spaces, strict=True):
        places[rows] = z[rows] @ space.axes
        logs[rows] = log_probability(places[rows], space.means, space.share, ONE)
    return logs, places
