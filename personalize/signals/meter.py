"""Action units as an imperfect meter reads them: what a system that measures faces makes of the faces as they are.

A person is read with a gain and an offset of their own, a recording with an offset, and every row with noise.
"""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from personalize.cohorts.columns import floats
from personalize.cohorts.features import KEYS
from personalize.signals.pspi import OPENFACE

LIDS = ("AU43", "AU45")
"""Closed eyes and a blink, which are there (1) or not (0); all other units go up to 5."""


class Meter(NamedTuple):
    """How far a system errs when it reads action units: standard deviations.

    In FACS intensities (a fifth of its range for AU43 and AU45), but for the gain, which is of the logarithm.
    """

    gain: float | int
    """What one intensity is read as; of a person and action unit."""
    person: float | int
    """Offset of a person and action unit: a face at rest that looks like an expression."""
    recording: float | int
    """Offset of a recording and action unit: light and camera."""
    noise: float | int
    """Error of a row and action unit."""


def tops(units: Sequence[str]) -> Float[np.ndarray, "u"]:
    """Highest intensity of each action unit.

    >>> tops(["AU04", "AU43"])
    array([5., 1.])
    """
    return np.array([1.0 if unit in LIDS else 5.0 for unit in units])


def misread(
    face: Float[np.ndarray, "n u"],
    gain: Float[np.ndarray, "n u"],
    offset: Float[np.ndarray, "n u"],
    top: Float[np.ndarray, "u"],
) -> Float[np.ndarray, "n u"]:
    """Intensities times a gain plus an offset, within 0 and `top`; offsets are in FACS intensities."""
    return np.clip(gain * face + offset * top / 5, 0, top)


def measured(rows: pd.DataFrame, meter: Meter, seed: int) -> pd.DataFrame:
    """Rows of `aus.au_rows` as the meter reads them; what is missing stays missing.

    Errors follow from the seed and the names of person, recording and unit alone: neither who else is there nor which
    other units are read changes them.
    """
    units = [str(column) for column in rows.columns if column not in KEYS]
    face = rows.filter(units).to_numpy(float)
    gain, offset = np.empty_like(face), np.empty_like(face)
    for own in rows.groupby(["participant", "recording"], sort=False).indices.values():
        participant, recording = (str(rows[key].iloc[own[0]]) for key in ("participant", "recording"))
        for column, unit in enumerate(units):
            of_person = _normal(2, seed, participant, unit)
            of_recording = _normal(1 + len(own), seed, participant, recording, unit)
            gain[own, column] = np.exp(meter.gain * of_person[0])
            still = meter.person * of_person[1] + meter.recording * of_recording[0]
            offset[own, column] = still + meter.noise * of_recording[1:]
    read = misread(face, gain, offset, tops(units))
    return pd.concat([rows.filter([*KEYS]), pd.DataFrame(read, columns=units, index=rows.index)], axis=1)


def _normal(count: int, seed: int, *names: str) -> Float[np.ndarray, "k"]:
    """Standard normal numbers that are always the same for the same seed and names."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)]).normal(size=count)


def as_openface(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the units of `OPENFACE` that are there, in its order; AU45 is then every closure of the lids.

    OpenFace does not tell a blink from eyes that stay closed, which coders call AU43.
    """
    if there := [unit for unit in LIDS if unit in rows.columns]:
        rows = rows.assign(AU45=np.max([floats(rows, unit) for unit in there], axis=0))
    return rows.filter([*KEYS, *OPENFACE])
