"""`wince cohort import`: a flat table as a cohort."""

import fnmatch
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from personalize.cohorts.columns import missing, require_columns, texts
from personalize.cohorts.identity import same_person_key
from personalize.cohorts.table import pseudonyms, write_key, write_table_cohort
from pretrain.errors import UserError, nearest


def cohort_import(
    table: Path, *, participant: str, target: str, features: str | None, order: str | None, out: Path
) -> int:
    """Writes the rows of a CSV as the cohort `out`, and the key to the pseudonyms beside it, or nothing at all.

    `participant`, `target` and `order` are columns; `features` is a glob on column names (several by comma), or
    None for every numeric column that is none of those. Rows are sorted by `order` within a participant; without
    it their order means nothing. Returns the exit code; raises `UserError` for a mistake in table or arguments.
    """
    rows = _read(table)
    require_columns(rows, (participant, target, *([order] if order else [])), table)
    columns = _feature_columns(rows, features, {participant, target, order}, table)
    people = _by_participant(rows, participant, order, table)
    key_file = out.with_name(f"{out.name}_key.tsv")
    for taken in (out, key_file):
        if taken.exists():
            raise UserError(f"{taken} is there already: choose another --out")
    key = pseudonyms(list(people))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        folder, key_scratch = Path(scratch) / "cohort", Path(scratch) / "key.tsv"
        folder.mkdir(mode=0o700)
        named = {key[name]: part for name, part in people.items()}
        write_table_cohort(folder, named, name=out.name, target=target, features=columns, ordered=order is not None)
        write_key(key_scratch, key)
        key_scratch.rename(key_file)
        try:
            folder.rename(out)
        except OSError:
            key_file.unlink()
            raise
    _report(rows, people, columns, target, out, key_file)
    return 0


def _read(table: Path) -> pd.DataFrame:
    if not table.is_file():
        raise UserError(f"no table at {table}")
    try:
        rows = pd.read_csv(table, dtype=str)
    except (ValueError, OSError) as error:  # pandas's parser errors are ValueErrors
        raise UserError(f"{table}: not a CSV table ({str(error).splitlines()[0]})") from error
    if rows.empty:
        raise UserError(f"{table} has no rows")
    return rows


def _is_numeric(rows: pd.DataFrame, column: str) -> bool:
    numeric = np.isfinite(_numbers(rows, column))
    return bool(numeric.any() and (numeric | missing(rows, column)).all())


def _numbers(rows: pd.DataFrame, column: str) -> np.ndarray:
    return np.asarray(pd.to_numeric(rows[column], errors="coerce"), dtype=float)


def _feature_columns(rows: pd.DataFrame, globs: str | None, others: set[str | None], table: Path) -> list[str]:
    columns = [str(column) for column in rows.columns if column not in others]
    numeric = [column for column in columns if _is_numeric(rows, column)]
    if globs is None:
        found = numeric
    else:
        wanted = [glob.strip() for glob in globs.split(",")]
        found = [column for column in columns if any(fnmatch.fnmatchcase(column, glob) for glob in wanted)]
        if text := next((column for column in found if column not in numeric), None):
            raise UserError(f"{table}: column {text!r} matches the features but is not numeric{nearest(text, numeric)}")
    if not found:
        raise UserError(f"{table}: no numeric column matches {globs or '*'!r}{nearest(globs or '', columns)}")
    return found


def _by_participant(rows: pd.DataFrame, participant: str, order: str | None, table: Path) -> dict[str, pd.DataFrame]:
    for column in (participant, *([order] if order else [])):
        if missing(rows, column).any():
            raise UserError(f"{table}: {int(missing(rows, column).sum())} rows have no {column!r}")
    names = texts(rows, participant)
    spelt: dict[str, str] = {}
    for name in names.tolist():
        if (other := spelt.setdefault(same_person_key(name), name)) != name:
            raise UserError(f"{table}: {other!r} and {name!r} in {participant!r} differ only in case or whitespace")
    if order is not None:
        key = _numbers(rows, order) if _is_numeric(rows, order) else texts(rows, order)
        rows = rows.iloc[np.argsort(key, kind="stable")]
    return {str(name): rows.iloc[np.flatnonzero(texts(rows, participant) == name)] for name in np.unique(names)}


def _report(
    rows: pd.DataFrame, people: dict[str, pd.DataFrame], columns: list[str], target: str, out: Path, key_file: Path
) -> None:
    unrated = int(missing(rows, target).sum())
    print(f"{out}: {len(people)} participants, {len(rows)} rows, {unrated} of them without {target}")
    print(f"features: {', '.join(columns)}")
    print(f"the key to the pseudonyms is in {key_file}, outside the cohort: keep it safe and apart")
