"""Protocols that leave people out: nobody who is tested has been seen."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Shaped

from personalize.cohorts.identity import same_person_key
from personalize.protocols.base import NOBODY, Fold, Protocol, dealt, left_out, names_in_order
from personalize.protocols.units import Units
from pretrain.errors import UserError, nearest


class Loso(Protocol):
    """Leave one subject out: a fold per participant."""

    name = "loso"

    def _folds(self, units: Units, y: Shaped[np.ndarray, "n"] | None) -> Iterator[Fold]:
        people = np.unique(units.participant)
        _check_people(len(people), 2, self.name)
        for person in people:
            yield left_out(str(person), units.participant == person)


LOSO = Loso()
"""Who is left out where a protocol of one person's units does not say it."""


class GroupKFold(Protocol):
    """Participants dealt by a seed to folds that differ by one participant at most.

    In units they differ by no more than the participant with the most units has.
    """

    name = "group_kfold"

    def __init__(self, n_splits: int = 5, seed: int = 0) -> None:
        self.n_splits = n_splits
        self.seed = seed

    def _folds(self, units: Units, y: Shaped[np.ndarray, "n"] | None) -> Iterator[Fold]:
        if self.n_splits < 2:
            raise UserError(f"protocol {self.name!r}: n_splits must be at least 2, not {self.n_splits}")
        people, code, size = np.unique(units.participant, return_inverse=True, return_counts=True)
        _check_people(len(people), self.n_splits, self.name)
        hand = dealt(size, self.n_splits, np.random.default_rng(self.seed))
        for number in range(self.n_splits):
            yield left_out(f"fold {number}", hand[code] == number)


class FixedSplit(Protocol):
    """One split, by named participants or by position.

    `test` names the participants who are tested; a number means the last that many in the order in which they first
    occur. `train` names those to learn from; None means everybody else.
    """

    name = "fixed_split"

    def __init__(self, test: tuple[str, ...] | int, train: tuple[str, ...] | None = None) -> None:
        self.test = test
        self.train = train

    def _folds(self, units: Units, y: Shaped[np.ndarray, "n"] | None) -> Iterator[Fold]:
        people = names_in_order(units.participant)
        if isinstance(self.test, int):
            if not 0 < self.test < len(people):
                raise UserError(f"protocol {self.name!r} cannot test {self.test} of {len(people)} participants")
            test = np.isin(units.participant, people[-self.test :])
        else:
            test = named(units.participant, self.test, "test participant")
        train = ~test if self.train is None else named(units.participant, self.train, "training participant")
        if (train & test).any():
            raise UserError(f"participant {units.participant[train & test][0]!r} is named in train and in test")
        if not train.any() or not test.any():
            raise UserError(f"protocol {self.name!r} leaves nobody to {'test' if train.any() else 'train on'}")
        yield Fold("fixed", np.flatnonzero(train), NOBODY, np.flatnonzero(test))


class External(Protocol):
    """Learns from one cohort, is tested on another: frozen, then recalibrated.

    `development` names people of the new cohort who are never tested. The first fold uses none of them (frozen); the
    second has `labelled` of them, drawn by `seed`, or all of them (None) as calibration. Both test the same units.
    """

    name = "external"
    needs = ("cohort",)

    def __init__(
        self, train: str, test: str, development: tuple[str, ...] = (), labelled: int | None = None, seed: int = 0
    ) -> None:
        self.train = train
        self.test = test
        self.development = development
        self.labelled = labelled
        self.seed = seed

    def _folds(self, units: Units, y: Shaped[np.ndarray, "n"] | None) -> Iterator[Fold]:
        known = names_in_order(units.cohort)
        for cohort in (self.train, self.test):
            if cohort not in known:
                raise UserError(f"protocol {self.name!r}: no cohort {cohort!r}{nearest(cohort, known)}")
        if self.train == self.test:
            raise UserError(f"protocol {self.name!r} trains and tests on the same cohort {self.train!r}")
        new = units.cohort == self.test
        own = np.array([name.removeprefix(f"{self.test}/") for name in units.participant.tolist()])
        aside = new & named(np.where(new, own, ""), self.development, "development participant")
        train, test = np.flatnonzero(units.cohort == self.train), np.flatnonzero(new & ~aside)
        if not len(test):
            raise UserError(f"all participants of {self.test!r} are development people: nobody is left to test")
        yield Fold("frozen", train, NOBODY, test)
        if len(calibration := np.flatnonzero(aside & np.isin(own, self._drawn(own[aside])))):
            yield Fold("recalibrated", train, calibration, test)

    def _drawn(self, names: Shaped[np.ndarray, "m"]) -> list[str]:
        people = np.random.default_rng(self.seed).permutation(np.unique(names)).tolist()
        if self.labelled is not None and not 0 <= self.labelled <= len(people):
            raise UserError(f"labelled={self.labelled} of {len(people)} development people")
        return people[: self.labelled]


def named(participant: Shaped[np.ndarray, "n"], names: tuple[str, ...], what: str) -> Bool[np.ndarray, "n"]:
    """Where the participant is among those named, spelling forgiven; `UserError` for a name nobody has."""
    known = {same_person_key(name): name for name in names_in_order(participant) if name}
    for name in names:
        if same_person_key(name) not in known:
            raise UserError(f"no {what} {name!r}{nearest(name, known.values())}")
    wanted = {same_person_key(name) for name in names}
    return np.array([same_person_key(str(name)) in wanted for name in participant], dtype=bool)


def _check_people(people: int, fewest: int, name: str) -> None:
    if people < fewest:
        raise UserError(f"{people} participants; protocol {name!r} needs at least {fewest}")
