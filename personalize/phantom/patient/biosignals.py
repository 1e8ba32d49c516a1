"""Surface EMG of the face and electrodermal activity (EDA) of a phantom, from the muscles and the pain of its face.

NeuroKit2 makes the signals; here they are tied to the phantom. Invented sizes: microvolts per unit of a muscle,
microsiemens per unit of pain. Sources: Makowski et al., NeuroKit2, Behavior Research Methods 53 (2021) 1689-1696;
Bach et al., Int J Psychophysiol 75 (2010) 349-356 for the shape of a skin-conductance response.
"""

import gzip
import importlib
import warnings
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from personalize.phantom.face.facs import Muscles, Track
from personalize.phantom.face.parameters import INDEX
from personalize.phantom.files import write_json

Samples = Float[np.ndarray, "samples"]

TONE = 2.0
"""Root mean square (RMS) of the EMG of a slack muscle, microvolts."""
STRENGTH = 6.0
"""RMS that a unit of intensity adds, microvolts."""
RESPONSE = 0.1
"""Peak of the skin-conductance response to a sudden rise of pain by one unit of 10, microsiemens."""
IDLE_RATE, IDLE_SIZE = 2.0, 0.1
"""Responses per minute that nothing evokes, and their mean peak in microsiemens."""
EDA_NOISE = 0.005
"""Scale of the noise of the EDA, microsiemens."""
_EDA_RATE = 10
"""Hertz at which skin responses, which take seconds, are added up."""
_ENDING = "_physio.tsv.gz"


class Reactivity(NamedTuple):
    """How strongly a person's signals answer."""

    emg: float
    """Factor of the EMG's amplitude per unit of muscle, about 1; 0 for none."""
    eda: float
    """Factor of the skin-conductance response per unit of rising pain, about 1; 0 for none."""
    emg_noise: float
    """Standard deviation of the electrodes' noise, microvolts."""
    eda_level: float
    """Skin conductance at the start, microsiemens."""


class Drift(NamedTuple):
    """What a signal gains from the start to the end of a recording by time alone: a decoy. 0 for none."""

    emg: float
    """RMS in microvolts, of every muscle."""
    eda: float
    """Microsiemens."""


class Drive(NamedTuple):
    """What drives the signals, one row per sample."""

    pain: Samples
    muscles: Float[np.ndarray, "samples 16"]
    sampling_rate: int
    reactivity: Reactivity
    drift: Drift

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.pain) / self.sampling_rate


class Signal(NamedTuple):
    """A column of the table: its unit and what makes it."""

    unit: str
    make: Callable[[Drive, np.random.Generator], Samples]


def biosignals(
    pain: Track,
    muscles: Muscles,
    fps: float | int,
    reactivity: Reactivity,
    drift: Drift,
    rng: np.random.Generator,
    sampling_rate: int = 250,
) -> pd.DataFrame:
    """One column for each of `SIGNALS`, in its unit; round(n / fps * sampling_rate) rows.

    `pain` (0-10) and `muscles` (columns `MUSCLES`) have a row per video frame at `fps`. The first sample belongs to
    the first frame. Every signal has a random stream of its own, all from `rng`.
    """
    time = np.arange(round(len(pain) / fps * sampling_rate)) / sampling_rate
    frames = np.arange(len(pain)) / fps
    sampled = np.stack([np.interp(time, frames, column) for column in muscles.T], 1)
    drive = Drive(np.interp(time, frames, pain), sampled, sampling_rate, reactivity, drift)
    streams = rng.spawn(len(SIGNALS))
    return pd.DataFrame({n: s.make(drive, stream) for (n, s), stream in zip(SIGNALS.items(), streams, strict=True)})


def write_physio(path: Path, table: pd.DataFrame, sampling_rate: int, start_time: float = 0.0) -> None:
    """Writes columns of `SIGNALS` as BIDS has it: `path` (no header, `n/a` for NaN) and its JSON sidecar.

    `start_time` is in seconds after the start of the video. The same table gives the same bytes.
    Raises ValueError where `path` does not end in `_physio.tsv.gz` or a column has no known unit.
    """
    if not path.name.endswith(_ENDING):
        raise ValueError(f"{path.name} does not end in {_ENDING}")
    if unknown := set(table) - set(SIGNALS):
        raise ValueError(f"no unit is known for {sorted(unknown)}; known are {list(SIGNALS)}")
    text = table.to_csv(sep="\t", header=False, index=False, float_format="%.6g", na_rep="n/a", lineterminator="\n")
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    sidecar = {"SamplingFrequency": sampling_rate, "StartTime": start_time, "Columns": list(table)}
    units = {str(name): {"Units": SIGNALS[str(name)].unit} for name in table}
    write_json({**sidecar, **units}, path.with_name(path.name.removesuffix(".tsv.gz") + ".json"))


def _emg(parts: dict[str, float], drive: Drive, rng: np.random.Generator) -> Samples:
    """EMG over muscles with these weights, microvolts: one long burst that swells with them, and noise."""
    contraction = sum(weight * drive.muscles[:, INDEX[name]] for name, weight in parts.items())
    carrier = _neurokit().emg_simulate(
        duration=drive.duration,
        length=len(drive.pain),
        sampling_rate=drive.sampling_rate,
        noise=0,
        burst_duration=drive.duration,
        random_state=rng,
    )
    carrier = (carrier - carrier.mean()) / carrier.std()
    rms = TONE + STRENGTH * drive.reactivity.emg * contraction + np.linspace(0, drive.drift.emg, len(carrier))
    return np.maximum(rms, 0) * carrier + drive.reactivity.emg_noise * rng.normal(size=len(carrier))


def _eda(drive: Drive, rng: np.random.Generator) -> Samples:
    """Skin conductance, microsiemens: level, drift, responses to rises of pain and idle ones, and noise."""
    time = np.arange(len(drive.pain)) / drive.sampling_rate
    coarse = np.arange(0, drive.duration, 1 / _EDA_RATE)
    rises = np.maximum(np.diff(np.interp(coarse, time, drive.pain), prepend=drive.pain[0]), 0)
    idle = rng.poisson(IDLE_RATE / 60 / _EDA_RATE, len(coarse)) * rng.exponential(IDLE_SIZE, len(coarse))
    responses = np.convolve(RESPONSE * drive.reactivity.eda * rises + idle, _response())[: len(coarse)]
    floor = _neurokit().eda_simulate(
        duration=drive.duration,
        length=len(time),
        sampling_rate=drive.sampling_rate,
        noise=EDA_NOISE,
        scr_number=0,
        drift=0,
        random_state=rng,
    )  # 1 microsiemens and noise; a drift of NeuroKit's would scale the noise
    level = drive.reactivity.eda_level - 1 + np.linspace(0, drive.drift.eda, len(time))
    return floor + level + np.interp(time, coarse, responses)


@cache
def _response() -> Float[np.ndarray, "900"]:
    """The canonical response of height 1, as of Bach et al., at `_EDA_RATE` over the 90 s that NeuroKit draws it for.

    `eda_simulate` squeezes these 90 s into 9 and starts its responses at even distances, hence its part alone.
    """
    _neurokit()
    make = importlib.import_module("neurokit2.eda.eda_simulate")._eda_simulate_scr
    return make(sampling_rate=_EDA_RATE, length=90 * _EDA_RATE)


@cache
def _neurokit() -> Any:
    """The module. Imported at first use: that takes a second, which all who never make signals are spared."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "scipy.misc", DeprecationWarning)  # which it imports and does not use
        return importlib.import_module("neurokit2")


SIGNALS = {
    "emg_corrugator": Signal("uV", partial(_emg, {"AU04": 1.0})),
    "emg_orbicularis": Signal("uV", partial(_emg, {"AU06": 0.5, "AU07": 0.5, "lids": 2.5})),
    "emg_levator": Signal("uV", partial(_emg, {"AU09": 0.5, "AU10": 0.5})),
    "emg_zygomaticus": Signal("uV", partial(_emg, {"AU12": 1.0})),
    "emg_risorius": Signal("uV", partial(_emg, {"AU20": 0.7, "AU14": 0.3})),
    "eda": Signal("uS", _eda),
}
"""Columns of the table. A new signal goes to the end: signals before it then stay as they were."""
