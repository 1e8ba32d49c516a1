"""Signals of muscles and skin, checked by envelopes and correlations computed here."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from personalize.phantom.face.parameters import INDEX
from personalize.phantom.patient.biosignals import SIGNALS, Drift, Reactivity, biosignals, write_physio

FPS, RATE, SECONDS = 25, 250, 60
N = FPS * SECONDS
AVERAGE, STILL, NO_DRIFT = Reactivity(1.0, 1.0, 2.0, 3.0), Reactivity(0.0, 0.0, 2.0, 3.0), Drift(0.0, 0.0)
PARTS = {
    "emg_corrugator": ["AU04"],
    "emg_orbicularis": ["AU06", "AU07", "lids"],
    "emg_levator": ["AU09", "AU10"],
    "emg_zygomaticus": ["AU12"],
    "emg_risorius": ["AU20", "AU14"],
}


def table(pain=None, muscles=None, reactivity=AVERAGE, drift=NO_DRIFT, seed=0, fps=FPS, rate=RATE):
    pain = np.zeros(N) if pain is None else pain
    muscles = np.zeros((len(pain), 16)) if muscles is None else muscles
    return biosignals(pain, muscles, fps, reactivity, drift, np.random.default_rng(seed), rate)


def signals(*args, **settings):
    """The columns of `table` as arrays."""
    made = table(*args, **settings)
    return {str(name): made[name].to_numpy() for name in made}


def bumps(seed):
    """An intensity of 0-5 that rises and falls every few seconds, differently for every seed."""
    steps = np.random.default_rng(seed).uniform(0, 5, SECONDS // 2 + 1)
    return np.interp(np.arange(N) / FPS, 2.0 * np.arange(len(steps)), steps)


def rms(signal, seconds=0.5):
    blocks = signal.reshape(-1, int(seconds * RATE))
    return np.sqrt((blocks**2).mean(1))


def per_block(track, seconds=0.5):
    """Means of a track of frames over the blocks of `rms`."""
    edges = (np.arange(int(SECONDS / seconds)) * seconds * FPS).astype(int)
    return np.add.reduceat(track, edges) / np.diff([*edges, N])


def correlation(a, b):
    return np.corrcoef(a, b)[0, 1]


@pytest.mark.parametrize(("mine", "other"), [("AU04", "AU12"), ("AU12", "AU04")])
def test_an_envelope_follows_its_own_muscle_alone(mine, other):
    muscles = np.zeros((N, 16))
    muscles[:, INDEX[mine]], muscles[:, INDEX[other]] = bumps(1), bumps(2)
    column = "emg_corrugator" if mine == "AU04" else "emg_zygomaticus"
    envelope = rms(signals(muscles=muscles)[column])
    assert correlation(envelope, per_block(bumps(1))) > 0.8
    assert abs(correlation(envelope, per_block(bumps(2)))) < 0.3


@pytest.mark.parametrize("muscle", INDEX)
def test_every_muscle_is_heard_where_it_lies_and_nowhere_else(muscle):
    muscles = np.zeros((N, 16))
    muscles[:, INDEX[muscle]] = 1 if muscle in ("mouth", "lids") else 3
    moved, slack = signals(muscles=muscles), signals()
    louder = {c for c in PARTS if moved[c].std() > 1.2 * slack[c].std()}
    assert louder == {column for column, parts in PARTS.items() if muscle in parts}
    for column in PARTS.keys() - louder:
        np.testing.assert_array_equal(moved[column], slack[column])


def test_amplitude_is_proportional_to_reactivity():
    muscles = np.zeros((N, 16))
    muscles[:, INDEX["AU04"]] = 5.0
    loud = [signals(muscles=muscles, reactivity=Reactivity(r, 1.0, 0.0, 3.0)) for r in (0.0, 1.0, 2.0)]
    none, one, two = (made["emg_corrugator"].std() for made in loud)
    assert 20 < one < 60  # microvolts, as of a strong frown
    assert two - none == pytest.approx(2 * (one - none))


def test_without_reactivity_nothing_tells_of_face_or_pain():
    muscles, pain = np.tile(bumps(1)[:, None], (1, 16)), 2 * bumps(1)
    moved, still = signals(pain, muscles, STILL), signals(reactivity=STILL)
    assert all(np.array_equal(moved[name], still[name]) for name in SIGNALS)
    assert abs(correlation(rms(moved["emg_corrugator"]), per_block(bumps(1)))) < 0.3


def test_drift_alone_rises_with_time():
    rising, flat = (signals(reactivity=STILL, drift=d) for d in (Drift(4.0, 2.0), NO_DRIFT))
    time = np.arange(2 * SECONDS)
    for column in PARTS:
        assert correlation(rms(rising[column]), time) > 0.8
        assert abs(correlation(rms(flat[column]), time)) < 0.3
    gain = rising["eda"] - flat["eda"]
    assert gain[0] == 0 and gain[-1] == pytest.approx(2)
    assert (np.diff(gain) >= -1e-9).all()


def test_skin_answers_rises_of_pain_seconds_later_and_falls_not_at_all():
    pain = np.zeros(4 * N)
    onsets = 25 * np.array([20, 65, 110, 160, 200])
    for onset in onsets:
        pain[onset : onset + 25 * 15] = 8
    kinds = [signals(pain, reactivity=Reactivity(1.0, r, 2.0, 3.0))["eda"] for r in (1.0, 0.0)]
    rate = kinds[0][::25]  # 10 Hz
    rises = np.zeros(len(rate))
    rises[onsets * 10 // 25] = 1
    lags = np.arange(-100, 151)
    centred = rate - rate.mean()
    peak = lags[np.argmax([np.roll(rises, lag) @ centred for lag in lags])] / 10
    assert 1 <= peak <= 5
    answer = (kinds[0] - kinds[1])[20 * RATE : 60 * RATE]  # what the first rise alone brought
    assert np.abs(answer[:RATE]).max() < 0.05 * answer.max()
    assert answer.argmax() / RATE < 5 and 0.4 < answer.max() < 1.2
    assert answer[15 * RATE :].max() < 0.5 * answer.max()  # slow decay, and no answer to the fall at 15 s
    assert answer[10 * RATE] > 0.3 * answer.max()
    assert (np.diff(answer[16 * RATE : 30 * RATE : 25]) < 0).all()


@pytest.mark.parametrize(("frames", "fps", "rate"), [(80, 10, 256), (101, 25, 250), (100, 29.97, 100), (40, 10, 1000)])
def test_rows_for_the_whole_recording(frames, fps, rate):
    made = table(np.zeros(frames), fps=fps, rate=rate)
    assert len(made) == round(frames / fps * rate)
    assert list(made) == [*PARTS, "eda"]
    assert np.isfinite(made.to_numpy()).all() and made["eda"].to_numpy().min() > 0


def test_same_seed_same_signals_and_channels_are_apart():
    first = table(seed=3)
    pd.testing.assert_frame_equal(first, table(seed=3))
    assert not np.allclose(first, table(seed=4))
    between = np.corrcoef(first.to_numpy()[:, :5].T) - np.eye(5)
    assert np.abs(between).max() < 0.05


def test_files_read_back(tmp_path):
    made = table(np.zeros(80))
    made.iloc[5, 0] = np.nan
    path = tmp_path / "sub-P001_physio.tsv.gz"
    write_physio(path, made, RATE, start_time=-1.5)
    sidecar = json.loads((tmp_path / "sub-P001_physio.json").read_text())
    assert (sidecar["SamplingFrequency"], sidecar["StartTime"]) == (RATE, -1.5)
    assert [sidecar[name]["Units"] for name in sidecar["Columns"]] == ["uV"] * 5 + ["uS"]
    rows = [line.split("\t") for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    assert rows[5][0] == "n/a" and sidecar["Columns"] == list(SIGNALS)
    values = np.array([[float(v.replace("n/a", "nan")) for v in row] for row in rows])
    np.testing.assert_allclose(values, made.to_numpy(), rtol=1e-5)
    first = path.read_bytes()
    write_physio(path, made, RATE, start_time=-1.5)
    assert path.read_bytes() == first
    assert first[4:8] == bytes(4)  # no time in the header of the gzip file


def test_files_with_other_names_or_columns_are_refused(tmp_path):
    with pytest.raises(ValueError, match="_physio"):
        write_physio(tmp_path / "signals.tsv.gz", table(np.zeros(80)), RATE)
    with pytest.raises(ValueError, match="ecg"):
        write_physio(tmp_path / "a_physio.tsv.gz", pd.DataFrame({"ecg": [1.0]}), RATE)
    assert not list(tmp_path.iterdir())
