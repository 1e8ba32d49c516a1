import cv2
import numpy as np
import pytest

from pretrain.footage.video import CorruptVideo, VideoReader
from tests.support.filmed import plain, write_film


def test_times_are_those_of_the_file_when_the_frame_rate_varies(tmp_path):
    times = [0, 0.033, 0.066, 0.3, 0.31, 0.7, 1.5]
    path = write_film(tmp_path / "a.mkv", plain(len(times)), times=times)
    assert [f.time for f in VideoReader(path)] == pytest.approx(times, abs=0.002)


def test_time_starts_with_the_stream(tmp_path):
    path = write_film(tmp_path / "a.mkv", plain(3), times=[5.0, 5.1, 5.2])
    assert [f.time for f in VideoReader(path)] == pytest.approx([0, 0.1, 0.2], abs=0.002)


@pytest.mark.parametrize(
    ("turned", "corner"), [(0, "top left"), (90, "bottom left"), (-90, "top right"), (180, "bottom right")]
)
def test_rotation_is_applied_with_the_right_sign(tmp_path, turned, corner):
    """libav's display rotation of 90 degrees turns the picture anticlockwise."""
    frame = np.zeros((64, 96, 3), np.uint8)
    frame[:24, :24] = 255  # a white patch at the top left as stored
    path = write_film(tmp_path / "a.mp4", [frame] * 3, turned=turned)
    luma = next(iter(VideoReader(path))).luma
    assert luma.shape == ((64, 96) if turned in (0, 180) else (96, 64))
    y, x = np.argwhere(luma > 180).mean(0) / luma.shape
    assert f"{'top' if y < 0.5 else 'bottom'} {'left' if x < 0.5 else 'right'}" == corner


def test_luma_is_that_of_an_independent_decoder(tmp_path, films):
    path = write_film(tmp_path / "a.mp4", films[0][:5])
    ours = [f.luma for f in VideoReader(path)]
    capture = cv2.VideoCapture(str(path))
    theirs = [cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2YUV)[..., 0] for _ in range(5)]
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs((a.astype(float) - 16) * 255 / 219 - b).mean() < 2  # theirs is stretched to 0-255


def test_images_of_a_folder_are_frames(tmp_path, films):
    for i in range(6):
        cv2.imwrite(str(tmp_path / f"f{i:02d}.png"), films[0][i][..., ::-1])
    frames = list(VideoReader(tmp_path))
    assert [f.index for f in frames] == list(range(6))
    assert [f.time for f in frames] == pytest.approx(np.arange(6) / 25)
    assert frames[0].luma.shape == (160, 160)


def test_odd_sizes_have_whole_planes(tmp_path):
    for i in range(5):
        cv2.imwrite(str(tmp_path / f"f{i}.png"), np.full((63, 65, 3), 128, np.uint8))
    frame = next(iter(VideoReader(tmp_path)))
    assert frame.luma.shape == (63, 65)
    assert frame.blue.shape == frame.red.shape == (32, 33)


def test_text_is_not_a_video(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_text("not a video\n" * 100)
    with pytest.raises(CorruptVideo):
        list(VideoReader(path))


def test_a_list_of_addresses_is_not_followed(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises((CorruptVideo, OSError)):
        list(VideoReader(path))


def test_missing_end_is_counted(tmp_path, films):
    whole = write_film(tmp_path / "a.mkv", films[0])
    path = tmp_path / "short.mkv"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert 0 < len(list(VideoReader(path))) < len(films[0])
