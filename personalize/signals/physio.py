"""Muscle, skin and heart signals of a recording, as BIDS keeps them: a table without header, and a JSON beside it."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from personalize.cohorts.columns import MISSING
from pretrain.errors import UserError, nearest

ENDING = ".tsv.gz"


class Physio(NamedTuple):
    """Signals of equal sampling rate."""

    channels: tuple[str, ...]
    samples: Float[np.ndarray, "n c"]
    """In the unit of each channel; NaN where missing."""
    rate: float
    """Samples a second."""
    start: float
    """Seconds of the recording at the first sample."""

    def of(self, channels: tuple[str, ...], file: Path) -> Float[np.ndarray, "n k"]:
        """Samples of some channels; `UserError` for one that is not there."""
        for name in channels:
            if name not in self.channels:
                raise UserError(f"{file} has no channel {name!r}{nearest(name, self.channels)}")
        return self.samples[:, [self.channels.index(name) for name in channels]]


def read_physio(file: Path) -> Physio:
    """A `*_physio.tsv.gz` and its JSON (`SamplingFrequency`, `StartTime`, `Columns`); `UserError` if they differ."""
    about = file.with_name(file.name.removesuffix(ENDING) + ".json")
    try:
        said = json.loads(about.read_text())
        channels, rate = tuple(map(str, said["Columns"])), float(said["SamplingFrequency"])
        start = float(said.get("StartTime", 0.0))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{about}: not a JSON object with SamplingFrequency, StartTime and Columns") from error
    if not (0 < rate < np.inf and np.isfinite(start)):
        raise UserError(f"{about}: SamplingFrequency {rate:g} or StartTime {start:g} cannot be")
    try:
        table = pd.read_csv(file, sep="\t", header=None, dtype=float, keep_default_na=False, na_values=[MISSING, ""])
    except (ValueError, OSError, EOFError) as error:  # pandas's parser errors are ValueErrors
        raise UserError(f"{file}: not a gzipped table of numbers ({str(error).splitlines()[0]})") from error
    if table.shape[1] != len(channels):
        raise UserError(f"{file}: {table.shape[1]} columns, but {about.name} names {len(channels)}")
    return Physio(channels, table.to_numpy(float), rate, start)
