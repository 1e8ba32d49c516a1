"""Intensities of action units as rows of features: a row for each frame, or for each window of frames."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from jaxtyping import Float

from personalize.cohorts.columns import floats
from personalize.cohorts.features import KEYS, tabulated_features
from personalize.cohorts.layout import Cohort
from personalize.signals.pspi import au_name
from personalize.signals.windows import SLACK, window_starts
from pretrain.errors import UserError, nearest

Statistic = Callable[[Float[np.ndarray, "n d"]], Float[np.ndarray, "d"]]
STATISTICS: dict[str, Statistic] = {
    "mean": lambda x: x.mean(axis=0),
    "max": lambda x: x.max(axis=0),
    "sd": lambda x: x.std(axis=0),
}
"""Of the frames of a window; `sd` is that of these frames, divided by their number."""


def au_rows(cohort: Cohort, wanted: tuple[str, ...] | None = None) -> tuple[pd.DataFrame, dict[str, int]]:
    """A row for each coded frame of the cohort's `*_aus.tsv`, and counts: `KEYS`, then action units by `au_name`.

    `wanted` (such as `pspi.OPENFACE`) chooses units and their order; those that the cohort lacks are left out and
    counted as `aus_missing`. Columns that are no intensity of a unit are left out. Raises `UserError` when no unit is
    left, or one is there twice.
    """
    rows, counts = tabulated_features(cohort, "aus")
    names = {column: au for column in rows.columns.difference([*KEYS], sort=False) if (au := au_name(column))}
    units = [*names.values()]
    if twice := next((au for au in units if units.count(au) > 1), None):
        raise UserError(f"{cohort.root}: {' and '.join(c for c, au in names.items() if au == twice)} are both {twice}")
    some = [au for au in wanted if au in units] if wanted is not None else units
    if not some:
        raise UserError(f"{cohort.root}: its tables of action units have none of {', '.join(wanted or ['AU01 ...'])}"
                        f"{nearest('', units) if units else ''}")  # fmt: skip
    missing = 0 if wanted is None else len(wanted) - len(some)
    return rows.rename(columns=names).filter([*KEYS, *some]), {**counts, "aus_missing": missing}


def summarise(
    rows: pd.DataFrame,
    length: float | int,
    step: float | int,
    statistics: tuple[str, ...] = ("mean", "max", "sd"),
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows of frames as rows of windows of `length` seconds every `step`, and how many recordings are too short.

    A frame is in the window that it begins in. Columns are `AU04_mean` and so on. A window with a missing value, or
    without any frame, has none either. Raises `UserError` for an unknown statistic.
    """
    for name in statistics:
        if name not in STATISTICS:
            raise UserError(f"no statistic {name!r} of a window{nearest(name, STATISTICS)}")
    values = [str(column) for column in rows.columns if column not in KEYS]
    columns = [f"{value}_{name}" for name in statistics for value in values]
    parts = [
        _windows(frames.sort_values("t0"), length, step, values, columns, statistics)
        for _, frames in rows.groupby(["participant", "recording", "track"], sort=False)
    ]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*KEYS, *columns])
    return table, {"recordings_shorter_than_a_window": sum(part.empty for part in parts)}


def _windows(
    frames: pd.DataFrame,
    length: float | int,
    step: float | int,
    values: list[str],
    columns: list[str],
    statistics: tuple[str, ...],
) -> pd.DataFrame:
    t0, x = floats(frames, "t0"), frames.filter(values).to_numpy(float)
    starts = window_starts(t0[0], floats(frames, "t1").max(), length, step)
    bounds = np.searchsorted(t0, np.stack([starts, starts + length], axis=1) - SLACK)
    found = np.full((len(starts), len(columns)), np.nan)
    for row, (first, last) in enumerate(bounds):
        if last > first:
            found[row] = np.concatenate([STATISTICS[name](x[first:last]) for name in statistics])
    keys = {key: frames[key].iloc[0] for key in ("participant", "recording", "track")}
    table = pd.DataFrame({**keys, "t0": starts, "t1": starts + length}, index=np.arange(len(starts)))
    return pd.concat([table, pd.DataFrame(found, columns=columns)], axis=1)
