"""Protocols that let a model see some of the person who is tested: k labels, an earlier part, earlier sessions.

Each takes `people`, the protocol that says who is left out of training (None: nobody, and everyone's earlier units
are the calibration of one single fold). Which units are tested depends on neither k nor the adaptation.
"""

import zlib
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped

from personalize.cohorts.identity import same_person_key
from personalize.protocols.base import NOBODY, Fold, Protocol
from personalize.protocols.kshot import blocked, calibration_units_of_each
from personalize.protocols.leakage import gaps
from personalize.protocols.people import LOSO
from personalize.protocols.units import Units, read_units
from pretrain.errors import UserError

FEWEST_DRAWS = 20
"""The mean over fewer draws says more about the draws than about the people."""


class _Personal(Protocol):
    """Every person's units are calibration, test or neither; who trains is another protocol's affair."""

    people: Protocol | None

    def roles(self, groups: Any, y: Any = None, draw: int = 0) -> tuple[Bool[np.ndarray, "n"], Bool[np.ndarray, "n"]]:
        """Masks of the calibration and the test units of everybody, training people included.

        With them a prior can be learned from the training people under the protocol that the tested ones meet.
        """
        units = read_units(groups, self._needs(), f"protocol {self.name!r}")
        return self._roles(units, None if y is None else np.asarray(y), draw)

    def _needs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*self.needs, *(self.people.needs if self.people else ())]))

    def _draws(self) -> dict[int, str]:
        """Draws, and what each adds to the name of a fold."""
        return {0: ""}

    def _folds(self, units: Units, y: Shaped[np.ndarray, "n"] | None) -> Iterator[Fold]:
        if self.people is not None and (self.people.leaky or isinstance(self.people, _Personal)):
            raise UserError(f"protocol {self.name!r}: {self.people.name!r} does not leave people out")
        everyone = Fold("known people", NOBODY, NOBODY, np.arange(len(units)))
        outer = [everyone] if self.people is None else list(self.people._folds(units, y))
        found = 0
        for draw, suffix in self._draws().items():
            calibration, test = self._roles(units, y, draw)
            for fold in outer:
                tested = fold.test[test[fold.test]]
                if len(tested):
                    found += 1
                    own = np.union1d(fold.calibration, fold.test[calibration[fold.test]])
                    yield Fold(fold.name + suffix, fold.train, own, tested)
        if not found:
            raise UserError(f"protocol {self.name!r}: nobody has units left to test")

    @abstractmethod
    def _roles(self, units: Units, y: Shaped[np.ndarray, "n"] | None, draw: int) -> tuple[np.ndarray, np.ndarray]:
        """The masks of `roles`."""


class KShot(_Personal):
    """k labels of each tested person: per class if `per_class`, else in total; all there are where fewer.

    With `order` the labels are spread evenly over the time of the person's `first` recordings and later recordings
    are tested; of a single recording the first `pool_share` of its time is the pool, and the test begins `purge`
    seconds after it (None: the length of the longest unit, below which it must not be).

    Without order a share `pool_share` of the person's units (of each class) is the pool and the rest is tested, by
    chance and anew in each of `draws` draws with the seeds `seed`, `seed + 1`, ...; the labels of a smaller k are
    among those of a larger one.
    """

    name = "k_shot"

    def __init__(
        self,
        k: int = 5,
        *,
        per_class: bool = False,
        order: bool = True,
        first: int = 1,
        pool_share: float = 0.5,
        purge: float | None = None,
        draws: int = 20,
        seed: int = 0,
        people: Protocol | None = LOSO,
    ) -> None:
        self.k = k
        self.per_class = per_class
        self.order = order
        self.first = first
        self.pool_share = pool_share
        self.purge = purge
        self.draws = draws
        self.seed = seed
        self.people = people

    def marks(self) -> tuple[str, ...]:
        """`order: none` where the labels are drawn by chance."""
        return () if self.order else ("order: none",)

    def gap(self, units: Units) -> float:
        """The purge gap; 0 without order, where units are neighbours of nobody but must not overlap."""
        return purge_gap(units, self.purge, self.name) if self.order else 0.0

    def counts(self, groups: Any, y: Any = None) -> dict[str, int]:
        """How many people fell short: of k labels (of some class), of units to test, of a second recording."""
        units = read_units(groups, self._needs(), f"protocol {self.name!r}")
        label = self._labels(units, None if y is None else np.asarray(y))
        calibration, test = self._roles(units, label, 0)
        people = [units.participant == person for person in np.unique(units.participant)]
        got = [min(int((calibration & mask & (label == c)).sum()) for c in np.unique(label)) for mask in people]
        return {
            "participants": len(people),
            "participants_with_fewer_than_k_labels": sum(number < self.k for number in got),
            "participants_without_test_units": sum(not (test & mask).any() for mask in people),
            "participants_with_one_recording": sum(len(set(units.recording[mask].tolist())) == 1 for mask in people),
        }

    def _needs(self) -> tuple[str, ...]:
        return (*(("recording", "sequence", "t0", "t1") if self.order else ()), *super()._needs())

    def _draws(self) -> dict[int, str]:
        if self.order:
            return {0: ""}
        if self.draws < FEWEST_DRAWS:
            raise UserError(f"protocol {self.name!r} without order: draws must be {FEWEST_DRAWS} or more")
        return {draw: f", seed {self.seed + draw}" for draw in range(self.draws)}

    def _roles(self, units: Units, y: Shaped[np.ndarray, "n"] | None, draw: int) -> tuple[np.ndarray, np.ndarray]:
        _check_share(self.pool_share, self.name)
        if self.k < 0 or self.first < 1:
            raise UserError(f"protocol {self.name!r}: k must not be below 0, nor first below 1")
        label = self._labels(units, y)
        if not self.order:
            return self._drawn(units, label, self.seed + draw)
        pool, test = blocked(
            units.participant, units.sequence, units.t0, units.t1, self.pool_share, self.gap(units), self.first
        )
        return calibration_units_of_each(units, label, pool, self.k), test

    def _labels(self, units: Units, y: Shaped[np.ndarray, "n"] | None) -> Shaped[np.ndarray, "n"]:
        """What k is counted of: classes, or everything as one."""
        if not self.per_class:
            return np.zeros(len(units), int)
        if y is None:
            raise UserError(f"protocol {self.name!r}: k labels per class need y")
        return y

    def _drawn(self, units: Units, label: Shaped[np.ndarray, "n"], seed: int) -> tuple[np.ndarray, np.ndarray]:
        chosen, test = np.zeros(len(units), bool), np.zeros(len(units), bool)
        for person in np.unique(units.participant):
            # a seed of one's own: another participant in the cohort changes nobody else's draw
            rng = np.random.default_rng([seed, zlib.crc32(same_person_key(str(person)).encode())])
            for value in np.unique(label[units.participant == person]):
                rows = rng.permutation(np.flatnonzero((units.participant == person) & (label == value)))
                pool = int(self.pool_share * len(rows))
                chosen[rows[: min(self.k, pool)]] = True
                test[rows[pool:]] = True
        return chosen, test


class Blocked(_Personal):
    """The first `pool_share` of the time of every recording calibrates; what begins `purge` seconds later is tested.

    With `per_class` that is so for the time of every class of a recording, so that no class is left for the test
    alone; what lies within `purge` seconds of any calibrating unit is not tested. `purge` None means the length of the
    longest unit; a shorter gap is refused, for such units overlap.
    """

    name = "blocked"
    needs = ("recording", "t0", "t1")

    def __init__(
        self,
        pool_share: float = 0.5,
        purge: float | None = None,
        *,
        per_class: bool = False,
        people: Protocol | None = LOSO,
    ) -> None:
        self.pool_share = pool_share
        self.purge = purge
        self.per_class = per_class
        self.people = people

    def gap(self, units: Units) -> float:
        """The purge gap."""
        return purge_gap(units, self.purge, self.name)

    def _roles(self, units: Units, y: Shaped[np.ndarray, "n"] | None, draw: int) -> tuple[np.ndarray, np.ndarray]:
        _check_share(self.pool_share, self.name)
        alone, gap = np.zeros(len(units), int), self.gap(units)
        stretch = units.recording
        if self.per_class:
            if y is None:
                raise UserError(f"protocol {self.name!r} with blocks per class needs labels")
            stretch = np.array([f"{name}#{label}" for name, label in zip(stretch, y, strict=True)], dtype=object)
        pool, test = blocked(stretch, alone, units.t0, units.t1, self.pool_share, gap)
        if self.per_class:  # blocks of two classes may touch
            test[test] = ~(gaps(units.take(pool), units.take(test)) < gap - 1e-9)
        return pool, test


class Session(_Personal):
    """The `first` sessions of every person calibrate, the later ones are tested; in a cohort, a session's number is
    that of the recording. Someone with no later session is not tested.
    """

    name = "session"
    needs = ("sequence",)

    def __init__(self, first: int = 1, people: Protocol | None = LOSO) -> None:
        self.first = first
        self.people = people

    def _roles(self, units: Units, y: Shaped[np.ndarray, "n"] | None, draw: int) -> tuple[np.ndarray, np.ndarray]:
        if self.first < 1:
            raise UserError(f"protocol {self.name!r}: first must be at least 1, not {self.first}")
        early = np.zeros(len(units), bool)
        for person in np.unique(units.participant):
            rows = np.flatnonzero(units.participant == person)
            early[rows] = np.unique(units.sequence[rows], return_inverse=True)[1] < self.first
        return early, ~early


def purge_gap(units: Units, purge: float | None, name: str) -> float:
    """The gap between calibration and test in seconds; `UserError` for one shorter than the longest unit."""
    longest = units.longest()
    if purge is None:
        return longest
    if purge < longest:
        raise UserError(f"protocol {name!r}: a purge gap of {purge:g} is shorter than the longest unit, {longest:g}")
    return purge


def _check_share(share: float, name: str) -> None:
    if not 0 < share < 1:
        raise UserError(f"protocol {name!r}: pool_share must lie between 0 and 1, not {share}")
