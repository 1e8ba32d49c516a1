"""Whose every row is, and rows that cannot be fitted refused by the participant's name."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from personalize.cohorts.identity import first_clash
from personalize.protocols.seen import Seen, saw
from personalize.protocols.units import read_units
from pretrain.errors import UserError


def participants(groups: Any) -> Shaped[np.ndarray, "n"]:
    """The participant of every row."""
    if isinstance(groups, np.ndarray) and groups.ndim == 1 and groups.dtype.kind == "U":
        return groups
    return read_units(groups, who="an adaptation").participant


def checked(X: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n"], groups: Any) -> Shaped[np.ndarray, "n"]:
    """The participant of every row, once all rows are known to be fit for a fit.

    Raises `UserError` for a feature or a label that is not finite, and for two spellings of one name.
    """
    names = participants(groups)
    if len(names) != len(X):
        raise UserError(f"{len(X)} rows of features but {len(names)} of groups")
    if clash := first_clash(np.unique(names).tolist()):
        raise UserError(f"participants {clash[0]!r} and {clash[1]!r} differ only in spelling: are they one person?")
    for what, wrong in (("features", ~np.isfinite(X).all(axis=1)), ("a label", ~np.isfinite(y))):
        if wrong.any():
            name = names[int(wrong.argmax())]
            count = int((wrong & (names == name)).sum())
            raise UserError(f"participant {str(name)!r} has {what} not finite in {count} of "
                            f"{int((names == name).sum())} rows: drop these rows or the person")  # fmt: skip
    return names


def by_person(names: Shaped[np.ndarray, "n"]) -> Iterator[tuple[str, Shaped[np.ndarray, "m"]]]:
    """Every participant, sorted by name, with the positions of their rows."""
    people, code = np.unique(names, return_inverse=True)
    order = np.argsort(code, kind="stable")
    ends = np.cumsum(np.bincount(code, minlength=len(people)))
    for person, rows in zip(people.tolist(), np.split(order, ends[:-1]), strict=False):
        yield str(person), rows


def record(*seen: Seen | None, groups: Any = None) -> Seen:
    """What all of these have seen together, and the units `groups`."""
    some = [one for one in seen if one is not None]
    if groups is not None and len(participants(groups)):
        some.append(saw(groups))
    return Seen(frozenset().union(*(s.participants for s in some)), frozenset().union(*(s.units for s in some)))
