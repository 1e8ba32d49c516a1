"""What a protocol may know of the units: whose they are, from which recording, and when. Never a label."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Shaped

from personalize.cohorts.columns import floats, texts
from pretrain.errors import UserError

COLUMNS = {
    "participant": "",
    "recording": "",
    "sequence": 0,
    "track": 0,
    "t0": np.nan,
    "t1": np.nan,
    "cohort": "",
    "checksum": "",
}
"""Columns of a table of units and what stands for one that is not there; only `participant` has to be."""


@dataclass(frozen=True)
class Units:
    """A row per unit (a frame, a window, a clip or a whole recording)."""

    participant: Shaped[np.ndarray, "n"]
    """Name, with the cohort before it where there are several: pseudonyms of two cohorts are not one person's."""
    recording: Shaped[np.ndarray, "n"]
    """Name, unique over the cohort; that of the participant where recordings are not told apart."""
    sequence: Int[np.ndarray, "n"]
    """Position of the recording among those of its participant."""
    track: Int[np.ndarray, "n"]
    t0: Float[np.ndarray, "n"]
    """Start in seconds (rows, in a table without time); NaN where not known."""
    t1: Float[np.ndarray, "n"]
    cohort: Shaped[np.ndarray, "n"]
    checksum: Shaped[np.ndarray, "n"]
    """Of the recording's file; "" where not known."""
    row: Int[np.ndarray, "n"]
    """Position in the table that the units were read from."""

    def __len__(self) -> int:
        return len(self.row)

    def take(self, which: Int[np.ndarray, "m"] | Bool[np.ndarray, "n"]) -> "Units":
        """The units at these positions, or where the mask is true."""
        taken = Units(**{field.name: getattr(self, field.name)[which] for field in fields(self)})
        if "_ids" in vars(self):  # made once for a table, and not for every fold of it
            vars(taken)["_ids"] = self._ids[which]
        return taken

    def ids(self) -> list[str]:
        """A name for every unit: recording, track, onset; its row where times are not known."""
        return self._ids.tolist()

    @cached_property
    def _ids(self) -> Shaped[np.ndarray, "n"]:
        where = [f"@{t0}" if np.isfinite(t0) else f"[{row}]" for t0, row in zip(self.t0, self.row, strict=True)]
        names = zip(self.recording.tolist(), self.track.tolist(), where, strict=True)
        return np.array([f"{recording}#{track}{w}" for recording, track, w in names], dtype=object)

    def since_begin(self) -> Float[np.ndarray, "n"]:
        """Time from the first of these units of its recording to each."""
        _, code = np.unique(self.recording, return_inverse=True)
        first = np.full(code.max(initial=-1) + 1, np.inf)
        np.minimum.at(first, code, self.t0)
        return self.t0 - first[code]

    def longest(self) -> float:
        """Length of the longest unit in seconds; 0 where times are not known."""
        length = self.t1 - self.t0
        return float(np.nanmax(length)) if np.isfinite(length).any() else 0.0


def read_units(groups: Any, needs: tuple[str, ...] = (), who: str = "the protocol") -> Units:
    """Units from what scikit-learn calls `groups`: names of participants, or a table of units.

    The table (data frame, structured array, mapping of columns) has columns of `COLUMNS`; units that have been read
    are taken as they are. Raises `UserError` when a column that is needed is not there, or a participant has no name.
    """
    if isinstance(groups, Units):
        return groups
    if groups is None:
        raise UserError(f"{who} has to know whose every unit is: pass groups (names, or a table with {_list(COLUMNS)})")
    table = _table(groups)
    for column in ("participant", *needs):
        if column not in table.columns:
            raise UserError(f"{who} needs the column {column!r} in groups; it has {_list(table.columns)}")
    if nameless := np.flatnonzero(pd.isna(table["participant"]) | (texts(table, "participant") == "")).tolist():
        raise UserError(f"row {nameless[0]} of groups has no participant")
    table = table.assign(**{name: value for name, value in COLUMNS.items() if name not in table.columns})
    for column in needs:
        if column in ("t0", "t1") and not np.isfinite(floats(table, column)).all():
            raise UserError(f"{who} needs {column!r} of every unit; row {_first_nan(table, column)} has none")
    return _units(table)


def _units(table: pd.DataFrame) -> Units:
    cohort, person, recording = (texts(table, name) for name in ("cohort", "participant", "recording"))
    recording = np.where(recording == "", person, recording)
    if len(set(cohort.tolist())) > 1:
        person, recording = (np.char.add(np.char.add(cohort, "/"), names) for names in (person, recording))
    return Units(
        participant=person,
        recording=recording,
        sequence=np.asarray(table["sequence"], dtype=int),
        track=np.asarray(table["track"], dtype=int),
        t0=floats(table, "t0"),
        t1=floats(table, "t1"),
        cohort=cohort,
        checksum=texts(table, "checksum"),
        row=np.arange(len(table)),
    )


def _table(groups: Any) -> pd.DataFrame:
    if isinstance(groups, pd.DataFrame):
        return groups.reset_index(drop=True)
    if isinstance(groups, Mapping):
        return pd.DataFrame(dict(groups))
    array = np.asarray(groups)
    if array.dtype.names:
        return pd.DataFrame({name: array[name] for name in array.dtype.names})
    if array.ndim != 1:
        raise UserError(f"groups must be names or a table of units, not an array of shape {array.shape}")
    return pd.DataFrame({"participant": array})


def _first_nan(table: pd.DataFrame, column: str) -> int:
    return int(np.flatnonzero(~np.isfinite(floats(table, column)))[0])


def _list(names: Any) -> str:
    return ", ".join(map(str, names))
