"""Rungs of coming to a new population: how a model is adapted to it, and with how many of its people labelled.

The new population is split once, into development people, whose labels may be used, and test people, on whom every rung
is scored. Each number of labelled people is drawn several times from the development people.
"""

from collections.abc import Iterator, Sequence
from math import comb
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from personalize.adaptation.names import FEATURES, parts
from personalize.protocols.base import Fold
from personalize.protocols.people import External
from pretrain.errors import UserError

REFIT = "refit"
"""The rung that no person's adaptation has: a new head for the features, of both populations' people together."""
ALL = "all"
FEWEST_DRAWS = 10
_strict = ConfigDict(extra="forbid")


class Rung(NamedTuple):
    """A rung's name taken apart."""

    features: str
    """"reference" for differences to a neutral moment, which needs no label; "" for the features as they are."""
    way: str
    """none, refit, or the personal part of an adaptation's name."""


def rung_of(name: str) -> Rung:
    """Takes a rung's name apart; raises `UserError` for what is none.

    >>> rung_of("reference+refit")
    Rung(features='reference', way='refit')
    """
    words = ["none" if word == REFIT else word for word in name.split("+")]
    found = parts("+".join(words))
    if found.guard or found.personal == "participant_prior" or found.features not in ("", FEATURES[-1]):
        raise UserError(f"{name!r} is no rung: a rung is [reference+]none, {REFIT}, calibrate, ridge, head, lora, full")
    return Rung(found.features, REFIT if name.split("+")[-1] == REFIT else found.personal)


def _known(name: str) -> str:
    rung_of(name)
    return name


@dataclass(frozen=True, config=_strict)
class PopulationConfig:
    """The ladder: every rung at every number of labelled people, on the same test people."""

    rungs: Annotated[tuple[Annotated[str, AfterValidator(_known)], ...], Field(min_length=1)] = (
        *("none", "calibrate", REFIT, "lora", "full"),
    )
    """`none` is zero-shot, is always there, and is what the others are compared with."""
    labelled: Annotated[tuple[Annotated[int, Field(ge=0)] | Literal["all"], ...], Field(min_length=1)] = (
        *(0, 2, 5, 10, "all"),
    )
    """Numbers of development people whose labels are used; those that there are not are left out."""
    draws: Annotated[int, Field(ge=FEWEST_DRAWS)] = FEWEST_DRAWS
    """How often so many people are drawn; fewer where there are not so many ways to."""

    def all_rungs(self) -> tuple[str, ...]:
        """The rungs with `none` in front."""
        return ("none", *(name for name in dict.fromkeys(self.rungs) if name != "none"))


class RungCell(NamedTuple):
    """One rung with the labels of some of the new people, and who is on which side."""

    rung: str
    labelled: int
    draw: int
    fold: Fold

    @property
    def name(self) -> str:
        """A name for it."""
        return f"{self.rung}, {self.labelled} labelled people, draw {self.draw}"


def sizes(config: PopulationConfig, people: int) -> list[int]:
    """The numbers of labelled people that there can be, above 0."""
    wanted = [people if size == ALL else int(size) for size in config.labelled]
    return sorted({size for size in wanted if 0 < size <= people})


def rung_cells(
    config: PopulationConfig, external: External, development: Sequence[str], y: np.ndarray, table: Any
) -> list[RungCell]:
    """All cells, rung by rung; a rung that uses no label has one. `table` is of units, as protocols take it."""
    draws = {
        size: list(_draws(config, external, development, size, y, table)) for size in sizes(config, len(development))
    }
    frozen = next(_external(external, development, 0, 0).folds(None, y, table))
    found = []
    for name in config.all_rungs():
        if rung_of(name).way == "none":
            found.append(RungCell(name, 0, 0, frozen))
        else:
            found += [RungCell(name, size, i, fold) for size, some in draws.items() for i, fold in enumerate(some)]
    return [cell._replace(fold=cell.fold._replace(name=cell.name)) for cell in found]


def _draws(
    config: PopulationConfig, external: External, development: Sequence[str], size: int, y: np.ndarray, table: Any
) -> Iterator[Fold]:
    """Folds with so many labelled people each, no two with the same ones."""
    wanted, seed = min(config.draws, comb(len(development), size)), 0
    seen: set[bytes] = set()
    while len(seen) < wanted:
        fold = list(_external(external, development, size, seed).folds(None, y, table))[-1]
        if (key := fold.calibration.tobytes()) not in seen:
            seen.add(key)
            yield fold
        seed += 1


def _external(external: External, development: Sequence[str], labelled: int, seed: int) -> External:
    return External(external.train, external.test, tuple(development), labelled, seed)
