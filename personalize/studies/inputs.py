"""What a study looks at: crops of faces, films of them, action units, muscles, or features of an encoder."""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import pandas as pd
from annotated_types import Gt
from jaxtyping import Int, Shaped
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from personalize.cohorts.cohort import Cohort
from personalize.cohorts.features import KEYS, embedded_features
from personalize.heads.indexed import windows
from personalize.signals.aus import au_rows
from personalize.signals.emg import emg_rows
from personalize.signals.meter import Meter, as_openface, measured
from personalize.signals.pictures import read_pictures

Positive = Annotated[int, Gt(0)]
Seconds = Annotated[float | int, Gt(0)]
_strict = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_strict)
class Pictures:
    """Single crops."""

    kind: Literal["pictures"] = "pictures"
    pixels: Positive = 112
    rate: Seconds | None = None
    """At most so many a second."""
    color: bool = False
    warp: bool = False
    """Warped to the mean shape, with local contrast evened out (Rezaei 2021)."""


@dataclass(frozen=True, config=_strict)
class Films:
    """Crops that follow each other."""

    kind: Literal["films"] = "films"
    pixels: Positive = 64
    frames: Positive = 8
    rate: Seconds = 5
    """Crops a second."""
    stride: Positive = 8
    """Crops from the beginning of one film to that of the next."""
    color: bool = False


@dataclass(frozen=True, config=_strict)
class ActionUnits:
    """Intensities of action units, frame by frame."""

    kind: Literal["aus"] = "aus"
    units: tuple[str, ...] | None = None
    """None: the 17 of OpenFace, which takes any closing of the lids for a blink."""
    meter: Meter | None = None
    """Read off by a system that errs, instead of by the cohort's coders."""
    every: Positive = 1
    """Only every so many frames."""


@dataclass(frozen=True, config=_strict)
class Emg:
    """Amplitudes of muscles in windows."""

    kind: Literal["emg"] = "emg"
    length: Seconds = 1
    step: Seconds = 1
    channels: tuple[str, ...] | None = None
    features: tuple[str, ...] = ("rms", "wl")


@dataclass(frozen=True, config=_strict)
class Embedded:
    """Features that a pretrained encoder gives of clips."""

    kind: Literal["embedded"] = "embedded"


InputConfig = Pictures | Films | ActionUnits | Emg | Embedded
PIXELS = ("pictures", "films")
"""Kinds that need clips."""


class Seen(NamedTuple):
    """What there is to look at: rows, each of one or more places in a pool."""

    pool: Shaped[np.ndarray, "pool ..."]
    places: Int[np.ndarray, "n picks"]
    keys: pd.DataFrame
    """`features.KEYS` of every row."""
    columns: tuple[str, ...]
    """Names of features; () for pictures."""
    counts: dict[str, int]


def read_input(config: InputConfig, cohort: Cohort, files: Path | None, seed: int) -> Seen:
    """Reads a cohort's rows; `files` are its clips, or its file of features; `seed` is that of a meter's errors.

    Raises `UserError` for whatever is not there.
    """
    if isinstance(config, Pictures | Films):
        assert files is not None
        return _of_pictures(config, cohort, files)
    if isinstance(config, Embedded):
        assert files is not None
        return _of_table(*embedded_features(cohort, files))
    if isinstance(config, Emg):
        return _of_table(*emg_rows(cohort, config.length, config.step, config.channels, config.features))
    rows, counts = au_rows(cohort, config.units)
    rows = as_openface(rows) if config.units is None else rows
    rows = rows.iloc[:: config.every].reset_index(drop=True)
    return _of_table(rows if config.meter is None else measured(rows, config.meter, seed), counts)


def _of_pictures(config: Pictures | Films, cohort: Cohort, clips: Path) -> Seen:
    warp = isinstance(config, Pictures) and config.warp
    options = {"rate": config.rate, "color": config.color, "warp": warp}
    found, counts = read_pictures(cohort, clips, config.pixels, **options)
    if isinstance(config, Pictures):
        return Seen(found.pool, np.arange(len(found.pool))[:, None], found.keys, (), counts)
    places, units = windows(found.keys, config.frames, config.stride)
    keys = pd.DataFrame({name: getattr(units, name) for name in KEYS})
    return Seen(found.pool, places, keys, (), {**counts, "films": len(places)})


def _of_table(rows: pd.DataFrame, counts: dict[str, int]) -> Seen:
    columns = tuple(str(name) for name in rows.columns if name not in KEYS)
    values = rows.filter(columns).to_numpy(float)
    return Seen(values, np.arange(len(rows))[:, None], rows.filter([*KEYS]), columns, counts)
