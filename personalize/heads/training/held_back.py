"""What is held back of the rows to learn from, to tell which checkpoint is best."""

import math
from typing import Literal

import numpy as np
from jaxtyping import Bool

from personalize.protocols.units import Units
from pretrain.errors import UserError


def held_back(
    units: Units, how: Literal["nothing", "people", "tail"], share: float, seed: int
) -> tuple[Bool[np.ndarray, "n"], Bool[np.ndarray, "n"]]:
    """Which units to learn from, and which to validate on.

    Of people a share is drawn, at least one. Of every recording the last share is held back, and what overlaps it is
    neither learnt from nor held back. Raises `UserError` where nobody, or nothing, would be left to learn from.
    """
    if how == "nothing":
        return np.ones(len(units), bool), np.zeros(len(units), bool)
    if how == "people":
        people = np.unique(units.participant)
        if len(people) < 2:
            raise UserError(f"validate_on='people' needs 2 participants to learn from, there is {len(people)}; "
                            "validate_on='tail' holds back the end of recordings")  # fmt: skip
        some = np.random.default_rng(seed).permutation(people)[: min(math.ceil(share * len(people)), len(people) - 1)]
        held = np.isin(units.participant, some)
        return ~held, held
    learn, held = np.ones(len(units), bool), np.zeros(len(units), bool)
    for name in np.unique(units.recording):
        rows = np.flatnonzero(units.recording == name)
        rows = rows[np.argsort(units.t0[rows], kind="stable")]  # times that are not known: in the order of the rows
        tail = rows[len(rows) - round(share * len(rows)) :]
        held[tail] = True
        if len(tail):
            learn[rows] = ~(units.t1[rows] > units.t0[tail[0]])
    learn &= ~held
    if not learn.any() or not held.any():
        raise UserError(f"validate_on='tail': {len(units)} units are too few to hold back a share of {share:g} of "
                        "every recording; set validate_on='nothing'")  # fmt: skip
    return learn, held
