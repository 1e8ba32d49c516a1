"""Surface electromyography (EMG): amplitude features of windows, for each muscle.

Root mean square and waveform length as of Hudgins, Parker & Scott, IEEE Trans Biomed Eng 40 (1993) 82-94, and
Phinyomark, Phukpattaranont & Limsakul, Expert Syst Appl 39 (2012) 7420-7431. Signals are taken as they are: no filter.
Both grow with gain and electrodes, so compare them within a person (`adaptation.normalise`).
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from jaxtyping import Float

from personalize.cohorts.layout import Cohort
from personalize.signals.physio import read_physio
from personalize.signals.windows import window_starts
from pretrain.errors import UserError, nearest

PREFIX = "emg_"
"""Of the channels that are muscles."""


def rms(x: Float[np.ndarray, "w n c"]) -> Float[np.ndarray, "w c"]:
    """Root mean square of the samples of each window, in the signal's unit."""
    return np.sqrt(np.mean(x**2, axis=1))


def waveform_length(x: Float[np.ndarray, "w n c"]) -> Float[np.ndarray, "w c"]:
    """Sum of the absolute steps from sample to sample within each window, in the signal's unit."""
    return np.abs(np.diff(x, axis=1)).sum(axis=1)


FEATURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"rms": rms, "wl": waveform_length}


def emg_rows(
    cohort: Cohort,
    length: float | int,
    step: float | int,
    channels: tuple[str, ...] | None = None,
    features: tuple[str, ...] = ("rms", "wl"),
) -> tuple[pd.DataFrame, dict[str, int]]:
    """A row for each window of `length` seconds, every `step`, of the cohort's `*_physio.tsv.gz`; and counts.

    Columns: those of `features.KEYS`, then `emg_corrugator_rms` and so on for `channels`, None for all that begin with
    `emg_` in the first recording. A window with a missing sample has no values. Raises `UserError` for unknown
    features, channels that a recording lacks, no channel at all, and windows of fewer than two samples.
    """
    for name in features:
        if name not in FEATURES:
            raise UserError(f"no EMG feature {name!r}{nearest(name, FEATURES)}")
    listed = [row for row in cohort.recordings.to_dict("records") if row["physio"]]
    if not listed:
        raise UserError(f"{cohort.root} has no *_physio.tsv.gz")
    parts = []
    for row in listed:
        file = cohort.root / row["physio"]
        physio = read_physio(file)
        if channels is None:
            channels = tuple(name for name in physio.channels if name.startswith(PREFIX))
            if not channels:
                raise UserError(f"{file} has no channel called {PREFIX}...{nearest(PREFIX, physio.channels)}")
        t0, x = windows(physio.of(channels, file), physio.rate, length, step)
        values = np.concatenate([FEATURES[name](x) for name in features], axis=1)
        about = {"participant": row["participant"], "recording": row["recording"], "track": 0}
        keys = pd.DataFrame({**about, "t0": physio.start + t0, "t1": physio.start + t0 + length})
        columns = [f"{channel}_{name}" for name in features for channel in channels]
        parts.append(pd.concat([keys, pd.DataFrame(values, columns=columns)], axis=1))
    table = pd.concat(parts, ignore_index=True)
    counts = {
        "recordings_without_physio": len(cohort.recordings) - len(listed),
        "recordings_shorter_than_a_window": sum(part.empty for part in parts),
    }
    return table, counts


def windows(
    samples: Float[np.ndarray, "n c"], rate: float, length: float | int, step: float | int
) -> tuple[Float[np.ndarray, "w"], Float[np.ndarray, "w m c"]]:
    """Starts in seconds, and the samples of each whole window; a start falls on the nearest sample.

    Raises `UserError` for windows of fewer than two samples.
    """
    size = round(length * rate)
    if size < 2:
        raise UserError(f"EMG: a window of {length:g} s has {size} samples at {rate:g} Hz; it needs 2")
    starts = window_starts(0, len(samples) / rate, length, step)
    first = np.rint(starts * rate).astype(int)
    inside = first + size <= len(samples)  # both were rounded
    return starts[inside], samples[first[inside, None] + np.arange(size)]
