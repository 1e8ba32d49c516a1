from pathlib import Path

import numpy as np
import pytest

from pretrain.footage.video import VideoReader
from tests.support.filmed import plain, write_film

FAST_START = {"movflags": "faststart"}
"""Puts the index before the pictures."""


@pytest.fixture
def real_videos():
    folder = Path(__file__).resolve().parents[3] / "../shared/real/videos"
    if not folder.is_dir():
        pytest.skip("the real clips are not here")
    return sorted(folder.iterdir())[::5]


@pytest.mark.parametrize(
    ("ending", "codec"),
    [("mkv", "libx264"), ("webm", "libvpx"), ("avi", "mjpeg"), ("avi", "mpeg4"), ("mp4", "libx264")],
)
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_missing_end_is_reported_and_what_is_there_is_read(tmp_path, films, ending, codec, share):
    format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    whole = write_film(
        tmp_path / f"a.{ending}",
        films[0],
        codec=codec,
        format=format,
        container_options=FAST_START if ending == "mp4" else {},
    )
    path = tmp_path / f"short.{ending}"
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
    reader = VideoReader(path)
    assert 0 < len(list(reader)) < len(films[0])
    assert reader.damaged_packets + reader.missing_frames > 0


def test_a_film_that_was_closed_too_early_is_found_out(tmp_path, films):
    """Cut between two clusters, as after a crash of the recorder: nothing is broken, but the header promised more."""
    whole = write_film(
        tmp_path / "a.mkv", films[0], options={"g": "10"}, container_options={"cluster_time_limit": "900"}
    )
    data = whole.read_bytes()
    starts = [i for i in range(len(data)) if data.startswith(b"\x1f\x43\xb6\x75", i)]
    assert len(starts) > 2
    path = tmp_path / "b.mkv"
    path.write_bytes(data[: starts[-2]])
    reader = VideoReader(path)
    frames = list(reader)
    assert 0 < len(frames) < len(films[0])
    assert reader.missing_frames + reader.damaged_packets > 0


@pytest.mark.parametrize(
    ("ending", "codec", "format"),
    [("mp4", "libx264", "yuv420p"), ("avi", "mjpeg", "yuvj420p"), ("ts", "mpeg2video", "yuv420p")],
)
def test_scrambled_bytes_are_noticed(tmp_path, films, ending, codec, format):
    data = np.frombuffer(
        write_film(tmp_path / f"a.{ending}", films[0], codec=codec, format=format).read_bytes(), np.uint8
    )
    data = data.copy()
    rng = np.random.default_rng(0)
    where = rng.integers(len(data) // 10, len(data) * 9 // 10, 200)
    data[where] = rng.integers(0, 256, 200, dtype=np.uint8)
    path = tmp_path / f"b.{ending}"
    path.write_bytes(data.tobytes())
    reader = VideoReader(path)
    corrupt = sum(f.corrupt for f in reader)
    assert corrupt + reader.damaged_packets + reader.missing_frames > 5


def test_frames_that_a_decoder_swallows_are_missing(tmp_path):
    """libav's MPEG-2 decoder drops the picture that waits to be shown when the size changes."""
    films = [
        write_film(tmp_path / f"{n}.mpg", plain(8, side, side), codec="mpeg2video", fps=25, options={"bf": "0"})
        for n, side in enumerate((64, 96, 128))
    ]
    path = tmp_path / "joined.mpg"
    path.write_bytes(b"".join(f.read_bytes() for f in films))
    reader = VideoReader(path)
    assert len(list(reader)) + reader.missing_frames == 24


@pytest.mark.parametrize("ending", ["mkv", "webm", "mp4", "avi"])
def test_the_last_of_few_frames_lasts_long(tmp_path, ending):
    """At one frame a second a film ends a second after its last frame begins."""
    codec = "libvpx-vp9" if ending == "webm" else "libx264"
    reader = VideoReader(write_film(tmp_path / f"a.{ending}", plain(6), codec=codec, fps=1))
    assert len(list(reader)) == 6
    assert (reader.damaged_packets, reader.missing_frames) == (0, 0)


def test_sound_films_have_nothing_to_report(real_videos):
    for path in real_videos:
        reader = VideoReader(path)
        assert not any(f.corrupt for f in reader), path
        assert (reader.damaged_packets, reader.missing_frames) == (0, 0), path
