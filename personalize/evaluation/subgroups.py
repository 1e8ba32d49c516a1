"""For whom the numbers hold: groups of people, each with its own interval and its difference to everybody else."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.stats
from jaxtyping import Bool, Float, Shaped

from personalize.cohorts.columns import missing, texts
from personalize.evaluation.intervals import JACKKNIFE
from personalize.evaluation.jackknife import COVERAGE, jackknife_interval
from personalize.evaluation.statistics import Statistic

MOST_LEVELS = 6
"""A column with more different words makes no subgroups; one of numbers is then cut at its median."""
AGE, AGES = "age", (40, 60, 80)
"""The column of ages in years, and where its bands begin."""
SMALL, LEAST = 10, 3
"""A group of fewer people is shown with a warning, or not at all."""
WELCH = "welch_t_95"
TERCILES = ("low", "middle", "high")


def levels_of(table: pd.DataFrame, skip: Sequence[str] = ()) -> dict[str, dict[str, list[str]] | str]:
    """For each column of a table with the column `participant` who has which of its levels, or why it has none.

    Columns of numbers with many values are cut at their median; other columns with many words make no groups.
    """
    names = texts(table, "participant")
    found: dict[str, dict[str, list[str]] | str] = {}
    for column in [str(c) for c in table.columns if c not in ("participant", *skip)]:
        there = ~missing(table, column)
        words, values = texts(table, column), np.asarray(pd.to_numeric(table[column], errors="coerce"), dtype=float)
        levels = np.unique(words[there])
        if len(levels) < 2:
            found[column] = "everybody is alike" if len(levels) else "not known of anybody"
        elif len(levels) <= MOST_LEVELS:
            found[column] = {level: names[there & (words == level)].tolist() for level in levels.tolist()}
        elif np.isfinite(values[there]).all():
            middle = float(np.median(values[there]))
            halves = {f"below {middle:g}": values < middle, f"from {middle:g}": values >= middle}
            found[column] = {
                level: names[there & half].tolist() for level, half in halves.items() if (there & half).any()
            }
        else:
            found[column] = f"{len(levels)} different words, more than {MOST_LEVELS}"
    return found


def with_age_bands(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column of ages, if it has one, as bands: <40, 40-59, 60-79, 80+; missing where it is none."""
    column = next((c for c in table.columns if str(c).lower() == AGE), None)
    if column is None:
        return table
    ages = np.asarray(pd.to_numeric(table[column], errors="coerce"), dtype=float)
    names = [f"<{AGES[0]}", *(f"{a}-{b - 1}" for a, b in pairwise(AGES)), f"{AGES[-1]}+"]
    bands = [None if np.isnan(age) else names[int(np.searchsorted(AGES, age, side="right"))] for age in ages.tolist()]
    return table.assign(**{str(column): pd.Series(bands, index=table.index, dtype=object)})


def terciles(names: Shaped[np.ndarray, "p"], values: Float[np.ndarray, "p"]) -> dict[str, list[str]] | str:
    """People in three groups of one size by a number that everybody has; NaN belongs to none."""
    there = np.flatnonzero(np.isfinite(values))
    if len(there) < 3 * LEAST:
        return f"fewer than {3 * LEAST} people have it"
    if np.ptp(values[there]) == 0:
        return "everybody is alike"
    cuts = np.quantile(values[there], [1 / 3, 2 / 3])
    place = np.searchsorted(cuts, values[there], side="left")
    groups = {level: names[there[place == number]].tolist() for number, level in enumerate(TERCILES)}
    return {level: people for level, people in groups.items() if people}


class Part(NamedTuple):
    """A number of some of the people, and without each of them in turn."""

    value: float
    left_out: Float[np.ndarray, "q"]

    def variance(self) -> float:
        """The jackknife's."""
        people = len(self.left_out)
        return (people - 1) / people * float(np.sum((self.left_out - self.left_out.mean()) ** 2))


def parts_of(found: Statistic, members: Sequence[Bool[np.ndarray, "p"]]) -> list[Part]:
    """The number of each of some groups of people, all at once; NaN where it is undefined.

    Groups are masks over all participants; those who do not count are left out.
    """
    kept = [member[found.counted] for member in members]
    keys = [own.tobytes() for own in kept]
    different = dict(zip(keys, kept, strict=True))  # of two levels each is the other's others
    rows = [np.vstack([own[None], own - np.eye(len(own), dtype=int)[own]]) for own in different.values()]
    values = found.again(np.vstack(rows)) if rows else np.zeros(0)
    ends = np.cumsum([len(each) for each in rows])[:-1]
    parts = [Part(float(own[0]), own[1:]) for own in np.split(values, ends)] if rows else []
    by_key = dict(zip(different, parts, strict=True))
    return [by_key[key] for key in keys]


def group_rows(
    found: Statistic, columns: Mapping[str, Mapping[str, Sequence[str]]], names: Shaped[np.ndarray, "p"]
) -> list[dict[str, Any]]:
    """A number in each level of each column, and its difference to all others of whom the level is known.

    Keys: column, level, value, low, high, interval, n_participants, reason, warning; difference with value, low, high,
    interval, n_participants (the others), reason. A level of fewer than `LEAST` people, who count, is null.
    """
    places = [(column, level) for column, levels in columns.items() for level in levels]
    members = [np.isin(names, list(columns[column][level])) for column, level in places]
    known = {
        column: np.any([m for m, p in zip(members, places, strict=True) if p[0] == column], 0) for column in columns
    }
    others = [known[column] & ~member for (column, _), member in zip(places, members, strict=True)]
    parts = parts_of(found, [*members, *others])
    rows = []
    for (column, level), own, rest in zip(places, parts, parts[len(places) :], strict=False):
        size, limits = len(own.left_out), _limits(own, found)
        row = {"value": own.value, **_interval(limits, JACKKNIFE)} if isinstance(limits, tuple) else _null(limits)
        rows.append(
            {
                "column": column,
                "level": level,
                **row,
                "n_participants": size,
                "warning": f"fewer than {SMALL} people" if size < SMALL else None,
                "difference": _difference(own, rest, limits, _limits(rest, found)),
            }
        )
    return rows


def _limits(part: Part, found: Statistic) -> tuple[float, float] | str:
    if len(part.left_out) < LEAST:
        return f"fewer than {LEAST} people: not shown"
    if np.isnan(part.value):
        return found.reason if found.value is None and found.reason else "undefined for these people"
    return jackknife_interval(part.value, part.left_out, found.scale)


def _difference(own: Part, others: Part, of_own: Any, of_others: Any) -> dict[str, Any]:
    """Of two groups that share nobody (Welch 1947, Biometrika 34:28, from the jackknife's variances)."""
    size = {"n_participants": len(others.left_out)}
    for limits, whose in ((of_own, ""), (of_others, "the others: ")):
        if isinstance(limits, str):
            return {**_null(whose + limits), **size}
    variances = np.array([own.variance(), others.variance()])
    freedom = np.array([len(own.left_out), len(others.left_out)]) - 1
    total = float(variances.sum())
    change = own.value - others.value
    spread = float(np.sum(variances**2 / freedom))
    reach = scipy.stats.t.ppf((1 + COVERAGE) / 2, total**2 / spread) * np.sqrt(total) if spread > 0 else 0.0
    if reach == 0:
        return {**_null("nobody differs from anybody"), **size}
    return {"value": change, **_interval((float(change - reach), float(change + reach)), WELCH), **size}


def _interval(limits: tuple[float, float], name: str) -> dict[str, Any]:
    return {"low": limits[0], "high": limits[1], "interval": name, "reason": None}


def _null(reason: str) -> dict[str, Any]:
    return {**dict.fromkeys(("value", "low", "high", "interval")), "reason": reason}
