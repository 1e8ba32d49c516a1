"""How far a new population lies from the one that a model has learnt from, by its features; and how sure one will be.

Distances are Mahalanobis' in the known people's covariance, shrunk (Ledoit & Wolf 2004, J Multivar Anal 88:365).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.linalg
import scipy.special
import scipy.stats
from jaxtyping import Float, Shaped
from sklearn.covariance import ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from personalize.evaluation.intervals import bounded
from personalize.evaluation.jackknife import COVERAGE, SCALES
from personalize.evaluation.people import by_people
from personalize.evaluation.statistics import statistic
from personalize.evaluation.subgroups import levels_of
from personalize.evaluation.targets import Target

PARTS = 20
"""Into which the known people are dealt, to be left out in turn."""
FOLDS = 5
PEOPLE = (10, 20, 50, 100)
"""Numbers of test people for which the width of an interval is foretold."""


def person_distances(
    known: Float[np.ndarray, "n d"],
    of_known: Shaped[np.ndarray, "n"],
    new: Float[np.ndarray, "m d"],
    of_new: Shaped[np.ndarray, "m"],
) -> tuple[Float[np.ndarray, "p"], Float[np.ndarray, "q"]]:
    """Everybody's distance from the known people, by sorted name: the root mean square over their rows and dimensions.

    A known person is measured without those of their own part; about 1 is usual among people who are alike.
    """
    names, code = np.unique(of_known, return_inverse=True)
    part = code % min(PARTS, len(names))
    out = np.zeros(len(names))
    for number in range(part.max() + 1):
        there = part == number
        distance = _measure(known[~there] if len(names) > 1 else known)
        out += np.bincount(code[there], distance(known[there]), len(names))
    _, new_code = np.unique(of_new, return_inverse=True)
    found = np.bincount(new_code, _measure(known)(new))
    return np.sqrt(out / np.bincount(code)), np.sqrt(found / np.bincount(new_code))


def _measure(x: Float[np.ndarray, "n d"]) -> Callable[[np.ndarray], np.ndarray]:
    """The squared distance of rows from these, by dimension."""
    mean, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 1e-12 * np.maximum(1.0, np.abs(mean)), spread, 1.0)
    z = (x - mean) / spread
    covariance = ledoit_wolf(z, assume_centered=True)[0] + 1e-9 * np.eye(x.shape[1])
    root = np.linalg.cholesky(covariance)

    def distance(rows: np.ndarray) -> np.ndarray:
        white = scipy.linalg.solve_triangular(root, ((rows - mean) / spread).T, lower=True)
        return (white**2).mean(axis=0)

    return distance


def farther(distance: float, known: Float[np.ndarray, "p"]) -> float:
    """The share of known people who lie at least as far, the one in question counted among them."""
    return float((1 + (known >= distance).sum()) / (1 + len(known)))


def separation(
    known: Float[np.ndarray, "n d"],
    of_known: Shaped[np.ndarray, "n"],
    new: Float[np.ndarray, "m d"],
    of_new: Shaped[np.ndarray, "m"],
    seed: int = 0,
) -> dict[str, Any]:
    """The AUROC of telling the two populations' people apart by a linear discriminant of the features.

    Nobody is judged by a discriminant that has seen them, and a person is judged by the mean over their rows; 0.5
    where the populations are alike, or a little less. Keys: value, low, high, interval, reason, n_participants.
    """
    (old_names, old_code), (new_names, new_code) = (np.unique(p, return_inverse=True) for p in (of_known, of_new))
    people, folds = len(old_names) + len(new_names), min(FOLDS, len(old_names), len(new_names))
    if folds < 2:
        empty = dict.fromkeys(("value", "low", "high", "interval"))
        return {**empty, "reason": "fewer than two people in a population", "n_participants": people}
    x, code = np.concatenate([known, new]), np.concatenate([old_code, len(old_names) + new_code])
    is_new = (np.arange(people) >= len(old_names)).astype(float)
    rng = np.random.default_rng(seed)
    fold = np.concatenate([rng.permutation(len(names)) % folds for names in (old_names, new_names)])
    score = np.zeros(people)
    for number in range(folds):
        there = fold[code] == number
        judge = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=[0.5, 0.5])
        judge.fit(x[~there], is_new[code[~there]])
        score += np.bincount(code[there], judge.decision_function(x[there]), people)
    chance = scipy.special.expit(score / np.bincount(code))
    units = by_people(is_new, chance, np.array([f"{i:06d}" for i in range(people)]))
    found = statistic("auroc", units, Target("probability"), "pooled")
    return {**bounded(found), "n_participants": people}


def expected_intervals(
    values: Float[np.ndarray, "p"], scale: str, people: Sequence[int] = PEOPLE
) -> list[dict[str, float | int | None]]:
    """The interval of a mean over people that so many test people would give, if they differ as these do.

    `scale` is a name of `jackknife.SCALES`. Keys: people, low, high, width; null where it cannot be foretold.
    """
    kept = values[~np.isnan(values)]
    by, rows = SCALES[scale], []
    for count in people:
        if len(kept) < 2 or not by.lowest < (value := float(kept.mean())) < by.highest:
            rows.append({"people": count, "low": None, "high": None, "width": None})
            continue
        error = kept.std(ddof=1) / np.sqrt(count) * by.slope(value)
        reach = scipy.stats.t.ppf((1 + COVERAGE) / 2, count - 1) * error
        low, high = map(float, by.back(by.forward(value) + np.array([-reach, reach])))
        rows.append({"people": count, "low": low, "high": high, "width": high - low})
    return rows


def subgroups(table: pd.DataFrame, skip: Sequence[str] = ()) -> dict[str, list[str]]:
    """People of a table with the column `participant` by what its other columns say, such as "sex F".

    Columns of numbers with many values are cut at their median; other columns with many words make no groups.
    """
    columns = {column: levels for column, levels in levels_of(table, skip).items() if not isinstance(levels, str)}
    return {f"{column} {level}": people for column, levels in columns.items() for level, people in levels.items()}
