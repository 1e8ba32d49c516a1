"""What a linear probe reads off features on people it has not seen, and what else features tell."""

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

FOLDS, INNER = 5, 4
ALPHAS = np.logspace(-4, 2, 13)
"""Strengths of the ridge, in units of the number of rows."""


def read_off(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n m"], person: Int[np.ndarray, "n"], fit: Bool[np.ndarray, "n"]
) -> Float[np.ndarray, "n m"]:
    """Ridge predictions of every row by models that never saw its person.

    People are dealt into `FOLDS` folds. A fold's model is fitted on the rows `fit` of the other folds, standardised
    there, with a strength per target that served best when those people were left out by `INNER` inner folds.
    """
    out = np.full(y.shape, np.nan)
    outer = deal(person, FOLDS)
    for fold in np.unique(outer):
        train = fit & (outer != fold)
        mean, scale = x[train].mean(0), x[train].std(0)
        z = (x - mean) / np.where(scale > 1e-9, scale, 1)
        best = _strengths(z[train], y[train], deal(person[train], INNER))
        test = outer == fold
        out[test] = _paths(z[train], y[train], z[test])[best, :, np.arange(y.shape[1])].T
    return out


def deal(person: Int[np.ndarray, "n"], folds: int) -> Int[np.ndarray, "n"]:
    """The fold of every row: people take turns."""
    return np.unique(person, return_inverse=True)[1] % folds


def _strengths(z: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n m"], inner: Int[np.ndarray, "n"]) -> np.ndarray:
    """For every target the number of the strength with the least squared error on people left out."""
    error = np.zeros((len(ALPHAS), y.shape[1]))
    for fold in np.unique(inner):
        rest, left = inner != fold, inner == fold
        error += ((_paths(z[rest], y[rest], z[left]) - y[left]) ** 2).sum(1)
    return error.argmin(0)


def _paths(z: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n m"], new: Float[np.ndarray, "k d"]) -> np.ndarray:
    """Predictions of `new` under every strength: alphas x k x m."""
    mean, centre = y.mean(0), z.mean(0)
    values, axes = np.linalg.eigh((z - centre).T @ (z - centre))
    cross = axes.T @ ((z - centre).T @ (y - mean))
    shrunk = cross / (np.maximum(values, 0)[:, None] + len(z) * ALPHAS[:, None, None])
    return ((new - centre) @ axes) @ shrunk + mean


def own_part(y: Float[np.ndarray, "n m"], others: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n m"]:
    """What is left of targets when the linear share of other columns is taken away."""
    design = np.column_stack([np.ones(len(y)), others])
    return y - design @ np.linalg.lstsq(design, y, rcond=None)[0]


def same_person(
    x: Float[np.ndarray, "n d"], person: Int[np.ndarray, "n"], recording: Int[np.ndarray, "n"], k: int = 5
) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """For every clip: the share of its k nearest clips of OTHER recordings that show the same person, and by chance."""
    z = StandardScaler().fit_transform(x)
    hit, chance = np.zeros(len(x)), np.zeros(len(x))
    for one in np.unique(recording):
        mine, rest = recording == one, recording != one
        near = NearestNeighbors(n_neighbors=min(k, int(rest.sum())), metric="cosine").fit(z[rest])
        who = person[rest][near.kneighbors(z[mine], return_distance=False)]
        hit[mine] = (who == person[mine][:, None]).mean(1)
        chance[mine] = (person[rest] == person[mine][0]).mean()
    return hit, chance


def variance_shares(
    x: Float[np.ndarray, "n d"],
    person: Int[np.ndarray, "n"],
    recording: Int[np.ndarray, "n"],
    counts: Float[np.ndarray, "b p"],
) -> Float[np.ndarray, "b 3"]:
    """Shares of the variance of standardised features between people, between a person's recordings, and within them.

    `counts` says how often each person (in sorted order) occurs in each resample.
    """
    z = StandardScaler().fit_transform(x)
    people, code = np.unique(person, return_inverse=True)
    n = np.bincount(code).astype(float)
    person_mean = _group_means(z, code)
    recording_mean = _group_means(z, np.unique(recording, return_inverse=True)[1])[
        np.unique(recording, return_inverse=True)[1]
    ]
    within = np.bincount(code, ((z - recording_mean) ** 2).sum(1), len(people))
    between = np.bincount(code, ((recording_mean - person_mean[code]) ** 2).sum(1), len(people))
    size = counts @ n
    grand = counts @ (n[:, None] * person_mean) / size[:, None]
    apart = counts @ (n * (person_mean**2).sum(1)) - size * (grand**2).sum(1)
    parts = np.stack([apart, counts @ between, counts @ within], axis=1)
    return parts / parts.sum(1, keepdims=True)


def _group_means(z: Float[np.ndarray, "n d"], code: Int[np.ndarray, "n"]) -> Float[np.ndarray, "g d"]:
    sums = np.zeros((code.max() + 1, z.shape[1]))
    np.add.at(sums, code, z)
    return sums / np.bincount(code)[:, None]
