"""A person in tables: features and predictions (Parquet), keys and lists of participants (TSV)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipelines.forget.change import Change
from pipelines.forget.person import Person
from pipelines.private import is_hidden
from pretrain.errors import UserError

PEOPLE = ("participant_id", "participant")
"""Columns whose cells are participants."""
SOURCE = "source"
"""The column of features whose cells are names of footage."""


def is_people_table(path: Path) -> bool:
    """Whether a file is a TSV with a column of participants."""
    return path.suffix == ".tsv" and path.is_file() and _people_column(_lines(path)) is not None


def forget_in_parquet(file: Path, person: Person) -> Change | None:
    """What a Parquet table needs; None if the person is not there, or no column names people or footage."""
    gone = rows_of(file, person)
    if not gone.any():
        return None
    return Change(
        file, f"{int(gone.sum())} rows", lambda new: drop_rows(file, new, gone), lambda new: named_rows(new, person)
    )


def rows_of(file: Path, person: Person) -> np.ndarray:
    """Which rows of a Parquet table are the person's. `UserError` if its names are hidden and there is no key."""
    known = set(pq.read_schema(file).names)
    gone = np.zeros(pq.read_metadata(file).num_rows, bool)
    for column in (*PEOPLE, SOURCE):
        if column in known:
            cells = pd.read_parquet(file, columns=[column])[column].astype(str)
            if column == SOURCE and person.key is None and any(map(is_hidden, cells.unique())):
                raise UserError(f"{file} holds hidden names: give their key file with --private; nothing was changed")
            gone |= cells.isin(list(person.among(cells.unique()))).to_numpy()
    return gone


def named_rows(file: Path, person: Person) -> list[str]:
    """The rows of a Parquet table that are the person's, in words."""
    return [f"row {row} of {file.name}" for row in np.flatnonzero(rows_of(file, person))]


def rows_below(folder: Path, person: Person) -> list[str]:
    """The person's rows in all Parquet tables in or under a folder, in words."""
    return [row for table in sorted(folder.rglob("*.parquet")) for row in named_rows(table, person)]


def edit_parquet(file: Path, new: Path, person: Person) -> bool:
    """Writes a Parquet table without the person under another name; False where there is nothing to do."""
    if file.suffix != ".parquet" or not file.is_file() or not (gone := rows_of(file, person)).any():
        return False
    drop_rows(file, new, gone)
    return True


def drop_rows(file: Path, new: Path, gone: np.ndarray) -> None:
    """Writes a Parquet table without some of its rows."""
    pd.read_parquet(file)[~gone].reset_index(drop=True).to_parquet(new)
    new.chmod(file.stat().st_mode & 0o777)


def forget_in_people_table(file: Path, person: Person) -> Change | None:
    """What a TSV with a column of participants needs."""
    count = count_lines(file, person)
    if not count:
        return None
    return Change(
        file,
        f"{count} rows",
        lambda new: drop_lines(file, new, person),
        lambda new: [f"a row of {file.name}"] * count_lines(new, person),
    )


def count_lines(file: Path, person: Person) -> int:
    """How many rows of a TSV are the person's."""
    return sum(_is_theirs(_lines(file), person))


def drop_lines(file: Path, new: Path, person: Person) -> None:
    """Writes a TSV without the person's rows; all other lines stay as they are."""
    lines = _lines(file)
    theirs = [False, *_is_theirs(lines, person)]
    new.write_bytes(b"".join(line for line, gone in zip(lines, theirs, strict=True) if not gone))
    new.chmod(file.stat().st_mode & 0o777)


def _is_theirs(lines: list[bytes], person: Person) -> list[bool]:
    column = _people_column(lines)
    if column is None:
        return [False] * len(lines[1:])
    names = {person.name.encode(), person.subject.encode()}
    return [(line.rstrip(b"\r\n").split(b"\t") + [b""] * column)[column] in names for line in lines[1:]]


def _people_column(lines: list[bytes]) -> int | None:
    head = lines[0].rstrip(b"\r\n").split(b"\t") if lines else []
    return next((head.index(name.encode()) for name in PEOPLE if name.encode() in head), None)


def _lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines(keepends=True)
