"""Tests of a paired difference over people, and their adjustment for many comparisons."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.stats
from jaxtyping import Bool, Float, Int

from personalize.evaluation.people import People, pooled_replicates
from personalize.evaluation.targets import Target


def swaps(people: int, draws: int, seed: int) -> Bool[np.ndarray, "b p"]:
    """Whose systems are swapped in each permutation: all 2^people patterns if they are no more than draws."""
    if people < 63 and 2**people <= draws:
        return (np.arange(2**people)[:, None] >> np.arange(people)) & 1 == 1
    return np.random.default_rng(seed).random((draws, people)) < 0.5


def mean_permutation(changes: Float[np.ndarray, "p"], draws: int, seed: int) -> float:
    """Two-sided p of no difference: each person's change might as well have the other sign."""
    swapped = swaps(len(changes), draws, seed)
    return _share(float(changes.mean()), np.where(swapped, -1.0, 1.0) @ changes / len(changes), len(changes))


def pooled_permutation(
    metric: str, pairs: Sequence[tuple[People, People]], target: Target, draws: int, seed: int
) -> float | None:
    """Two-sided p of no difference of a pooled metric: each person's two systems might as well be swapped.

    `pairs` are the two systems in one draw of labels or in several, of which the mean is tested; a person is swapped
    in all of them. None where the metric is undefined for a permutation.
    """
    people = len(pairs[0][0].names)
    swapped = swaps(people, draws, seed).astype(int)
    change = np.mean([_changes(metric, a, b, target, swapped) for a, b in pairs], axis=0)
    return None if np.isnan(change).any() else _share(float(change[0]), change[1:], people)


def _changes(
    metric: str, a: People, b: People, target: Target, swapped: Int[np.ndarray, "b p"]
) -> Float[np.ndarray, "m"]:
    """The difference as it is, then under each permutation."""
    people = len(a.names)
    cut = None if a.cut is None or b.cut is None else np.concatenate([a.cut, b.cut])
    code = np.concatenate([a.code, b.code + people])
    truth, prediction = np.concatenate([a.truth, b.truth]), np.concatenate([a.prediction, b.prediction])
    both = People(truth, prediction, code, np.arange(2 * people), cut)
    kept, gone = np.hstack([1 - swapped, swapped]), np.hstack([swapped, 1 - swapped])
    start = np.repeat([1, 0], people)[None]
    of = [pooled_replicates(metric, both, np.vstack(rows), target) for rows in ((start, kept), (1 - start, gone))]
    return of[0] - of[1]


def _share(seen: float, permuted: np.ndarray, people: int) -> float:
    """Share of permutations as far out as what was seen, which itself counts as one where they were drawn."""
    as_far = int((np.abs(permuted) >= abs(seen) * (1 - 1e-9) - 1e-15).sum())
    drawn = len(permuted) != 2**people
    return (as_far + drawn) / (len(permuted) + drawn)


def wilcoxon(changes: Float[np.ndarray, "p"]) -> float:
    """Two-sided p of Wilcoxon's signed-rank test; 1 where nobody changed."""
    moved = changes[changes != 0]
    return float(np.asarray(scipy.stats.wilcoxon(moved))[1]) if len(moved) else 1.0


def holm(p: Sequence[float]) -> list[float]:
    """p-values adjusted for being one family (Holm, Scand J Stat 1979, 6:65), in the order given."""
    values = np.asarray(p, float)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted.tolist()


def with_holm(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Comparisons with `p_holm` beside `p_permutation`.

    A family are all the comparisons of these rows by one metric and pooling; those without p are not of it.
    """
    done = [{**row, "p_holm": None} for row in rows]
    family: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in done:
        if row["p_permutation"] is not None:
            family.setdefault((row["metric"], row["pooling"]), []).append(row)
    for members in family.values():
        for row, p in zip(members, holm([m["p_permutation"] for m in members]), strict=True):
            row["p_holm"] = p
    return done
