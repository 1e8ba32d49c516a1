"""Tables read from disk, and their columns as plain arrays."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped

from pretrain.errors import UserError, nearest

MISSING = "n/a"
"""How BIDS writes a missing value."""
DATE = re.compile(r"\s*\d{4}-\d{1,2}-\d{1,2}")


def read_tsv(file: Path) -> pd.DataFrame:
    """A tab-separated table as text; `n/a` and empty cells are missing. Raises `UserError` if unreadable."""
    try:
        return pd.read_csv(file, sep="\t", dtype=str, keep_default_na=False, na_values=[MISSING, ""])
    except (ValueError, OSError) as error:  # pandas's parser errors are ValueErrors
        raise UserError(f"{file}: not a tab-separated table ({str(error).splitlines()[0]})") from error


def require_columns(table: pd.DataFrame, wanted: tuple[str, ...], file: Path) -> None:
    """Raises `UserError` naming the first wanted column that is absent."""
    for column in wanted:
        if column not in table.columns:
            raise UserError(f"{file} has no column {column!r}{nearest(column, map(str, table.columns))}")


def numbers(table: pd.DataFrame, column: str, file: Path) -> Float[np.ndarray, "n"]:
    """A text column as floats, NaN where missing; raises `UserError` naming the first cell that is no number."""
    values = np.asarray(pd.to_numeric(table[column], errors="coerce"), dtype=float)
    wrong = np.isnan(values) & ~missing(table, column)
    if wrong.any():
        row = int(wrong.argmax())
        raise UserError(f"{file}, row {row + 2}: {column} {str(texts(table, column)[row])!r} is not a number")
    return values


def seconds(table: pd.DataFrame, column: str, file: Path) -> Float[np.ndarray, "n"]:
    """A text column of times in seconds, NaN where missing; `UserError` for clock times, whose zone nobody knows."""
    cells = texts(table, column)
    clock = np.array([":" in cell or bool(DATE.match(cell)) for cell in cells.tolist()], bool)
    if clock.any():
        row = int(clock.argmax())
        raise UserError(f"{file}, row {row + 2}: {column} {str(cells[row])!r} is a time of the clock: take seconds "
                        "from the beginning of the recording, which no time zone changes")  # fmt: skip
    found = numbers(table, column, file)
    if np.isinf(found).any():
        raise UserError(f"{file}, row {int(np.isinf(found).argmax()) + 2}: {column} is infinite")
    return found


def floats(table: pd.DataFrame, column: str) -> Float[np.ndarray, "n"]:
    """A column of numbers as an array."""
    return np.asarray(table[column], dtype=float)


def texts(table: pd.DataFrame, column: str) -> Shaped[np.ndarray, "n"]:
    """A column of names as an array of strings."""
    return np.asarray(table[column], dtype=object).astype(str)


def missing(table: pd.DataFrame, column: str) -> Bool[np.ndarray, "n"]:
    """Where a column has no value."""
    return np.asarray(pd.isna(table[column]), dtype=bool)
