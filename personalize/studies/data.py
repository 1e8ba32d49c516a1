"""A study's rows with their labels, of one cohort or of the one that is learnt from and the one that is tested."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Shaped

from personalize.cohorts.cohort import Cohort
from personalize.cohorts.columns import floats, texts
from personalize.cohorts.joining import Rows, join
from personalize.cohorts.kinds import NUMBER, TargetKind
from personalize.cohorts.layout import choose_target
from personalize.cohorts.phases import with_marks
from personalize.cohorts.schemes import SCHEMES, with_periods
from personalize.heads.indexed import Indexed
from personalize.protocols.people import External
from personalize.protocols.units import Units, read_units
from personalize.signals.aus import au_rows
from personalize.studies.config import Labels
from personalize.studies.inputs import InputConfig, Seen, read_input

ROW = "input_row"
UNIT = ("participant", "recording", "sequence", "track", "t0", "t1")


class Source(NamedTuple):
    """A cohort and what belongs to it."""

    cohort: Cohort
    files: Path | None
    """Clips, or features of an encoder; None where neither is needed."""
    seed: int
    """Of a meter's errors."""


@dataclass(frozen=True)
class Data:
    """Units (rows that have a label) and all rows, in order of participant, recording and time."""

    pool: Shaped[np.ndarray, "pool ..."]
    places: Int[np.ndarray, "n picks"]
    """Of every row, in the pool."""
    rows: Units
    valid: Int[np.ndarray, "m"]
    """Positions of the units among the rows."""
    units: Units
    y: Float[np.ndarray, "m columns"]
    """The target for each head, NaN for people of another one; then auxiliary labels, NaN where not known."""
    target: Float[np.ndarray, "m"]
    heads: tuple[str, ...]
    """Names of the outputs for the target; ("",) for one output for everybody."""
    kind: TargetKind
    columns: tuple[str, ...]
    counts: dict[str, int]
    cohort: str
    train_cohort: str
    external: External | None = None

    @property
    def x(self) -> Indexed:
        """What networks are given of every unit."""
        return Indexed(self.pool, self.places[self.valid])


def read_data(config: InputConfig, labels: Labels, source: Source, train: Source | None = None) -> Data:
    """Reads what is tested and, where it is another cohort, what is learnt from.

    Raises `UserError` for whatever is missing or does not fit together.
    """
    sources = [source] if train is None else [train, source]
    parts = [_part(config, labels, each) for each in sources]
    heads = tuple(dict.fromkeys(head for part in parts for head in np.unique(part.head).tolist()))
    names = tuple(each.cohort.name for each in sources)
    cohort = None if train is None else np.repeat(names, [len(part.rows.y) for part in parts])
    rows = Rows(**{key: np.concatenate([getattr(p.rows, key) for p in parts]) for key in vars(parts[0].rows)})
    table = pd.DataFrame(
        {key: getattr(rows, key) for key in ("participant", "recording", "sequence", "track", "t0", "t1")}
    )
    everything = read_units(table if cohort is None else table.assign(cohort=cohort))
    everything.ids()
    valid = np.flatnonzero(rows.valid)
    head = np.concatenate([part.head for part in parts])
    per_head = np.where(head[:, None] == np.array(heads), rows.y[:, None], np.nan)
    beside = np.concatenate([part.beside for part in parts])
    offsets = np.cumsum([0, *(len(part.seen.pool) for part in parts)])
    return Data(
        pool=np.concatenate([part.seen.pool for part in parts]),
        places=np.concatenate([p.places + offset for p, offset in zip(parts, offsets, strict=False)]),
        rows=everything,
        valid=valid,
        units=everything.take(valid),
        y=np.concatenate([per_head, beside], axis=1)[valid],
        target=rows.y[valid],
        heads=heads,
        kind=parts[0].kind,
        columns=parts[0].seen.columns,
        counts=parts[-1].counts,
        cohort=names[-1],
        train_cohort=names[0],
        external=None if train is None else External(names[0], names[-1]),
    )


class _Part(NamedTuple):
    seen: Seen
    places: Int[np.ndarray, "n picks"]
    rows: Rows
    head: Shaped[np.ndarray, "n"]
    beside: Float[np.ndarray, "n auxiliary"]
    kind: TargetKind
    counts: dict[str, int]


def _part(config: InputConfig, labels: Labels, source: Source) -> _Part:
    cohort, scale, kind = labelled(source.cohort, labels)
    seen = read_input(config, cohort, source.files, source.seed)
    table = seen.keys.assign(**{ROW: np.arange(len(seen.keys), dtype=float)})
    rows, joined = join(cohort, table, scale, kind)
    places = seen.places[rows.x[:, 0].astype(int)]
    whole = _finite(seen.pool)[places].all(axis=1)
    rows = replace(rows, valid=rows.valid & whole)
    counts = {**seen.counts, **joined, "units": int(rows.valid.sum())}
    head, beside = _heads(cohort, labels.heads, rows), _beside(cohort, labels.auxiliary, rows)
    return _Part(seen, places, rows, head, beside, kind, counts)


def labelled(cohort: Cohort, labels: Labels) -> tuple[Cohort, str, TargetKind]:
    """The cohort with what a scheme makes of its ratings, the scale of the target, and its kind."""
    scheme = SCHEMES.get(labels.target)
    if scheme is None:
        return cohort, choose_target(cohort, labels.target), NUMBER
    if scheme.scale == "period":
        cohort = with_periods(with_marks(cohort))
    return cohort, choose_target(cohort, scheme.scale), scheme.kind(labels.ordered)


def _finite(pool: Shaped[np.ndarray, "pool ..."]) -> Bool[np.ndarray, "pool"]:
    if pool.dtype == np.uint8:
        return np.ones(len(pool), bool)
    return np.asarray(np.isfinite(pool).all(axis=tuple(range(1, pool.ndim))))


def _heads(cohort: Cohort, column: str | None, rows: Rows) -> Shaped[np.ndarray, "n"]:
    """The head that every row's person belongs to; one for everybody where the cohort has no such column."""
    if column is None or column not in cohort.participants.columns:
        return np.full(len(rows.y), "" if column is None else cohort.name, dtype=object)
    names = texts(cohort.participants, "participant").tolist()
    of = dict(zip(names, texts(cohort.participants, column).tolist(), strict=True))
    return np.array([of[name] for name in rows.participant.tolist()], dtype=object)


def _beside(cohort: Cohort, wanted: tuple[str, ...], rows: Rows) -> Float[np.ndarray, "n auxiliary"]:
    """Coded action units in the middle of every row; NaN where none is coded."""
    out = np.full((len(rows.y), len(wanted)), np.nan)
    if not wanted or not any(texts(cohort.recordings, "aus")):
        return out
    table, _ = au_rows(cohort, wanted)
    middle = (rows.t0 + rows.t1) / 2
    for name, some in table.groupby("recording"):
        own = np.flatnonzero(rows.recording == name)
        at = np.searchsorted(floats(some, "t0"), middle[own], side="right") - 1
        inside = (at >= 0) & (middle[own] < floats(some, "t1")[at])
        for column, unit in enumerate(wanted):
            if unit in some.columns:
                out[own[inside], column] = floats(some, unit)[at[inside]]
    return out
