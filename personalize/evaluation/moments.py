"""Metrics of resamples that follow from means, variances and the covariance of truth and prediction."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


class Moments(NamedTuple):
    """Moments over n of truth (t) and prediction (p) in each resample, and whether they vary at all."""

    n: Float[np.ndarray, "b"]
    mean_t: Float[np.ndarray, "b"]
    mean_p: Float[np.ndarray, "b"]
    var_t: Float[np.ndarray, "b"]
    var_p: Float[np.ndarray, "b"]
    cov: Float[np.ndarray, "b"]
    varies_t: Bool[np.ndarray, "b"]
    varies_p: Bool[np.ndarray, "b"]


def moments(
    truth: Float[np.ndarray, "n"],
    prediction: Float[np.ndarray, "n"],
    code: Int[np.ndarray, "n"],
    counts: Float[np.ndarray, "b p"],
) -> Moments:
    """The moments of each resample: those within people, and those between their means.

    Split so, no digits are lost to people far from one another, and a constant person has no variance at all.
    """
    people = counts.shape[1]
    size = np.bincount(code, minlength=people).astype(float)
    (t, p), (own_t, own_p) = zip(*(_centred(v, code, size) for v in (truth, prediction)), strict=True)
    within = np.stack([np.bincount(code, v, people) for v in (t * t, p * p, t * p)], 1)
    weight = counts * size
    n = weight.sum(1)
    share = weight / np.maximum(n, 1)[:, None]
    var_t, var_p, cov = (counts @ within / np.maximum(n, 1)[:, None]).T
    mean_t, mean_p = share @ own_t, share @ own_p
    off_t, off_p = own_t - mean_t[:, None], own_p - mean_p[:, None]
    between = [np.einsum("bp,bp,bp->b", share, a, b) for a, b in ((off_t, off_t), (off_p, off_p), (off_t, off_p))]
    varies = (_varies(v, code, weight > 0) for v in (truth, prediction))
    return Moments(n, mean_t, mean_p, var_t + between[0], var_p + between[1], cov + between[2], *varies)


def _centred(values: np.ndarray, code: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values less their person's mean, and the means."""
    means = np.bincount(code, values, len(size)) / np.maximum(size, 1)
    return values - means[code], means


def _varies(values: np.ndarray, code: np.ndarray, there: np.ndarray) -> np.ndarray:
    """`values.varies` for each resample."""
    low, high = np.full(there.shape[1], np.inf), np.full(there.shape[1], -np.inf)
    np.minimum.at(low, code, values)
    np.maximum.at(high, code, values)
    lowest = np.where(there, low, np.inf).min(1)
    highest = np.where(there, high, -np.inf).max(1)
    return highest - lowest > 1e-10 * np.maximum(1.0, np.maximum(np.abs(lowest), np.abs(highest)))


def _where(defined: np.ndarray, above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=defined)


def _mse(m: Moments) -> np.ndarray:
    return np.where(m.n > 0, m.var_t + m.var_p - 2 * m.cov + (m.mean_t - m.mean_p) ** 2, np.nan)


def _pcc(m: Moments) -> np.ndarray:
    defined = m.varies_t & m.varies_p
    return np.clip(_where(defined, m.cov, np.sqrt(m.var_t) * np.sqrt(m.var_p)), -1.0, 1.0)


def _ccc(m: Moments) -> np.ndarray:
    found = _where(m.varies_t, 2 * m.cov, m.var_t + m.var_p + (m.mean_t - m.mean_p) ** 2)
    return np.where(m.varies_t & ~m.varies_p, 0.0, found)


def _icc21(m: Moments) -> np.ndarray:
    """With two judges, BMS - EMS, BMS + EMS and JMS are sums of moments."""
    per = 1 / np.maximum(m.n - 1, 1)
    jms, ems = m.n * (m.mean_t - m.mean_p) ** 2 / 2, m.n * per * (m.var_t + m.var_p - 2 * m.cov) / 2
    both = m.n * per * (m.var_t + m.var_p)
    agreed = both + 2 * (jms - ems) / np.maximum(m.n, 1)
    return _where(m.varies_t & (agreed > 1e-12 * both), 2 * m.n * per * m.cov, agreed)


def _icc31(m: Moments) -> np.ndarray:
    return _where(m.varies_t, 2 * m.cov, m.var_t + m.var_p)


def _intercept(m: Moments) -> np.ndarray:
    return np.where(m.n > 0, m.mean_t - m.mean_p, np.nan)


def _slope(m: Moments) -> np.ndarray:
    return _where(m.varies_p, m.cov, m.var_p)


_FORMULAS: dict[str, Callable[[Moments], np.ndarray]] = {
    "mse": _mse,
    "pcc": _pcc,
    "ccc": _ccc,
    "icc21": _icc21,
    "icc31": _icc31,
    "calibration_intercept": _intercept,
    "calibration_slope": _slope,
}


def _of(formula: Callable[[Moments], np.ndarray]) -> Callable[..., np.ndarray]:
    return lambda truth, prediction, code, counts: formula(moments(truth, prediction, code, counts))


MOMENTS = {name: _of(formula) for name, formula in _FORMULAS.items()}
