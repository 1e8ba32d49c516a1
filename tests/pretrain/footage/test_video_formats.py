"""Little films in everything that can be encoded here, read back and compared with what was written."""

import cv2
import numpy as np
import pytest
from av.codec import Codec
from av.codec.codec import UnknownCodecError

from pretrain.footage.video import VideoReader
from tests.support.filmed import write_film

FPS = 25
CODECS = [
    ("libx264", "mp4", "yuv420p", {}),
    ("libx264", "mov", "yuv420p", {"bf": "3"}),
    ("libx264", "mkv", "yuv420p10le", {}),
    ("libx264", "mp4", "yuv422p", {}),
    ("libx264", "mp4", "yuv444p", {}),
    ("libx264", "ts", "yuv420p", {}),
    ("libx264", "flv", "yuv420p", {}),
    ("libx264", "avi", "yuv420p", {"bf": "0"}),
    ("libx264", "mkv", "gray", {}),
    ("libx264", "mkv", "gray10le", {}),
    ("libx265", "mp4", "yuv420p", {"x265-params": "log-level=none"}),
    ("libx265", "mkv", "yuv420p10le", {"x265-params": "log-level=none"}),
    ("libx265", "mp4", "gray", {"x265-params": "log-level=none"}),
    ("libvpx-vp9", "webm", "yuv420p", {"crf": "10", "b": "0"}),
    ("libvpx-vp9", "mkv", "yuv420p10le", {"crf": "10", "b": "0", "profile": "2"}),
    ("libvpx", "webm", "yuv420p", {"b": "2M"}),
    ("libsvtav1", "webm", "yuv420p", {"crf": "10", "preset": "10", "svtav1-params": "lp=1"}),
    ("libsvtav1", "mp4", "yuv420p10le", {"crf": "10", "preset": "10", "svtav1-params": "lp=1"}),
    ("mpeg1video", "mpg", "yuv420p", {"b": "4M"}),
    ("mpeg2video", "mpg", "yuv420p", {"b": "4M"}),
    ("mpeg2video", "ts", "yuv420p", {"b": "4M", "bf": "2"}),
    ("mpeg4", "avi", "yuv420p", {"b": "4M"}),
    ("mpeg4", "mp4", "yuv420p", {"b": "4M", "bf": "2"}),
    ("mjpeg", "avi", "yuvj420p", {"q": "2"}),
    ("mjpeg", "mov", "yuvj422p", {"q": "2"}),
    ("prores_ks", "mov", "yuv422p10le", {}),
    ("ffv1", "mkv", "bgr0", {}),
    ("ffv1", "avi", "gray", {}),
    ("png", "mov", "rgb24", {}),
    ("wmv2", "asf", "yuv420p", {"b": "4M"}),
]


def _moving(count=12, height=96, width=128):
    """A soft gradient with a bright patch that travels to the right along the top."""
    ramp = np.linspace(60, 180, width)[None, :, None] * np.array([1.0, 0.8, 0.6])
    film = np.repeat(np.broadcast_to(ramp, (height, width, 3))[None], count, 0).astype(np.uint8)
    for i in range(count):
        film[i, 8:40, 4 + 6 * i : 36 + 6 * i] = (230, 210, 200)
    return film


def _expected(rgb):
    """Limited-range BT.601 planes by OpenCV, which shares no code with libswscale."""
    y, red, blue = (p.astype(float) for p in cv2.split(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)))
    half = tuple((n + 1) // 2 for n in y.shape[::-1])
    chroma = [128 + (cv2.resize(p, half, interpolation=cv2.INTER_AREA) - 128) * 224 / 255 for p in (blue, red)]
    return 16 + y * 219 / 255, *chroma


def _limited(frame):
    if not frame.full_range:
        return [p.astype(float) for p in (frame.luma, frame.blue, frame.red)]
    return [16 + frame.luma * (219 / 255), *(128 + (p - 128.0) * 224 / 255 for p in (frame.blue, frame.red))]


def _needs(codec, format):
    try:
        formats = [f.name for f in Codec(codec, "w").video_formats or ()]
    except UnknownCodecError:
        pytest.skip(f"this build of PyAV has no encoder {codec}")
    if formats and format not in formats:
        pytest.skip(f"the encoder {codec} of this build of PyAV does not do {format}")


@pytest.mark.parametrize(("codec", "container", "format", "options"), CODECS, ids=lambda v: v if type(v) is str else "")
def test_what_was_written_is_read(tmp_path, codec, container, format, options):
    _needs(codec, format)
    film = _moving()
    path = write_film(tmp_path / f"a.{container}", film, codec=codec, format=format, options=options, fps=FPS)
    reader = VideoReader(path)
    frames = list(reader)
    assert [f.index for f in frames] == list(range(len(film)))
    assert [f.time for f in frames] == pytest.approx(np.arange(len(film)) / FPS, abs=0.0011)
    assert not any(f.corrupt for f in frames)
    assert (reader.damaged_packets, reader.missing_frames) == (0, 0)
    for frame, rgb in zip(frames, film, strict=True):
        assert frame.luma.dtype == np.uint8
        luma, blue, red = _expected(rgb)
        if "gray" in format:
            blue = red = np.full_like(blue, 128)
        for name, got, want in zip(("luma", "blue", "red"), _limited(frame), (luma, blue, red), strict=True):
            assert got.shape == want.shape
            assert np.abs(got - want).mean() < 4, (name, frame.index, got.mean(), want.mean())
