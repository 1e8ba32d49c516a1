"""Ragged rows of people as arrays of a few fixed shapes, so that another person or label compiles nothing."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float, Shaped

FEWEST_ROWS = 8
"""Rows are padded to a power of two from here on."""
FEWEST_TO_HOLD_BACK = 12
"""Of fewer labels none is held back: what two or three labels say of when to stop is mostly noise."""
HELD_BACK = 4
"""One label in so many is."""


def padded_length(rows: int) -> int:
    """The least power of two that holds so many rows, at least `FEWEST_ROWS`."""
    return max(FEWEST_ROWS, 1 << max(rows - 1, 0).bit_length())


def stacked(parts: Sequence[Shaped[np.ndarray, "..."]], people: int, rows: int) -> Shaped[np.ndarray, "..."]:
    """The parts, each [up to `rows`, ...], as one array [people, rows, ...]; zeros (False) elsewhere."""
    out = np.zeros((people, rows, *parts[0].shape[1:]), parts[0].dtype)
    for i, part in enumerate(parts):
        out[i, : len(part)] = part
    return out


def in_batches(jobs: int, at_once: int) -> Iterator[range]:
    """Positions of the jobs, `at_once` at a time; the last batch may be shorter."""
    for first in range(0, jobs, at_once):
        yield range(first, min(first + at_once, jobs))


def held_back(y: Float[np.ndarray, "n"], rng: np.random.Generator) -> Bool[np.ndarray, "n"]:
    """Which of a person's rows tell when to stop instead of being learnt from.

    A quarter, spread over the labels from the smallest to the largest, hence over the classes too; which of them it is,
    is left to chance. None of fewer than `FEWEST_TO_HOLD_BACK`.
    """
    held = np.zeros(len(y), bool)
    if len(y) >= FEWEST_TO_HOLD_BACK:
        held[np.lexsort((rng.permutation(len(y)), y))[rng.integers(HELD_BACK) :: HELD_BACK]] = True
    return held
