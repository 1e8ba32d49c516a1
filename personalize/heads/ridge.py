"""Closed-form ridge regression whose strength is chosen by leaving out one participant at a time."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from sklearn.base import BaseEstimator

from personalize.adaptation.base import Prediction
from personalize.adaptation.rows import checked
from personalize.protocols.leakage import assert_disjoint
from personalize.protocols.seen import saw
from pretrain.errors import UserError

ALPHAS = tuple(float(alpha) for alpha in np.logspace(-4, 2, 13))


class RidgeHead(BaseEstimator):
    """The population model: features standardised on the training people, one linear map for everybody.

    Learned: `coef_` and `intercept_` on standardised features, `mean_`, `scale_`, `alpha_` (chosen strength, in
    units of the number of rows), `left_out_` (each training row predicted without its participant), `se_` (root mean
    square of its errors: how far a label of somebody new lies from the prediction), `directions_` and `variances_`
    (principal axes of the standardised features, largest first), `participants_` and `seen_`.
    """

    KEPT = ("mean_", "scale_", "coef_", "intercept_", "se_")
    """What predicting needs."""

    def __init__(self, alphas: tuple[float, ...] = ALPHAS) -> None:
        self.alphas = alphas

    def fit(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Any,
        *,
        held_out: Iterable[str],
        sample_weight: Float[np.ndarray, "n"] | None = None,
    ) -> "RidgeHead":
        """Fits on participants `groups`, none of whom may be among those `held_out` (`LeakError`).

        Raises `UserError` when there are fewer than two, or rows that are not numbers.
        """
        people, code = np.unique(checked(X, y, groups), return_inverse=True)
        assert_disjoint(people, held_out)
        self.participants_ = frozenset(map(str, people))
        if len(people) < 2:
            raise UserError(f"{len(people)} participants to learn from; leaving out one at a time needs at least 2")
        weight = np.ones(len(y)) if sample_weight is None else sample_weight / sample_weight.mean()
        self.mean_ = np.average(X, axis=0, weights=weight)
        spread = np.sqrt(np.average((X - self.mean_) ** 2, axis=0, weights=weight))
        self.scale_ = np.where(spread > 1e-12 * np.maximum(1.0, np.abs(self.mean_)), spread, 1.0)
        root = np.sqrt(weight)
        design = self.standardise(X) * root[:, None]
        values, axes = _principal_axes(design)
        self.directions_, self.variances_ = axes, values / len(y)
        left = design @ axes / np.sqrt(values)
        # Beside the principal axes the orthonormal basis holds the intercept, which is never shrunk.
        basis = np.column_stack([root / np.sqrt(len(y)), left])
        shrink = values / (values + len(y) * np.asarray(self.alphas)[:, None])
        kept = np.column_stack([np.ones(len(shrink)), shrink])
        residual = left_out_residuals(basis, kept, root * y, code)
        best = int(np.argmin(_mean_over_groups(residual**2, code)))
        self.alpha_ = self.alphas[best]
        error = residual[best] / root
        self.se_ = float(np.sqrt(_mean_over_groups(error[None] ** 2, code)[0]))
        self.left_out_ = Prediction(y - error, np.full(len(y), self.se_))
        self.intercept_ = float(np.average(y, weights=weight))
        self.coef_ = axes @ (shrink[best] / np.sqrt(values) * (left.T @ (root * y)))
        self.seen_ = saw(groups)
        return self

    def standardise(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """Features in units of the training people's spread about their mean."""
        z = X - self.mean_
        z /= self.scale_  # in place: a table of many people is large
        return z

    def predict(self, X: Float[np.ndarray, "n d"]) -> Prediction:
        """The same prediction for everybody."""
        return Prediction(self.standardise(X) @ self.coef_ + self.intercept_, np.full(len(X), self.se_))


def left_out_residuals(
    basis: Float[np.ndarray, "n r"],
    shrink: Float[np.ndarray, "a r"],
    y: Float[np.ndarray, "n"],
    groups: Shaped[np.ndarray, "n"],
) -> Float[np.ndarray, "a n"]:
    """Residual of every row under the fit without its group, for each shrinkage, from one decomposition.

    The hat matrix is `basis @ diag(shrink) @ basis.T`. For group g with fit residual r the residual without it is
    `(I - H_gg)^-1 r_g`, exactly; the QR of the group's rows keeps that solve no larger than the basis.
    """
    fitted = (shrink * (basis.T @ y)) @ basis.T
    out = y - fitted
    for group in np.unique(groups):
        rows = groups == group
        q, r = np.linalg.qr(basis[rows])
        system = np.eye(len(r)) - (r * shrink[:, None, :]) @ r.T
        inside = out[:, rows] @ q
        out[:, rows] += (np.linalg.solve(system, inside[..., None])[..., 0] - inside) @ q.T
    return out


def _principal_axes(design: Float[np.ndarray, "n d"]) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and axes of the Gram matrix, largest first, without the null space."""
    values, axes = np.linalg.eigh(design.T @ design)
    keep = values > 1e-10 * max(values[-1], 1e-300)
    return values[keep][::-1], axes[:, keep][:, ::-1]


def _mean_over_groups(error: Float[np.ndarray, "a n"], groups: Int[np.ndarray, "n"]) -> np.ndarray:
    return np.mean([error[:, groups == group].mean(axis=1) for group in np.unique(groups)], axis=0)
