from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition

from pretrain.footage import video
from pretrain.footage.video import CorruptVideo, NoVideo, VideoReader
from tests.support.filmed import FPS, plain, write_film


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


@pytest.mark.parametrize("turned", [90, -90, 180])
@pytest.mark.parametrize("format", ["yuv420p", "yuv444p", "gray"])
def test_all_planes_are_turned(tmp_path, turned, format):
    rng = np.random.default_rng(0)
    picture = cv2.resize(rng.integers(0, 256, (6, 10, 3), np.uint8), (160, 96), interpolation=cv2.INTER_CUBIC)
    straight, other = (
        next(iter(VideoReader(write_film(tmp_path / f"{t}.mp4", [picture] * 2, format=format, turned=t))))
        for t in (None, turned)
    )
    for name in ("luma", "blue", "red"):
        np.testing.assert_array_equal(getattr(other, name), np.rot90(getattr(straight, name), turned // 90))


def test_progressive_frames_are_left_alone_where_they_lie(tmp_path, films):
    path = write_film(tmp_path / "a.mp4", films[0][:3])
    for frame in VideoReader(path):
        assert not frame.luma.flags.owndata
        assert frame.luma.base is not None


@pytest.mark.parametrize(("codec", "ending", "format"), [("libvpx", "webm", "yuv420p"), ("mjpeg", "avi", "yuvj420p")])
def test_size_may_change_in_the_middle(tmp_path, codec, ending, format):
    sides = [(64, 64), (64, 64), (66, 80), (48, 98), (63, 65)]
    films = []
    for i, side in enumerate(sides):
        picture = np.full((*side, 3), 40 * (i + 1), np.uint8)
        films.append(write_film(tmp_path / f"{i}.{ending}", [picture], codec=codec, format=format))
    path = tmp_path / f"joined.{ending}"
    with av.open(str(path), "w") as joined:
        stream = joined.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 64, 64, format
        for i, film in enumerate(films):
            with av.open(str(film)) as container:
                for packet in container.demux(video=0):
                    if packet.size:
                        packet.stream, packet.time_base = stream, Fraction(1, FPS)
                        packet.pts = packet.dts = i
                        joined.mux(packet)
    frames = list(VideoReader(path))
    assert [f.luma.shape for f in frames] == sides
    assert [f.blue.shape for f in frames] == [((h + 1) // 2, (w + 1) // 2) for h, w in sides]
    assert [f.time for f in frames] == pytest.approx(np.arange(5) / FPS, abs=0.0011)
    assert (np.diff([float(f.luma.mean()) for f in frames]) > 20).all()


def test_format_may_change_in_the_middle(tmp_path):
    for i, picture in enumerate([np.full((48, 64, 3), 90, np.uint8), np.full((48, 64), 90, np.uint8)] * 3):
        cv2.imwrite(str(tmp_path / f"f{i}.png"), picture)
    frames = list(VideoReader(tmp_path))
    assert [f.full_range for f in frames] == [False, True] * 3
    assert [int(f.luma[0, 0]) for f in frames] == [round(16 + 90 * 219 / 255), 90] * 3


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


def test_odd_sizes_of_films_have_whole_planes(tmp_path):
    path = write_film(tmp_path / "a.avi", plain(3, 63, 65), codec="mjpeg", format="yuvj420p", options={"q": "2"})
    for frame in VideoReader(path):
        assert frame.luma.shape == (63, 65)
        assert frame.blue.shape == frame.red.shape == (32, 33)


def test_a_broken_image_is_counted_and_the_rest_is_read(tmp_path):
    for i in range(6):
        cv2.imwrite(str(tmp_path / f"f{i}.png"), np.full((48, 64, 3), 20 * i, np.uint8))
    (tmp_path / "f2.png").write_bytes(b"no image")
    reader = VideoReader(tmp_path)
    frames = list(reader)
    assert reader.damaged_packets == 1
    assert [f.index for f in frames] == list(range(5))
    assert [f.time for f in frames] == pytest.approx(np.array([0, 1, 3, 4, 5]) / 25)


def test_pictures_beyond_the_limit_are_refused(tmp_path, monkeypatch):
    path = write_film(tmp_path / "a.mp4", plain(3, 64, 96))
    for i in range(5):
        cv2.imwrite(str(tmp_path / f"f{i}.png"), np.zeros((64, 96, 3), np.uint8))
    images = tmp_path / "images"
    images.mkdir()
    for i in range(5):
        (tmp_path / f"f{i}.png").rename(images / f"f{i}.png")
    monkeypatch.setattr(video, "_OPTIONS", {"max_pixels": str(64 * 96 - 1)})
    for footage in (path, images):
        reader = VideoReader(footage)
        assert list(reader) == []
        assert reader.damaged_packets


def test_sound_with_a_cover_picture_is_no_video(tmp_path):
    cv2.imwrite(str(tmp_path / "cover.png"), np.zeros((32, 32, 3), np.uint8))
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        sound = container.add_stream("aac", rate=8000)
        cover = container.add_stream("png", rate=1)
        cover.width = cover.height = 32
        cover.pix_fmt = "rgb24"
        cover.disposition = Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
        container.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        container.mux(cover.encode())
    with pytest.raises(NoVideo):
        list(VideoReader(tmp_path / "a.mp4"))


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


def test_a_damaged_image_of_a_sequence_is_marked_or_counted(tmp_path):
    picture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (120, 160, 3)).astype(np.uint8), (0, 0), 2)
    for ending in ("jpg", "png"):
        folder = tmp_path / ending
        folder.mkdir()
        for i in range(6):
            cv2.imwrite(str(folder / f"{i:03d}.{ending}"), picture)
        file = folder / f"003.{ending}"
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        reader = VideoReader(folder)
        assert sum(frame.corrupt for frame in reader) + reader.damaged_packets == 1
