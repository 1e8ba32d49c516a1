"""What every protocol is: a scikit-learn splitter that says its name and whether it leaks."""

from abc import abstractmethod
from collections.abc import Generator, Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Bool, Int, Shaped
from sklearn.base import BaseEstimator
from sklearn.model_selection import BaseCrossValidator

from personalize.protocols.units import Units, read_units
from pretrain.errors import UserError

LEAKY = "LEAKY"
"""The word that goes with every number of a leaky protocol."""
NOBODY = np.zeros(0, dtype=int)


class Fold(NamedTuple):
    """Who and what is in train, calibration and test; positions of units, each in ascending order."""

    name: str
    train: Int[np.ndarray, "a"]
    """Units of other people, for whatever is fitted for everybody."""
    calibration: Int[np.ndarray, "c"]
    """Units of the people who are tested (or of their population) that may be used to adapt."""
    test: Int[np.ndarray, "t"]


class Protocol(BaseCrossValidator, BaseEstimator):
    """A splitter: parameters in the constructor, `clone` and `get_params` hold, nothing is learned.

    `groups` is an array of participants, or a table of units (`personalize.protocols.units.COLUMNS`) for protocols
    that look at recordings and time. `split` joins train and calibration, for scikit-learn's own functions; `folds`
    keeps them apart.
    """

    name: ClassVar[str]
    leaky: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ()
    """Columns that the table of units has to have beside `participant`."""

    def folds(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Fold]:
        """Yields the folds; raises `UserError` where the units do not allow the protocol."""
        units = read_units(groups, self._needs(), f"protocol {self.name!r}")
        if X is not None and (size := _size(X)) != len(units):
            raise UserError(f"{size} rows of X but {len(units)} of groups")
        target = None if y is None else np.asarray(y)
        if target is not None and len(target) != len(units):
            raise UserError(f"{len(target)} values of y but {len(units)} of groups")
        yield from self._folds(units, target)

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Generator[tuple[np.ndarray, np.ndarray], Any, None]:
        """Yields positions of (train and calibration, test), as scikit-learn wants them."""
        for fold in self.folds(X, y, groups):
            yield np.union1d(fold.train, fold.calibration), fold.test

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Number of folds."""
        return sum(1 for _ in self.folds(X, y, groups))

    def marks(self) -> tuple[str, ...]:
        """Words that go with every number that the protocol yields."""
        return (LEAKY,) if self.leaky else ()

    def gap(self, units: Units) -> float:
        """Seconds that lie between what was seen of a recording and what is tested of it."""
        return units.longest()

    def _needs(self) -> tuple[str, ...]:
        return self.needs

    @abstractmethod
    def _folds(self, units: Units, y: Shaped[np.ndarray, "n"] | None) -> Iterator[Fold]:
        """The folds of units that are known to fit X and y."""


def left_out(name: str, test: Bool[np.ndarray, "n"]) -> Fold:
    """The fold that tests these units, learns from all others and calibrates on none."""
    return Fold(name, np.flatnonzero(~test), NOBODY, np.flatnonzero(test))


def marked(protocol: Protocol) -> str:
    """The protocol's name for tables and figures, with its marks.

    >>> from personalize.protocols.leaky import RandomFrame
    >>> marked(RandomFrame())
    'random_frame LEAKY'
    """
    return " ".join([protocol.name, *protocol.marks()])


def names_in_order(names: Shaped[np.ndarray, "n"]) -> list[str]:
    """The different names, in the order in which they first occur."""
    return list(dict.fromkeys(map(str, names)))


def dealt(size: Int[np.ndarray, "p"], hands: int, rng: np.random.Generator) -> Int[np.ndarray, "p"]:
    """Deals things of given sizes to `hands` by chance: the hand of each.

    The largest `hands` things go one to each hand, then the next, so that two hands differ by one thing at most and
    by no more than the largest thing in total size.
    """
    order = np.lexsort((rng.permutation(len(size)), -size))
    hand = np.zeros(len(size), int)
    for start in range(0, len(size), hands):
        some = order[start : start + hands]
        hand[some] = rng.permutation(hands)[: len(some)]
    return hand


def _size(X: Any) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)
