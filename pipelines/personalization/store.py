"""Finished units of an evaluation on disk: killed at any moment, a run goes on with the next one.

A unit is a fold with all its draws, adaptations and k; what they share is fitted once. It is one Parquet file of
predictions whose metadata hold the fold's proof, findings and parameters, whole or not there at all.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.progress import progress
from pretrain.errors import RunFailure

FOLDER = "cells"
KEY = b"wince_unit"


class Unit(NamedTuple):
    """A finished fold."""

    table: pd.DataFrame
    about: dict[str, Any]
    """proof, findings, skipped, marks, parameters."""


def unit_file(out: Path, number: int) -> Path:
    """Where a fold's unit lies."""
    return out / FOLDER / f"{number:05d}.parquet"


def write_unit(file: Path, unit: Unit) -> None:
    """Writes a unit so that a reader sees all of it or nothing."""
    file.parent.mkdir(mode=0o700, exist_ok=True)
    table = pa.Table.from_pandas(unit.table, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), KEY: json.dumps(unit.about)})
    scratch = file.with_name(file.name + ".tmp")
    pq.write_table(table, scratch)
    scratch.replace(file)


def read_unit(file: Path, name: str) -> Unit | None:
    """The unit of the fold `name`, or None where it is not there or not whole."""
    try:
        table = pq.read_table(file)
        about = json.loads((table.schema.metadata or {})[KEY])
    except (OSError, KeyError, ValueError, pa.ArrowException):
        return None
    return Unit(table.to_pandas(), about) if about["proof"]["fold"] == name else None


def all_units(out: Path, names: Sequence[str], make: Callable[[int], Unit]) -> list[Unit]:
    """The units of all folds by name, those that are finished read and the others made, one after the other.

    `make` is given the position of a fold. Raises `RunFailure` for a unit that cannot be read again.
    """
    done = []
    with progress("personalize", len(names)) as meter:
        for number, name in enumerate(names):
            file = unit_file(out, number)
            if read_unit(file, name) is None:
                write_unit(file, make(number))
            unit = read_unit(file, name)
            if unit is None:
                raise RunFailure(f"{file} cannot be read again")
            done.append(unit)
            meter.update(number + 1)
    return done


def write_table(file: Path, table: pd.DataFrame) -> None:
    """Writes a Parquet table so that a reader sees all of it or nothing."""
    scratch = file.with_name(file.name + ".tmp")
    table.to_parquet(scratch, index=False)
    scratch.replace(file)


def stacked(cells: list[dict[str, np.ndarray]]) -> pd.DataFrame:
    """The columns of many cells as one table; a column that a cell lacks is empty there."""
    names = list(dict.fromkeys(name for cell in cells for name in cell))
    length = [len(cell["truth"]) for cell in cells]

    def column(name: str) -> np.ndarray:
        filled = [cell.get(name, np.full(n, np.nan)) for cell, n in zip(cells, length, strict=True)]
        return np.concatenate(filled)

    return pd.DataFrame({name: column(name) for name in names})
