"""How a person's neutral moment is found, and what the finding of it costs.

`first_seconds` and `marked_rest` need no label. `lowest_predicted` chooses among the units that are tested
(transductive). `label_zero` uses labels of the person: they count in k, what they were taken from is cut from the test,
and it is an ORACLE when it looked at the test segment. A moment that is called neutral may hold pain.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from personalize.adaptation.reference import minus_mean, opening

ORACLE = "ORACLE"
TRANSDUCTIVE = "transductive"


@dataclass(frozen=True)
class Neutral:
    """Which units are the reference, of whom, and at what cost."""

    reference: Bool[np.ndarray, "n"]
    scope: Shaped[np.ndarray, "n"]
    """A unit's reference is the mean over the reference units of the same scope: its recording or its participant."""
    overlapping: Bool[np.ndarray, "n"]
    """Units of the same recording that share time with a reference unit, itself included: no test units, in any
    adaptation of a comparison.
    """
    labels_used: Int[np.ndarray, "n"]
    """Labels of the unit's participant that were looked at; part of their k."""
    transductive: bool = False
    oracle: bool = False

    def marks(self) -> tuple[str, ...]:
        """Words that go with every number got with this reference."""
        return (*((ORACLE,) if self.oracle else ()), *((TRANSDUCTIVE,) if self.transductive else ()))


def first_seconds(
    recording: Shaped[np.ndarray, "n"],
    t0: Float[np.ndarray, "n"],
    t1: Float[np.ndarray, "n"],
    usable: Bool[np.ndarray, "n"],
    seconds: float,
) -> Neutral:
    """The usable units within the first `seconds` of their recording, else its first usable one; no label."""
    return _unlabelled(opening(recording, t0, t1, usable, seconds), recording, t0, t1)


def marked_rest(
    recording: Shaped[np.ndarray, "n"],
    t0: Float[np.ndarray, "n"],
    t1: Float[np.ndarray, "n"],
    usable: Bool[np.ndarray, "n"],
    rest_recording: Shaped[np.ndarray, "r"],
    rest_t0: Float[np.ndarray, "r"],
    rest_t1: Float[np.ndarray, "r"],
) -> Neutral:
    """The usable units that lie wholly within a rest that somebody has marked, seconds; no label.

    A recording without such a unit has no reference: nothing else in it was called rest.
    """
    reference = np.zeros(len(t0), bool)
    for name, start, end in zip(rest_recording, rest_t0, rest_t1, strict=True):
        reference |= usable & (recording == name) & (t0 >= start) & (t1 <= end)
    return _unlabelled(reference, recording, t0, t1)


def lowest_predicted(
    recording: Shaped[np.ndarray, "n"],
    usable: Bool[np.ndarray, "n"],
    predicted: Float[np.ndarray, "n"],
    count: int,
) -> Neutral:
    """The `count` usable units of each recording that a model without reference predicts lowest; transductive.

    It is not cut from the test: which units are tested would then hang on the model.
    """
    reference = np.zeros(len(predicted), bool)
    for name in np.unique(recording):
        good = np.flatnonzero((recording == name) & usable & np.isfinite(predicted))
        reference[good[np.argsort(predicted[good], kind="stable")[:count]]] = True
    nothing = np.zeros(len(predicted), bool)
    return Neutral(reference, recording, nothing, np.zeros(len(predicted), int), transductive=True)


def label_zero(
    participant: Shaped[np.ndarray, "n"],
    recording: Shaped[np.ndarray, "n"],
    t0: Float[np.ndarray, "n"],
    t1: Float[np.ndarray, "n"],
    usable: Bool[np.ndarray, "n"],
    y: Float[np.ndarray, "n"],
    offered: Bool[np.ndarray, "n"],
    test: Bool[np.ndarray, "n"],
    zero: float = 0.0,
) -> Neutral:
    """The usable units among those `offered` that are labelled `zero` or lower; the reference of their participant.

    All labels offered have been looked at, so all of them count in k. ORACLE when one of them shares time with a unit
    of the `test`; offer calibration units only and it is none. Someone with no such unit has no reference.
    """
    labelled = offered & np.isfinite(y)
    reference = labelled & usable & (y <= zero)
    people, code = np.unique(participant, return_inverse=True)
    used = np.bincount(code, weights=labelled, minlength=len(people)).astype(int)[code]
    looked_at = overlapping(labelled, recording, t0, t1)
    return Neutral(
        reference,
        participant,
        overlapping(reference, recording, t0, t1),
        used,
        oracle=bool((looked_at & test).any()),
    )


def overlapping(
    units: Bool[np.ndarray, "n"],
    recording: Shaped[np.ndarray, "n"],
    t0: Float[np.ndarray, "n"],
    t1: Float[np.ndarray, "n"],
) -> Bool[np.ndarray, "n"]:
    """Which units share time with one of `units` of the same recording; these included."""
    out = units.copy()
    for name in np.unique(recording[units]):
        rows = np.flatnonzero(recording == name)
        given = rows[units[rows]]
        order = given[np.argsort(t0[given])]
        # the latest end among those that start before a unit ends
        place = np.searchsorted(t0[order], t1[rows], side="left")
        end = np.append(-np.inf, np.maximum.accumulate(t1[order]))[place]
        out[rows] |= end > t0[rows]
    return out


def minus_neutral(x: Float[np.ndarray, "n d"], neutral: Neutral) -> Float[np.ndarray, "n d"]:
    """Every row less the mean of its scope's reference units; NaN where there is none."""
    return minus_mean(x, neutral.reference, neutral.scope)


def _unlabelled(
    reference: Bool[np.ndarray, "n"],
    recording: Shaped[np.ndarray, "n"],
    t0: Float[np.ndarray, "n"],
    t1: Float[np.ndarray, "n"],
) -> Neutral:
    return Neutral(reference, recording, overlapping(reference, recording, t0, t1), np.zeros(len(t0), int))
