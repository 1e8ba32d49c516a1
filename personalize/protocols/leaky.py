"""Protocols that studies have used and that leak: the person who is tested has been seen. Marked LEAKY.

They are here to show what a published number is worth; no number of theirs goes without the word.
"""

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int, Shaped

from personalize.protocols.base import Fold, Protocol, dealt, left_out
from personalize.protocols.units import Units
from pretrain.errors import UserError


class _Dealt(Protocol):
    """k folds of something that is not the person."""

    leaky = True

    def __init__(self, n_splits: int = 10, seed: int = 0) -> None:
        self.n_splits = n_splits
        self.seed = seed

    def _folds(self, units: Units, y: Shaped[np.ndarray, "n"] | None) -> Iterator[Fold]:
        if self.n_splits < 2:
            raise UserError(f"protocol {self.name!r}: n_splits must be at least 2, not {self.n_splits}")
        hand = self._hand(units, np.random.default_rng(self.seed))
        if len(set(hand.tolist())) < self.n_splits:
            raise UserError(f"protocol {self.name!r}: too few {self._what} for {self.n_splits} folds")
        for number in range(self.n_splits):
            yield left_out(f"fold {number}", hand == number)

    _what = "units"

    @abstractmethod
    def _hand(self, units: Units, rng: np.random.Generator) -> Int[np.ndarray, "n"]:
        """The fold of every unit."""


class RandomFrame(_Dealt):
    """Units dealt one by one: the neighbours of a tested frame, of the same person, have been seen."""

    name = "random_frame"

    def _hand(self, units: Units, rng: np.random.Generator) -> Int[np.ndarray, "n"]:
        return dealt(np.ones(len(units), int), self.n_splits, rng)


class RandomWindow(_Dealt):
    """Stretches of `seconds` of a recording dealt whole: other windows of the same recording have been seen."""

    name = "random_window"
    needs = ("recording", "t0")
    _what = "windows"

    def __init__(self, seconds: float = 2.0, n_splits: int = 10, seed: int = 0) -> None:
        super().__init__(n_splits, seed)
        self.seconds = seconds

    def _hand(self, units: Units, rng: np.random.Generator) -> Int[np.ndarray, "n"]:
        if not self.seconds > 0:
            raise UserError(f"protocol {self.name!r}: seconds must be above 0, not {self.seconds}")
        number = np.floor(units.t0 / self.seconds).astype(int)
        recording = np.unique(units.recording, return_inverse=True)[1]
        _, window, size = np.unique(
            np.column_stack([recording, number]), axis=0, return_inverse=True, return_counts=True
        )
        return dealt(size, self.n_splits, rng)[window.reshape(-1)]


class Mixed(_Dealt):
    """Recordings dealt within each participant: everybody with two recordings or more is on both sides."""

    name = "mixed"
    needs = ("recording",)
    _what = "recordings"

    def _hand(self, units: Units, rng: np.random.Generator) -> Int[np.ndarray, "n"]:
        hand = np.zeros(len(units), int)
        start = 0
        for person in np.unique(units.participant):
            rows = np.flatnonzero(units.participant == person)
            names, code = np.unique(units.recording[rows], return_inverse=True)
            # each person goes on where the one before stopped, so that the folds are of one size
            hand[rows] = ((start + rng.permutation(len(names))) % self.n_splits)[code]
            start += len(names)
        return hand
