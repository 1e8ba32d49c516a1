"""What the ratings on a scale are: numbers, classes, or levels in an order."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Shaped

from personalize.cohorts.columns import missing, texts
from personalize.cohorts.identity import first_clash
from personalize.cohorts.labels import levels
from personalize.cohorts.layout import Cohort
from pretrain.errors import UserError

KINDS = ("number", "class", "ordinal")
MOST_CLASSES = 50
"""More different words than these are no classes but something else, such as remarks."""


class TargetKind(NamedTuple):
    """How a rating becomes a number."""

    name: str
    """One of `KINDS`."""
    classes: tuple[str, ...] = ()
    """Of a class target: the names, of which a code is the position."""
    above: tuple[float | int, ...] = ()
    """Where numbers are the levels of a label scheme: a further level begins above each of these."""

    def values(self, ratings: Shaped[np.ndarray, "m"], where: str, target: str) -> Float[np.ndarray, "m"]:
        """Ratings as numbers or codes; `UserError` for one that is none."""
        if self.name == "class" and not self.above:
            codes = {name: float(code) for code, name in enumerate(self.classes)}
            return np.array([codes[name] for name in class_names(ratings).tolist()])
        values = as_numbers(ratings)
        if (wrong := ~np.isfinite(values)).any():
            raise UserError(f"{where} {str(ratings[wrong][0])!r} on the scale {target!r} is not a number")
        return levels(values, self.above) if self.above else values


NUMBER = TargetKind("number")


def kind_of(cohorts: list[Cohort], target: str, declared: str | None) -> TargetKind:
    """The kind of a target: as declared, else numbers if the ratings are numbers, else classes.

    The classes are those of all cohorts together. Raises `UserError` for ratings that are not of the declared kind,
    for numbers and words on one scale, for classes that differ only in letter case, and for fewer than two.
    """
    parts = [c.ratings.iloc[np.flatnonzero(_rated(c, target))] for c in cohorts]
    ratings = np.concatenate([texts(part, "value") for part in parts])
    values = as_numbers(ratings)
    is_number = np.isfinite(values)
    where = " and ".join(str(c.root) for c in cohorts)
    if declared is None and is_number.any() and not is_number.all():
        word, share = str(ratings[~is_number][0]), f"{int((~is_number).sum())} of {len(ratings)}"
        raise UserError(f"{where}: rating {word!r} on the scale {target!r} is not a number, as {share} are not: "
                        "mend them, or say kind=class")  # fmt: skip
    name = declared or ("number" if is_number.all() else "class")
    if name == "ordinal" and (wrong := ~(is_number & (values == np.rint(values)))).any():
        raise UserError(f"{where}: rating {str(ratings[wrong][0])!r} on the scale {target!r} is no whole number: "
                        "the levels of an ordinal target are")  # fmt: skip
    if name != "class":
        return TargetKind(name)
    return TargetKind(name, _classes(ratings, where, target))


def _classes(ratings: Shaped[np.ndarray, "m"], where: str, target: str) -> tuple[str, ...]:
    names = np.unique(class_names(ratings)).tolist()
    if clash := first_clash(names):
        raise UserError(f"{where}: classes {clash[0]!r} and {clash[1]!r} of {target!r} differ only in case or space")
    if len(names) < 2:
        raise UserError(f"{where}: all ratings of {target!r} are of the class {names[0]!r}: nothing to tell apart")
    if len(names) > MOST_CLASSES:
        raise UserError(f"{where}: {target!r} has {len(names)} different ratings, more than the {MOST_CLASSES} classes "
                        "that a class target may have")  # fmt: skip
    values = as_numbers(np.array(names, dtype=object).astype(str))
    return tuple(sorted(names, key=lambda name: values[names.index(name)]) if np.isfinite(values).all() else names)


def class_names(ratings: Shaped[np.ndarray, "m"]) -> Shaped[np.ndarray, "m"]:
    """Ratings as names of classes: words as they are, numbers in one spelling (1 and 1.0 are one class)."""
    return np.array([f"{v:g}" if np.isfinite(v) else r.strip() for r, v in zip(ratings, as_numbers(ratings))])  # noqa: B905


def as_numbers(ratings: Shaped[np.ndarray, "m"]) -> Float[np.ndarray, "m"]:
    """Ratings as numbers, NaN where they are none."""
    return np.asarray(pd.to_numeric(pd.Series(ratings, dtype=object), errors="coerce"), dtype=float)


def _rated(cohort: Cohort, target: str) -> np.ndarray:
    return (texts(cohort.ratings, "scale") == target) & ~missing(cohort.ratings, "value")
