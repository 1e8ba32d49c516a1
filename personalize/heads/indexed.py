"""Rows that are picked from a pool, so that a picture is kept once however many rows it is part of."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from personalize.protocols.units import Units, read_units
from pretrain.errors import UserError


@dataclass(frozen=True)
class Indexed:
    """Rows, each of one or more places in a pool of pictures, films or features.

    A target and its references, the frames of a film, the moments of a window: what the places mean is the network's
    affair. Rows with the same reference, or windows that overlap, take no more room than their numbers.
    """

    pool: Shaped[np.ndarray, "pool ..."]
    index: Int[np.ndarray, "n picks"]

    def __len__(self) -> int:
        return len(self.index)

    def take(self, rows: Any) -> "Indexed":
        """The rows at these positions, or where the mask is true; of the same pool."""
        return Indexed(self.pool, self.index[rows])

    def rows(self) -> Shaped[np.ndarray, "n picks ..."]:
        """All rows as one array."""
        return self.pool[self.index]


def against_references(
    pool: Shaped[np.ndarray, "pool ..."],
    targets: Int[np.ndarray, "n"],
    person: Shaped[np.ndarray, "n"],
    references: dict[str, Int[np.ndarray, "r"]],
    k: int,
    seed: int | None = None,
) -> Indexed:
    """Every target followed by k references of its person: the first k of them, or k drawn by a seed.

    Who has fewer than k gives them several times. Raises `UserError` for a person without any.
    """
    index = np.zeros((len(targets), 1 + k), int)
    index[:, 0] = targets
    rng = None if seed is None else np.random.default_rng(seed)
    for name in np.unique(person).tolist():
        own = references.get(name, np.zeros(0, int))
        if not len(own):
            raise UserError(f"participant {name!r} has no reference: drop this person or choose another rule")
        rows = np.flatnonzero(person == name)
        if rng is None:
            index[rows, 1:] = np.resize(own, k)
        else:
            drawn = np.resize(own, (len(rows), max(k, len(own))))
            index[rows, 1:] = rng.permuted(drawn, axis=1)[:, :k]
    return Indexed(pool, index)


def windows(groups: Any, length: int, stride: int = 1) -> tuple[Int[np.ndarray, "w length"], Units]:
    """Positions of `length` units that follow each other in one track of one recording, every `stride` units, and the
    windows themselves as units, from the onset of the first to the end of the last.

    Units are in the order of their times, or of the table where times are not known. What is left over at the end of
    a recording belongs to no window. A gap in time does not end one.
    """
    if length < 1 or stride < 1:
        raise UserError(f"windows of length={length} every stride={stride}: both must be at least 1")
    units = read_units(groups, who="the window maker")
    found = [np.zeros((0, length), int)]
    where = np.char.add(np.char.add(units.recording.astype(str), "#"), units.track.astype(str))
    for name in dict.fromkeys(where.tolist()):
        rows = np.flatnonzero(where == name)
        rows = rows[np.argsort(units.t0[rows], kind="stable")]
        starts = np.arange(0, len(rows) - length + 1, stride)
        found.append(rows[starts[:, None] + np.arange(length)])
    index = np.concatenate(found)
    first, last = units.take(index[:, 0]), units.take(index[:, -1])
    return index, Units(**(vars(first) | {"t1": last.t1}))
