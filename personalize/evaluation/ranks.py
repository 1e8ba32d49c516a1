"""Metrics of resamples that follow from the order of units: pairs of people, or one long sort."""

import numpy as np
from jaxtyping import Float, Int

from personalize.evaluation.sums import divided
from personalize.evaluation.weighted import in_parts

_BLOCK = 1024
"""Units of a person that are counted in one table."""


def auroc(
    truth: Float[np.ndarray, "n"],
    prediction: Float[np.ndarray, "n"],
    code: Int[np.ndarray, "n"],
    counts: Float[np.ndarray, "b p"],
) -> Float[np.ndarray, "b"]:
    """From the number of rightly ordered pairs between the events of one person and the non-events of another."""
    people, event = counts.shape[1], truth == 1
    order = np.argsort(prediction[event])  # searching in order is several times faster
    positives, owner = prediction[event][order], code[event][order]
    wins = np.zeros((people, people))
    for person in range(people):
        negatives = np.sort(prediction[~event & (code == person)])
        above = np.searchsorted(negatives, positives, "left") + np.searchsorted(negatives, positives, "right")
        wins[:, person] = np.bincount(owner, weights=above / 2, minlength=people)
    n_pos, n_neg = (counts @ np.bincount(code, side.astype(float), people) for side in (event, ~event))
    return divided(_over_pairs(wins, counts), n_pos * n_neg)


def c_index(
    truth: Float[np.ndarray, "n"],
    prediction: Float[np.ndarray, "n"],
    code: Int[np.ndarray, "n"],
    counts: Float[np.ndarray, "b p"],
) -> Float[np.ndarray, "b"]:
    """From the pairs between two people in which the first has the higher truth, and those rightly ordered among them.

    For each person a table says how many of their units lie below every pair of (truth, prediction), and all units
    look themselves up.
    """
    people = counts.shape[1]
    wins, pairs = np.zeros((people, people)), np.zeros((people, people))
    for person in range(people):
        own = np.flatnonzero(code == person)
        for start in range(0, len(own), _BLOCK):
            block = own[start : start + _BLOCK]
            t, p = np.sort(truth[block]), np.sort(prediction[block])
            table = np.zeros((len(block) + 1, len(block) + 1), np.int32)
            np.add.at(table, (np.searchsorted(t, truth[block]) + 1, np.searchsorted(p, prediction[block]) + 1), 1)
            table = table.cumsum(0).cumsum(1)
            below = np.searchsorted(t, truth)
            right = table[below, np.searchsorted(p, prediction)] + table[below, np.searchsorted(p, prediction, "right")]
            wins[:, person] += np.bincount(code, right / 2, people)
            pairs[:, person] += np.bincount(code, below, people)
    return divided(_over_pairs(wins, counts), _over_pairs(pairs, counts))


def _over_pairs(of_pair: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The sum over pairs of people, each as often as both are in the resample."""
    return np.einsum("bp,bp->b", counts @ of_pair, counts)


def auprc(
    truth: Float[np.ndarray, "n"],
    prediction: Float[np.ndarray, "n"],
    code: Int[np.ndarray, "n"],
    counts: Float[np.ndarray, "b p"],
) -> Float[np.ndarray, "b"]:
    """Average precision from one sort, each unit with its person's weight; equal predictions are one step."""
    order = np.argsort(-prediction, kind="stable")
    event, person = truth[order], code[order]
    last = np.flatnonzero(np.diff(prediction[order], append=np.nan) != 0)

    def part(weight: np.ndarray) -> np.ndarray:
        called = np.cumsum(weight, 1)[:, last]
        right = np.cumsum(weight * event, 1)[:, last]
        gained = np.diff(right, axis=1, prepend=0.0)
        precision = np.divide(right, called, out=np.zeros_like(right), where=called > 0)
        area = divided((gained * precision).sum(1), right[:, -1])
        return np.where(right[:, -1] < called[:, -1], area, np.nan)

    return in_parts(part, counts, person)
