"""Features of muscle signals: closed forms, naive loops, and the phantom's own muscles."""

import gzip
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.adaptation.normalise import Normalise
from personalize.cohorts.joining import join
from personalize.cohorts.layout import read_cohort
from personalize.phantom.patient import biosignals as phantom
from personalize.signals.emg import emg_rows, rms, waveform_length, windows
from personalize.signals.physio import read_physio
from pretrain.errors import UserError
from tests.personalize.cohorts.cohort_worlds import write_events
from tests.personalize.signals.signal_worlds import new_cohort, write_physio

RATE = 200.0


def sine(amplitude, hertz, seconds, offset=0.0):
    time = np.arange(round(seconds * RATE)) / RATE
    return offset + amplitude * np.sin(2 * np.pi * hertz * time)


def test_a_sine_has_the_rms_and_the_length_of_its_closed_form():
    """RMS = A / sqrt 2 over whole periods; a period goes up and down by 2A, so WL is 4A for each, from peak to peak."""
    time = np.arange(401) / RATE  # two seconds, and the sample that ends them
    wave = 3 * np.cos(2 * np.pi * 5 * time)[None, :, None]  # 40 samples a period: its peaks are sampled
    assert rms(wave[:, :400])[0, 0] == pytest.approx(3 / np.sqrt(2), rel=1e-12)
    assert waveform_length(wave)[0, 0] == pytest.approx(4 * 3 * 10, rel=1e-12)


def test_steps_ramps_and_constants():
    ramp = np.linspace(0, 7, 50)[None, :, None]
    assert waveform_length(ramp)[0, 0] == pytest.approx(7)
    flat = np.full((1, 50, 1), -2.0)
    assert (rms(flat)[0, 0], waveform_length(flat)[0, 0]) == (2, 0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 80), st.sampled_from([0.2, 0.5, 1.0]), st.sampled_from([0.1, 0.25, 1.0]), st.integers(0, 10**6))
def test_windows_by_a_naive_loop(n, length, step, seed):
    x, rate = np.random.default_rng(seed).normal(size=(n, 2)), 20.0
    starts, cut = windows(x, rate, length, step)
    expected = []
    k = 0
    while round(k * step * rate) + round(length * rate) <= n:
        first = round(k * step * rate)
        expected.append((k * step, x[first : first + round(length * rate)]))
        k += 1
    assert len(starts) == len(expected)
    for start, own, (at, samples) in zip(starts, cut, expected, strict=True):
        assert start == pytest.approx(at)
        naive_rms = [sum(v * v for v in column) / len(column) for column in samples.T]
        naive_wl = [sum(abs(b - a) for a, b in itertools.pairwise(column)) for column in samples.T]
        np.testing.assert_allclose(rms(own[None])[0] ** 2, naive_rms)
        np.testing.assert_allclose(waveform_length(own[None])[0], naive_wl)


def test_rows_of_a_cohort_join_with_ratings(tmp_path):
    for gain, stem in enumerate(new_cohort(tmp_path / "c"), 1):
        wave = np.concatenate([sine(gain, 5, 2), sine(3 * gain, 5, 2)])
        write_physio(stem, {"emg_corrugator": wave, "eda": wave, "emg_levator": -2 * wave}, RATE, start=0.5)
        write_events(stem.with_name(f"{stem.name}_events.tsv"), [0.5, 2.5], [1, 4], duration=2.0)
    cohort = read_cohort(tmp_path / "c")
    rows, counts = emg_rows(cohort, 2.0, 1.0)
    assert counts == {"recordings_without_physio": 0, "recordings_shorter_than_a_window": 0}
    assert list(rows.columns[5:]) == [f"emg_{m}_{f}" for f in ("rms", "wl") for m in ("corrugator", "levator")]
    assert rows["t0"].tolist() == [0.5, 1.5, 2.5] * 2 and rows["t1"].tolist() == [2.5, 3.5, 4.5] * 2
    calm = [1 / np.sqrt(2), 2 / np.sqrt(2)]
    np.testing.assert_allclose(rows["emg_corrugator_rms"].iloc[[0, 3]], calm)
    np.testing.assert_allclose(rows["emg_levator_rms"], 2 * rows["emg_corrugator_rms"])
    joined, _ = join(cohort, rows, "vas")
    assert joined.y.tolist() == [1, 2.5, 4] * 2
    alike = Normalise().fit_transform(joined.x, groups=joined.participant)
    np.testing.assert_allclose(alike[:3], alike[3:], atol=0.5)
    assert (np.diff(alike[:3, 0]) > 0).all()
    one, _ = emg_rows(cohort, 2, 2, ("emg_levator",), ("wl",))
    assert list(one.columns[5:]) == ["emg_levator_wl"] and len(one) == 4


def test_phantom_muscles_are_read_back(tmp_path):
    """A muscle that contracts in the second half: its RMS rises by what the phantom adds, and only its own."""
    (stem,) = new_cohort(tmp_path / "c", people=1)
    muscles = np.zeros((40, 16))
    muscles[20:, phantom.INDEX["AU04"]] = 3.0
    person, still = phantom.Reactivity(1.0, 1.0, 0.1, 3.0), phantom.Drift(0.0, 0.0)
    table = phantom.biosignals(np.zeros(40), muscles, 5, person, still, np.random.default_rng(0), 200)
    phantom.write_physio(Path(f"{stem}_physio.tsv.gz"), table, 200)
    rows, _ = emg_rows(read_cohort(tmp_path / "c"), 1.0, 1.0)
    corrugator = rows["emg_corrugator_rms"].to_numpy()
    assert corrugator[:3].mean() == pytest.approx(phantom.TONE, rel=0.2)
    assert corrugator[-3:].mean() == pytest.approx(phantom.TONE + 3 * phantom.STRENGTH, rel=0.2)
    assert rows["emg_zygomaticus_rms"].to_numpy() == pytest.approx(phantom.TONE, rel=0.35)
    assert rows.shape == (8, 5 + 10)


def test_missing_samples_and_short_recordings(tmp_path):
    first, second, third = new_cohort(tmp_path / "c", people=3)
    wave = sine(1, 5, 3)
    wave[450] = np.nan
    write_physio(first, {"emg_a": wave}, RATE)
    write_physio(second, {"emg_a": wave[:100]}, RATE)
    third.with_name("sub-03_video.mp4").touch()
    rows, counts = emg_rows(read_cohort(tmp_path / "c"), 1.0, 1.0)
    assert rows["emg_a_rms"].isna().tolist() == rows["emg_a_wl"].isna().tolist() == [False, False, True]
    assert counts == {"recordings_without_physio": 1, "recordings_shorter_than_a_window": 1}


def test_unusable_signals_are_refused(tmp_path):
    first, second = new_cohort(tmp_path / "c")
    with pytest.raises(UserError, match=r"no \*_physio.tsv.gz"):
        emg_rows(read_cohort(tmp_path / "c"), 1, 1)
    write_physio(first, {"emg_a": sine(1, 5, 2)}, RATE)
    write_physio(second, {"emg_b": sine(1, 5, 2)}, RATE)
    cohort = read_cohort(tmp_path / "c")
    for options, words in (
        ({"length": 1, "step": 1}, "no channel 'emg_a'; did you mean 'emg_b'"),
        ({"length": 1, "step": 1, "features": ("wlx",)}, "did you mean 'wl'"),
        ({"length": 0.001, "step": 1, "channels": ("emg_a",)}, "0 samples at 200 Hz; it needs 2"),
    ):
        with pytest.raises(UserError, match=words):
            emg_rows(cohort, **options)
    write_physio(first, {"ecg": sine(1, 5, 2)}, RATE)
    with pytest.raises(UserError, match="no channel called emg_"):
        emg_rows(cohort, 1, 1)


def test_files_that_do_not_fit_are_refused(tmp_path):
    stem = tmp_path / "x"
    file = Path(f"{stem}_physio.tsv.gz")
    write_physio(stem, {"emg_a": np.arange(4.0), "eda": np.ones(4)}, 2.0, start=-1)
    found = read_physio(file)
    assert (found.channels, found.rate, found.start) == (("emg_a", "eda"), 2.0, -1.0)
    np.testing.assert_array_equal(found.samples, np.stack([np.arange(4.0), np.ones(4)], axis=1))
    good = Path(f"{stem}_physio.json").read_text()
    for text, words in (
        (good.replace('"eda"', '"eda", "c"'), "2 columns, but x_physio.json names 3"),
        (good.replace("2.0", "0"), "SamplingFrequency 0"),
        (good.replace("Columns", "Column"), "not a JSON object with SamplingFrequency"),
        ("[]", "not a JSON object with SamplingFrequency"),
    ):
        Path(f"{stem}_physio.json").write_text(text)
        with pytest.raises(UserError, match=words):
            read_physio(file)
    Path(f"{stem}_physio.json").write_text(good)
    for content in (b"no gzip", gzip.compress(b"1\tx\n"), b""):
        file.write_bytes(content)
        with pytest.raises(UserError, match="not a gzipped table of numbers"):
            read_physio(file)
