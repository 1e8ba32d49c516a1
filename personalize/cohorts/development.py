"""Who of a cohort may be looked at while choices are made; everybody else is for the one test at the end."""

import hashlib
from pathlib import Path

from personalize.cohorts.columns import read_tsv, require_columns, texts
from personalize.cohorts.identity import same_person_key
from personalize.cohorts.layout import Cohort
from pretrain.errors import UserError, nearest

COLUMN, DEVELOPMENT, TEST = "split", "development", "test"
"""Column of `participants.tsv` and its two values."""
SHARE = 5
"""One in so many, where nobody says who."""


def development_people(cohort: Cohort, file: Path | None = None) -> frozenset[str]:
    """The development people: those that `file` lists, else those whose `split` in `participants.tsv` says so, else a
    fifth by a hash of their names, so that a participant more moves nobody from one side to the other.

    `file` is a table with a column `participant_id`. Raises `UserError` for a name that the cohort does not have, for
    another word than development or test, or when nobody is on one of the two sides.
    """
    names = texts(cohort.participants, "participant").tolist()
    if file is not None:
        chosen = frozenset(_listed(file, names))
        where = str(file)
    elif COLUMN in cohort.participants:
        where = f"{cohort.root / 'participants.tsv'}, column {COLUMN!r}"
        words = texts(cohort.participants, COLUMN).tolist()
        if strange := [word for word in words if word not in (DEVELOPMENT, TEST)]:
            raise UserError(f"{where}: {strange[0]!r} is neither {DEVELOPMENT!r} nor {TEST!r}")
        chosen = frozenset(name for name, word in zip(names, words, strict=True) if word == DEVELOPMENT)
    else:
        where = f"{cohort.root} (a hashed fifth)"
        chosen = frozenset(filter(_by_hash, names))
    if not chosen or len(chosen) == len(names):
        side = DEVELOPMENT if not chosen else TEST
        raise UserError(f"{where}: none of {len(names)} participants is a {side} person; name them in a file or column")
    return chosen


def _listed(file: Path, names: list[str]) -> list[str]:
    if not file.is_file():
        raise UserError(f"no file {file} of development people")
    table = read_tsv(file)
    require_columns(table, ("participant_id",), file)
    listed = texts(table, "participant_id").tolist()
    for name in listed:
        if name not in names:
            raise UserError(f"{file}: the cohort has no participant {name!r}{nearest(name, names)}")
    return listed


def _by_hash(name: str) -> bool:
    return int(hashlib.sha256(same_person_key(name).encode()).hexdigest(), 16) % SHARE == 0
