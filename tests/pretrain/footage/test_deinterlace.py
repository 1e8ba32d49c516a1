import av
import numpy as np
import pytest

from pretrain.footage.video import VideoReader
from tests.support.filmed import write_film


def _weave(count=16, height=96, width=160):
    """A bar that runs to the right: as it is at every field's moment, and the fields woven into frames."""
    truth = np.full((2 * count, height, width, 3), 60, np.uint8)
    for i in range(2 * count):
        truth[i, 20:76, 8 + 3 * i : 40 + 3 * i] = 200
    woven = truth[::2].copy()
    woven[:, 1::2] = truth[1::2, 1::2]
    return truth[::2], woven


@pytest.mark.parametrize(
    ("codec", "ending", "options"),
    [
        ("libx264", "mp4", {"x264-params": "tff=1"}),
        ("mpeg2video", "mpg", {"b": "6M", "flags": "+ildct+ilme"}),
        ("mpeg2video", "mkv", {"b": "6M", "flags": "+ildct+ilme", "pix_fmt": "yuv422p"}),
    ],
)
def test_interlaced_frames_become_whole_ones_of_the_same_number_and_time(tmp_path, codec, ending, options):
    truth, woven = _weave()
    how = options | {}
    format = how.pop("pix_fmt", "yuv420p")
    path = write_film(tmp_path / f"a.{ending}", woven, codec=codec, format=format, options=how, fps=25, woven=True)
    frames = list(VideoReader(path))
    assert [f.index for f in frames] == list(range(len(woven)))
    assert [f.time for f in frames] == pytest.approx(np.arange(len(woven)) / 25, abs=0.0011)
    errors = []
    for frame, at_its_moment, as_stored in list(zip(frames, truth, woven, strict=True))[2:-2]:
        luma = (frame.luma - 16.0) * 255 / 219
        errors.append([np.abs(luma - t[..., 0]).mean() for t in (at_its_moment, as_stored)])
    own, stored = np.mean(errors, 0)
    assert own < stored
    with av.open(str(path)) as container:
        combed = next(f for i, f in enumerate(container.decode(video=0)) if i == 8).to_ndarray(format="gray")
    assert _combing(frames[8].luma) < 0.3 * _combing(combed)


def _combing(luma):
    """How much neighbouring lines differ, compared with lines two apart."""
    luma = luma.astype(float)
    return max(0.0, np.abs(luma[2:] - luma[1:-1]).mean() - np.abs(luma[2:] - luma[:-2]).mean())
