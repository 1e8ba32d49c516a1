"""Gaussian priors of a person's offset, gain and further directions: posterior, k-shot errors, the choice of one."""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float

T = TypeVar("T")


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


def variances(prior: Prior, width: int) -> Float[np.ndarray, "p"]:
    """The prior variance of each column of the design: one, along the population's direction, the rest."""
    return np.array([prior.offset, prior.gain, *[prior.rest] * (width - 2)])


def posterior(
    gram: Float[np.ndarray, "p p"], score: Float[np.ndarray, "p"], variance: Float[np.ndarray, "p"]
) -> tuple[Float[np.ndarray, "p"], Float[np.ndarray, "p p"]]:
    """Posterior mean and covariance (over the noise variance) of coefficients, from B'B and B'e of the labels.

    Written so that a prior variance of 0 is allowed.
    """
    root = np.sqrt(variance)
    covariance = root[:, None] * np.linalg.inv(root[:, None] * gram * root + np.eye(len(root))) * root
    return covariance @ score, covariance


def grid_errors(
    design: Float[np.ndarray, "n p"],
    error: Float[np.ndarray, "n"],
    people: Sequence[tuple[np.ndarray, np.ndarray]],
    grid: tuple[Prior, ...],
) -> Float[np.ndarray, "q a"]:
    """Mean squared error of every person's test rows under each prior, having seen their given rows.

    `people` holds the positions of both; nobody's may be empty. Only moments over rows are needed, so that hundreds
    of priors cost little more than one.
    """
    if not people:
        return np.zeros((0, len(grid)))
    (gram, score, _), asked = (_moments(design, error, [pair[side] for pair in people]) for side in (0, 1))
    size = np.array([len(rows) for _, rows in people])
    out = []
    for prior in grid:
        root = np.sqrt(variances(prior, design.shape[1]))
        system = root[:, None] * gram * root + np.eye(len(root))
        coef = root * np.linalg.solve(system, (root * score)[..., None])[..., 0]
        quadratic = (coef * (asked[0] @ coef[..., None])[..., 0]).sum(axis=1)
        out.append((asked[2] - 2 * (coef * asked[1]).sum(axis=1) + quadratic) / size)
    return np.stack(out, axis=1)


def choose(error: Float[np.ndarray, "q a"], grid: Sequence[T]) -> T:
    """The prior of least mean error, if its gain over the first, the population, exceeds a standard error over people.

    Among a dozen people the smallest of hundreds of errors is small partly by luck.
    """
    if len(error) < 2:
        return grid[0]
    best = int(error.mean(axis=0).argmin())
    gain = error[:, 0] - error[:, best]
    return grid[best] if gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)) else grid[0]


def likeliest(
    design: Float[np.ndarray, "n p"],
    error: Float[np.ndarray, "n"],
    people: Sequence[np.ndarray],
    grid: tuple[Prior, ...],
) -> tuple[Prior, float]:
    """Under which gains and directions, and which noise variance, unadapted errors are most likely row by row.

    People count alike. An offset cannot be told from noise here, and is left to the latter.
    """
    rows, weight = np.concatenate(people), np.concatenate([np.full(len(some), 1 / len(some)) for some in people])
    weight = weight / len(people)
    squared, b2 = error[rows] ** 2, design[rows] ** 2
    found = []
    for prior in [one for one in grid if one.offset == 0]:
        shape = 1 + b2 @ variances(prior, design.shape[1])
        noise = float(weight @ (squared / shape))
        found.append((np.log(max(noise, 1e-300)) + weight @ np.log(shape), prior, noise))
    _, prior, noise = min(found, key=lambda one: one[0])
    return prior, noise


def _moments(
    design: Float[np.ndarray, "n p"], error: Float[np.ndarray, "n"], people: Sequence[np.ndarray]
) -> tuple[Float[np.ndarray, "q p p"], Float[np.ndarray, "q p"], Float[np.ndarray, "q"]]:
    """Per person B'B, B'e and e'e."""
    out = [(b.T @ b, b.T @ e, e @ e) for b, e in ((design[rows], error[rows]) for rows in people)]
    gram, score, square = (np.array(part) for part in zip(*out, strict=True))
    return gram, score, square
