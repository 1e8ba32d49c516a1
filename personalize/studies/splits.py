"""Who is learnt from and who is tested: the protocol's folds, and what a model takes of them."""

import zlib
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from personalize.config import FirstSeconds, LabelZero
from personalize.protocols.base import Fold, Protocol
from personalize.protocols.config import to_protocol
from personalize.protocols.kshot import calibration_units_of_each
from personalize.protocols.neutral import Neutral, first_seconds, label_zero
from personalize.studies.config import Slot
from personalize.studies.data import Data
from personalize.studies.models import Model
from pretrain.errors import UserError

ALL = 10**9
"""More labels than anybody has."""
NOTHING = np.zeros(0, int)


class Fit(NamedTuple):
    """One training and what it is asked afterwards; positions of units."""

    fold: int
    learn: Int[np.ndarray, "a"]
    tune: Int[np.ndarray, "k"]
    """Learnt from afterwards, starting from what was learnt before; empty for nothing."""
    test: Int[np.ndarray, "t"]
    labels: int
    """Of the people tested, that were used for the person who gave most."""


def protocol_of(slot: Slot, data: Data) -> Protocol:
    """The splitter of a slot; one that leaves people out is `external` where two cohorts are at hand."""
    if data.external is not None:
        return data.external
    return to_protocol(slot.protocol, ordered=True, k=ALL, per_class=data.kind.name == "class")


def neutral_of(rule: FirstSeconds | LabelZero, data: Data) -> Neutral:
    """The neutral moments of all rows."""
    rows = data.rows
    usable = np.ones(len(rows), bool)
    if isinstance(rule, FirstSeconds):
        return first_seconds(rows.recording, rows.t0, rows.t1, usable, rule.seconds)
    y = np.full(len(rows), np.nan)
    y[data.valid] = data.target
    rated = np.isfinite(y)
    return label_zero(rows.participant, rows.recording, rows.t0, rows.t1, usable, y, rated, rated, rule.zero)


def folds_of(slot: Slot, data: Data, cut: Bool[np.ndarray, "m"], *, own: bool = False) -> list[Fold]:
    """The folds of a slot, without the test units that are `cut`; raises `UserError` where nothing is left.

    With `own`, people of whom nothing but the test is there are not tested: a model of theirs could learn from nothing.
    """
    found, person = [], data.units.participant
    for fold in protocol_of(slot, data).folds(None, data.target, data.units):
        test = fold.test[~cut[fold.test]]
        if own:
            test = test[np.isin(person[test], person[np.union1d(fold.train, fold.calibration)])]
        if len(test):
            found.append(fold._replace(test=test))
    if not found:
        raise UserError("no unit is left to test after the neutral moments")
    return found


def fits_of(model: Model, folds: list[Fold], data: Data, seed: int) -> list[Fit]:
    """What a model learns from and is asked in every fold; a training per person where it looks at their own units.

    Raises `UserError` for somebody who has none.
    """
    found = []
    for number, fold in enumerate(folds):
        personal = model.learns_from == "own" or model.tuned is not None
        groups = [fold.test] if not personal else _by_person(fold.test, data)
        found += [_fit(model, fold, number, test, data, seed) for test in groups]
    return found


def _fit(model: Model, fold: Fold, number: int, test: Int[np.ndarray, "t"], data: Data, seed: int) -> Fit:
    person = data.units.participant
    tested = np.isin(person, np.unique(person[test]))
    seen = np.union1d(fold.train, fold.calibration)
    own = seen[tested[seen]]
    learn = {"train": fold.train, "own": own, "everybody": seen}[model.learns_from]
    tune = own[_spread(data, own, model.tuned)] if model.tuned else NOTHING
    if not len(learn) or (model.tuned and not len(tune)):
        raise UserError(f"participant {person[test[0]]!r} has no units to learn from before those that are tested")
    if model.like_one:
        learn = _thinned(learn, data, seed)
    counted = np.union1d(learn[tested[learn]], tune)
    most = int(np.unique(person[counted], return_counts=True)[1].max(initial=0))
    return Fit(number, learn, tune, test, most)


def _by_person(test: Int[np.ndarray, "t"], data: Data) -> list[Int[np.ndarray, "_"]]:
    person = data.units.participant[test]
    return [test[person == name] for name in np.unique(person)]


def _spread(data: Data, own: Int[np.ndarray, "n"], k: int) -> Bool[np.ndarray, "n"]:
    """k units (of every class) that are spread most evenly over their time."""
    label = data.target[own] if data.kind.name == "class" else np.zeros(len(own))
    return calibration_units_of_each(data.units.take(own), label, np.full(len(own), True), k)


def _thinned(learn: Int[np.ndarray, "a"], data: Data, seed: int) -> Int[np.ndarray, "b"]:
    """As many units as the median person has, drawn from everybody's."""
    person = data.units.participant[learn]
    size = int(np.median(np.unique(person, return_counts=True)[1]))
    rng = np.random.default_rng([seed, zlib.crc32(person[0].encode())])
    return np.sort(rng.choice(learn, size, replace=False))
