"""What every adaptation has to beat: predictions that need no face, or no person, or cheat and say so.

`participant_prior`, the person's own labels without a face, is an adaptation (`personalize.adaptation`).
"""

import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from personalize.adaptation.base import Prediction, of_classes
from personalize.signals.pspi import pspi_of


class Setting(NamedTuple):
    """What a baseline may look at: all units of a fold, and who is trained on and tested."""

    x: Float[np.ndarray, "n d"]
    columns: tuple[str, ...]
    y: Float[np.ndarray, "n"]
    participant: Shaped[np.ndarray, "n"]
    recording: Shaped[np.ndarray, "n"]
    t0: Float[np.ndarray, "n"]
    since: Float[np.ndarray, "n"]
    """Time since the recording began; rows, in a table without time."""
    ordered: bool
    train: Int[np.ndarray, "a"]
    test: Int[np.ndarray, "t"]
    classes: int
    """How many; 0 for numbers."""
    fitted: Callable[[np.ndarray, np.ndarray], Callable[[np.ndarray], Prediction]]
    """(x, y) of all units -> the population model of the training ones."""
    seed: int


Baseline = Callable[[Setting], Prediction | str]
"""A prediction of the test units, or why there is none."""


def majority(at: Setting) -> Prediction:
    """The training people's mean; for classes, how often each is among their labels."""
    return constant(at.y[at.train], len(at.test), at.classes)


def elapsed_time(at: Setting) -> Prediction | str:
    """A population model of nothing but the time since the recording began."""
    if not at.ordered:
        return "the rows have no order in time"
    return at.fitted(at.since[:, None], at.y)(at.since[at.test, None])


def pspi(at: Setting) -> Prediction | str:
    """The PSPI of the action units, scaled to the target by training people."""
    found = pspi_of(at.x, at.columns)
    if isinstance(found, str):
        return found
    return at.fitted(found[:, None], at.y)(found[at.test, None])


def permuted_within(at: Setting) -> Prediction:
    """The population model of labels permuted within each training person: what it knows of people but not of faces."""
    return at.fitted(at.x, _permuted(at, by_person=True))(at.x[at.test])


def permuted_across(at: Setting) -> Prediction:
    """The population model of labels permuted over all training people: nothing is left but how labels are spread."""
    return at.fitted(at.x, _permuted(at, by_person=False))(at.x[at.test])


def participant_oracle(at: Setting) -> Prediction:
    """ORACLE: the mean (for classes the shares) of the person's own test labels."""
    found = majority(at)
    who = at.participant[at.test]
    for person in np.unique(who):
        own = who == person
        _put(found, own, constant(at.y[at.test][own], int(own.sum()), at.classes))
    return found


def previous_label(at: Setting) -> Prediction | str:
    """ORACLE: the label of the unit before in the same recording; the training people's mean for the first."""
    if not at.ordered:
        return "the rows have no order in time"
    out = majority(at)
    units_before = previous_units(at.recording, at.t0)
    before = units_before[at.test]
    known = before >= 0
    if at.classes:
        _put(out, known, of_classes(np.eye(at.classes)[at.y[before[known]].astype(int)]))
    else:
        learnt = at.train[units_before[at.train] >= 0]
        change = np.sqrt(np.mean((at.y[learnt] - at.y[units_before[learnt]]) ** 2)) if len(learnt) else at.y.std()
        _put(out, known, Prediction(at.y[before[known]], np.full(int(known.sum()), change)))
    return out


BASELINES: dict[str, Baseline] = {
    "majority": majority,
    "elapsed_time": elapsed_time,
    "pspi": pspi,
    "permuted_within": permuted_within,
    "permuted_across": permuted_across,
    "participant_oracle": participant_oracle,
    "previous_label": previous_label,
}
ORACLES = ("participant_oracle", "previous_label")
"""Those that use labels of the test; never what anything is compared with."""
NO_FACE = ("majority", "elapsed_time", "participant_prior", "participant_oracle", "previous_label")
"""Rows that no feature enters: the same whatever the features are."""


def constant(y: Float[np.ndarray, "m"], size: int, classes: int) -> Prediction:
    """The mean of some labels, or the shares of classes among them, for everything."""
    if classes:
        share = np.bincount(y.astype(int), minlength=classes) / len(y)
        return of_classes(np.tile(share, (size, 1)))
    return Prediction(np.full(size, y.mean()), np.full(size, y.std()))


def previous_units(recording: Shaped[np.ndarray, "n"], t0: Float[np.ndarray, "n"]) -> Int[np.ndarray, "n"]:
    """Position of the unit that begins latest before each in its recording; -1 where there is none."""
    out = np.full(len(t0), -1)
    for name in np.unique(recording):
        rows = np.flatnonzero(recording == name)
        rows = rows[np.argsort(t0[rows], kind="stable")]
        place = np.searchsorted(t0[rows], t0[rows], side="left") - 1
        out[rows] = np.where(place >= 0, rows[place], -1)
    return out


def _permuted(at: Setting, *, by_person: bool) -> Float[np.ndarray, "n"]:
    out = at.y.copy()
    own = [at.train[at.participant[at.train] == name] for name in np.unique(at.participant[at.train])]
    for rows in own if by_person else [at.train]:
        key = zlib.crc32(str(at.participant[rows[0]]).encode())
        out[rows] = np.random.default_rng([at.seed, key]).permutation(at.y[rows])
    return out


def _put(into: Prediction, where: np.ndarray, found: Prediction) -> None:
    for whole, some in zip(into, found, strict=True):
        if whole is not None:
            whole[where] = some
