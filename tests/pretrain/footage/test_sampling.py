import cv2
import numpy as np
import pytest

from pretrain.footage.sampling import SLACK, Sampling
from pretrain.footage.video import VideoReader
from tests.support.filmed import write_film


def _film(path, count=40, times=None, **how):
    pictures = np.zeros((count, 48, 64, 3), np.uint8)
    pictures[:] = 40 + 4 * np.arange(count)[:, None, None, None]
    return write_film(path, pictures, times=times, **how)


def _number(frame):
    """Which picture this is: its brightness tells."""
    return round(((float(frame.luma.mean()) - 16) * 255 / 219 - 40) / 4)


@pytest.mark.parametrize("every", [1, 2, 7, 100])
def test_every_nth_frame(tmp_path, every):
    path = _film(tmp_path / "a.mp4")
    frames = list(VideoReader(path, Sampling(every=every)))
    assert [f.index for f in frames] == list(range(0, 40, every))
    assert [_number(f) for f in frames] == [f.index for f in frames]
    assert [f.time for f in frames] == pytest.approx([f.index / 10 for f in frames])


def _first_after_ticks(times, fps):
    """Naive: for each tick look through all frames."""
    chosen = set()
    for tick in range(int(times[-1] * fps) + 2):
        after = [i for i, t in enumerate(times) if t >= tick / fps - SLACK]
        chosen |= set(after[:1])
    return sorted(chosen)


@pytest.mark.parametrize("fps", [0.5, 3, 7.7, 30, 200])
def test_first_frame_at_or_after_each_tick(tmp_path, fps):
    rng = np.random.default_rng(0)
    times = np.round(np.cumsum(rng.choice([0.02, 0.033, 0.1, 0.9], 40)) - 0.0, 3)
    times -= times[0]
    path = _film(tmp_path / "a.mkv", times=times.tolist())
    frames = list(VideoReader(path, Sampling(fps=fps)))
    assert [f.index for f in frames] == _first_after_ticks(times, fps)
    assert [_number(f) for f in frames] == [f.index for f in frames]


def test_a_film_sampled_at_its_own_rate_is_whole_although_its_times_are_rounded(tmp_path):
    path = _film(tmp_path / "a.mkv", times=[round(i / 30, 3) for i in range(40)])
    assert len(list(VideoReader(path, Sampling(fps=30)))) == 40


@pytest.mark.parametrize(
    ("codec", "ending", "options"),
    [
        ("libx264", "mp4", {"g": "12", "bf": "2", "sc_threshold": "0"}),
        ("mpeg4", "avi", {"g": "12", "b": "2M", "sc_threshold": "1000000000"}),
        ("mpeg2video", "mpg", {"g": "12", "b": "2M", "sc_threshold": "1000000000"}),
        ("libvpx-vp9", "webm", {"g": "12", "crf": "10", "b": "0"}),
        ("libsvtav1", "mkv", {"g": "12", "preset": "10", "svtav1-params": "lp=1"}),
    ],
)
def test_key_frames_only(tmp_path, codec, ending, options):
    path = _film(tmp_path / f"a.{ending}", codec=codec, options=options, fps=25)
    whole = list(VideoReader(path))
    reader = VideoReader(path, Sampling(keyframes=True))
    frames = list(reader)
    assert [f.index for f in frames] == list(range(len(frames)))
    assert 3 <= len(frames) <= 5
    for frame in frames:  # each is one of the whole film, as it is there
        (same,) = [f for f in whole if f.time == pytest.approx(frame.time, abs=1e-6)]
        np.testing.assert_array_equal(frame.luma, same.luma)
    assert (reader.missing_frames, reader.damaged_packets) == (0, 0)


def test_sampled_films_do_not_report_what_was_not_asked_for_as_missing(tmp_path):
    for ending in ("mp4", "mkv", "avi"):
        reader = VideoReader(_film(tmp_path / f"a.{ending}", codec="mpeg4"), Sampling(every=9))
        assert len(list(reader)) == 5
        assert (reader.missing_frames, reader.damaged_packets) == (0, 0)


def test_images_of_a_folder_are_sampled_like_a_film(tmp_path):
    for i in range(12):
        cv2.imwrite(str(tmp_path / f"f{i:02d}.png"), np.full((48, 64, 3), 40 + 4 * i, np.uint8))
    for sampling, expected in (
        (Sampling(every=5), [0, 5, 10]),
        (Sampling(fps=10), [0, 3, 5, 8, 10]),
        (Sampling(keyframes=True), list(range(12))),
    ):
        frames = list(VideoReader(tmp_path, sampling))
        assert [f.index for f in frames] == [_number(f) for f in frames] == expected


@pytest.mark.parametrize(
    "wrong",
    [{"every": 0}, {"fps": 0.0}, {"fps": float("nan")}, {"every": 2, "fps": 5.0}, {"fps": 5.0, "keyframes": True}],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(ValueError):
        Sampling(**wrong)


def test_a_choice_of_two_names_both():
    with pytest.raises(ValueError, match="every and keyframes exclude each other"):
        Sampling(every=2, keyframes=True)
