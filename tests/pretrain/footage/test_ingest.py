import os

import cv2
import numpy as np
import pytest

from pretrain.clips.dataset import MAX_CROPS, QUALITY
from pretrain.footage.finders import make_finder
from pretrain.footage.ingest import IngestOptions, ingest_file
from pretrain.footage.manifest import parse_reason
from pretrain.footage.sampling import Sampling
from pretrain.footage.spool import SpoolWriter, read_spool
from pretrain.footage.video import VideoReader
from tests.support.filmed import plain, write_film


def _ingest(path, **options):
    records = []
    row = ingest_file(path, path.name, IngestOptions(**{"size": 48, **options}), records.append)
    reasons = parse_reason(row.reason)
    assert row.frames_in == row.frames_face + row.frames_dropped
    assert row.crops == sum(len(r.frames) for r in records)
    assert row.tracks == len({r.track for r in records})
    assert row.frames_face == len({int(i) for r in records for i in r.frame_index})
    return row, records, reasons


def test_every_frame_of_a_good_film_becomes_a_crop(tmp_path, films):
    row, records, _ = _ingest(write_film(tmp_path / "a.mp4", films[0]))
    assert (row.status, row.reason, row.frames_in, row.frames_face, row.tracks) == ("ok", "", 40, 40, 1)
    assert row.seconds == pytest.approx(4.0, abs=0.01)
    assert len(row.sha256) == 64
    (record,) = records
    assert record.time == pytest.approx(np.arange(40) / 10)
    assert record.frame_index.tolist() == list(range(40))
    assert cv2.imdecode(np.frombuffer(record.frames[0], np.uint8), cv2.IMREAD_COLOR).shape == (48, 48, 3)


def test_landmarks_travel_with_the_crops(tmp_path, films):
    """In every crop, also between two looks of the finder, they are where the finder finds them in the crop itself."""
    _, (record,), _ = _ingest(write_film(tmp_path / "a.mp4", films[0]), size=112, margin=1.6)
    find = make_finder("nets")
    off = []
    for jpeg, landmarks, points in zip(record.frames, record.landmarks, record.points, strict=True):
        (face,) = find(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE))
        off += [np.abs(face.landmarks - landmarks).mean(), np.abs(face.points - points).mean()]
    assert np.median(off) < 0.01 * 112 and max(off) < 0.05 * 112


def test_the_face_takes_up_the_asked_share_of_the_crop(tmp_path, films):
    path = write_film(tmp_path / "a.mp4", films[0])
    narrow, wide = (_ingest(path, size=112, margin=m)[1][0].landmarks for m in (1.2, 2.4))
    spread = [np.ptp(points[:, :, 0], axis=1).mean() for points in (narrow, wide)]
    assert spread[0] / spread[1] == pytest.approx(2, rel=0.02)


def test_quality_tells_pose_and_certainty(tmp_path, films):
    _, (record,), _ = _ingest(write_film(tmp_path / "a.mp4", films[0]))
    quality = dict(zip(QUALITY, record.quality.T, strict=True))
    assert np.abs([quality["yaw"], quality["pitch"], quality["roll"]]).max() < 40
    assert quality["confidence"].min() > 0.6 and quality["occlusion"].max() < 0.3
    assert quality["face_size"] == pytest.approx(record.box[:, 2] - record.box[:, 0], rel=1e-3)


def test_few_frames_are_asked_for(tmp_path, films):
    path = write_film(tmp_path / "a.mp4", np.concatenate([films[0], films[0][::-1]]))
    row, (record,), _ = _ingest(path, sampling=Sampling(every=4))
    assert (row.frames_in, row.frames_face) == (20, 20)
    assert record.frame_index.tolist() == list(range(0, 80, 4))


def test_times_of_crops_are_those_of_the_file(tmp_path, films):
    times = np.cumsum([0.03, 0.1, 0.07] * 10) - 0.03
    _, records, _ = _ingest(write_film(tmp_path / "a.mkv", films[0][:30], times=times.tolist()))
    got = np.concatenate([r.time for r in records])
    frames = np.concatenate([r.frame_index for r in records])
    assert got == pytest.approx(times[frames], abs=0.002)


def test_a_long_track_is_cut_into_abutting_segments(tmp_path, films):
    row, records, _ = _ingest(write_film(tmp_path / "a.mp4", np.concatenate([films[0], films[0][::-1], films[0]])))
    assert row.tracks == 1
    assert [r.segment for r in records] == [0, 1]
    assert [len(r.frames) for r in records] == [MAX_CROPS, row.crops - MAX_CROPS]
    index = np.concatenate([r.frame_index for r in records])
    assert (np.diff(index) > 0).all()


def test_frames_after_the_face_has_gone_are_dropped_not_filled(tmp_path, films):
    row, records, reasons = _ingest(write_film(tmp_path / "a.mp4", np.concatenate([films[0][:20], plain(15)])))
    assert row.status == "ok"
    assert max(int(r.frame_index.max()) for r in records) < 20
    assert reasons["no_face"] >= 15


def test_a_film_without_faces(tmp_path):
    row, _, reasons = _ingest(write_film(tmp_path / "a.mp4", plain(12)))
    assert row.status == "no_face"
    assert reasons == {"no_face": 12}


def test_a_shot_that_is_too_short_is_dropped_with_its_reason(tmp_path, films):
    dark = (films[1] * 0.35).astype(np.uint8)
    _, _, reasons = _ingest(write_film(tmp_path / "a.mp4", np.concatenate([films[0][:20], dark[:6]])))
    assert reasons == {"too_short": 6}
    _, records, reasons = _ingest(write_film(tmp_path / "b.mp4", np.concatenate([films[0][:6], dark[:20]])))
    assert reasons["cut"] == 6
    assert {r.track for r in records} == {1}


def test_dark_and_blurred_faces_are_dropped(tmp_path, films):
    dark = (films[0][10:20] * 0.08).astype(np.uint8)
    blurred = np.stack([cv2.GaussianBlur(f, (0, 0), 9) for f in films[0][10:20]])
    for name, middle in (("dark", dark), ("blurred", blurred)):
        frames = np.concatenate([films[0][:10], middle, films[0][20:]])
        row, records, _ = _ingest(write_film(tmp_path / f"{name}.mp4", frames))
        kept = {int(i) for r in records for i in r.frame_index}
        assert not kept & set(range(10, 20)), name
        assert row.status == "ok"


def test_an_error_in_the_middle_costs_no_frame_before_it(tmp_path, films, monkeypatch):
    """As of a disk that fails; what was given out and what was still held back are both counted."""
    whole = VideoReader.__iter__

    def broken(reader):
        for frame in whole(reader):
            if frame.index == 70:
                raise OSError("no such device")
            yield frame

    path = write_film(tmp_path / "a.mp4", np.concatenate([films[0], films[0][::-1]]))
    monkeypatch.setattr(VideoReader, "__iter__", broken)
    row, records, reasons = _ingest(path)
    assert (row.status, row.frames_in, row.tracks, len(records)) == ("partial", 70, 1, 2)
    assert reasons == {"not_readable": 1}


def test_it_gets_on_as_long_as_anything_is_read(tmp_path, films):
    """Along the checksum, then with every decoded frame, however few are asked for: else it would pass for stuck."""
    path, beats = write_film(tmp_path / "a.mp4", films[0]), []
    row = ingest_file(path, "a", IngestOptions(sampling=Sampling(every=40)), lambda record: None, beats.append)
    assert row.frames_in == 1
    assert len(beats) > 40
    assert beats[-40:] == pytest.approx(np.arange(40) / 10)


def test_hostile_files(tmp_path, films):
    film = write_film(tmp_path / "good.mp4", films[0]).read_bytes()
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("no video\n" * 200)
    (tmp_path / "cut.mp4").write_bytes(film[: len(film) // 2])  # its index was at the end
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    expected = {"empty": "corrupt", "text": "corrupt", "cut": "corrupt", "folder": "unreadable", "pipe": "unreadable"}
    assert {name: _ingest(tmp_path / f"{name}.mp4")[0].status for name in expected} == expected


def test_a_film_that_lost_its_end_keeps_its_good_frames(tmp_path, films):
    whole = write_film(tmp_path / "a.ts", films[0], codec="mpeg2video").read_bytes()
    path = tmp_path / "b.ts"
    path.write_bytes(whole[: int(len(whole) * 0.7)])
    row, _, _ = _ingest(path)
    assert row.frames_face > 10


def test_flipped_bytes_never_pass_as_ok(tmp_path, films):
    film = bytearray(write_film(tmp_path / "a.mp4", films[0]).read_bytes())
    rng = np.random.default_rng(0)
    start = film.index(b"mdat") + 200
    for position in rng.integers(start, len(film) - 3000, 300):
        film[position] = int(rng.integers(256))
    (tmp_path / "b.mp4").write_bytes(film)
    row, _, reasons = _ingest(tmp_path / "b.mp4")
    assert row.status in ("partial", "no_face", "corrupt")
    assert reasons.keys() & {"corrupt_frame", "damaged_packet"}


def test_sound_alone_is_no_video(tmp_path):
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert _ingest(tmp_path / "a.mp4")[0].status == "no_video"


def test_same_file_same_bytes(tmp_path, films):
    path = write_film(tmp_path / "a.mp4", films[0])
    first, second = (_ingest(path)[1] for _ in range(2))
    assert [r.frames for r in first] == [r.frames for r in second]
    np.testing.assert_array_equal(first[0].measures, second[0].measures)


def test_spool_returns_what_was_written_and_leaves_nothing_after_an_error(tmp_path, films):
    records = _ingest(write_film(tmp_path / "a.mp4", films[0]))[1]
    with SpoolWriter(tmp_path / "spool") as emit:
        emit(records[0])
    (back,) = read_spool(tmp_path / "spool")
    assert (back.source, back.track, back.segment, back.frames) == ("a.mp4", 0, 0, records[0].frames)
    for name in ("frame_index", "time", "box", "measures", "quality"):
        np.testing.assert_array_equal(getattr(back, name), getattr(records[0], name))
    with pytest.raises(ZeroDivisionError), SpoolWriter(tmp_path / "other") as emit:
        emit(records[0])
        _ = 1 / 0
    assert not list(tmp_path.glob("other*"))
