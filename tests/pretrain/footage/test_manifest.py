from dataclasses import replace

import numpy as np
import pytest

from pretrain.clips.dataset import MEASURES, QUALITY, ClipRecord, write_clips
from pretrain.errors import UserError
from pretrain.footage.manifest import (
    ManifestRow,
    check_manifest,
    format_reason,
    parse_reason,
    read_manifest,
    write_manifest,
)

GOOD = ManifestRow("b/a,\n\U0001f642.mp4", "ok", "no_face:2 blurred:1", 15, 12, 3, 20, 2, 1.5, "ab" * 32)
NONE = ManifestRow("none.mp4", "no_face", "no_face:7", 7, 0, 7, 0, 0, 0.7, "cd" * 32)


def _record(track, frames):
    n = len(frames)
    return ClipRecord(
        GOOD.file,
        track,
        0,
        [b"jpeg"] * n,
        np.array(frames, np.int64),
        np.array(frames) / 10,
        np.zeros((n, 4), np.float32),
        np.zeros((n, 68, 2), np.float32),
        np.zeros((n, 5, 2), np.float32),
        np.zeros((n, len(MEASURES)), np.float32),
        np.zeros((n, len(QUALITY)), np.float32),
    )


@pytest.fixture
def clips(tmp_path):
    write_clips([_record(0, list(range(12))), _record(1, list(range(4, 12)))], tmp_path, 48)
    write_manifest([GOOD, NONE], tmp_path / "manifest.csv")
    return tmp_path


def test_rows_come_back_as_written_and_only_the_owner_can_read_them(clips):
    assert read_manifest(clips) == [GOOD, NONE]
    assert (clips / "manifest.csv").stat().st_mode & 0o777 == 0o600
    header = (clips / "manifest.csv").read_text().splitlines()[0]
    assert header == "file,status,reason,frames_in,frames_face,frames_dropped,crops,tracks,seconds,sha256"


def test_a_true_manifest_passes(clips):
    assert check_manifest(clips) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"crops": 21}, "crops is 21, the records say 20"),
        ({"tracks": 1}, "tracks is 1"),
        ({"frames_in": 16}, "16 frames in, 12 + 3"),
        ({"frames_face": 11}, "frames_face is 11"),
        ({"frames_dropped": 4, "frames_in": 16}, "reasons for 3"),
        ({"reason": "no_face:3 sleepy:0"}, "unknown reasons"),
        ({"status": "fine"}, "unknown status"),
        ({"status": "no_face"}, "status no_face with 20 crops"),
        ({"file": "other.mp4"}, "records, but no row"),
    ],
)
def test_a_manifest_off_by_one_is_caught(clips, change, complaint):
    write_manifest([replace(GOOD, **change), NONE], clips / "manifest.csv")
    assert any(complaint in line for line in check_manifest(clips))


def test_a_file_listed_twice_is_caught(clips):
    write_manifest([GOOD, NONE, NONE], clips / "manifest.csv")
    assert check_manifest(clips) == ["none.mp4: 2 rows"]


def test_reasons_round_trip_in_the_order_of_the_vocabulary():
    assert format_reason({"blurred": 3, "no_face": 12, "dark": 0}) == "no_face:12 blurred:3"
    assert parse_reason("no_face:12 blurred:3") == {"no_face": 12, "blurred": 3}
    assert parse_reason("") == {}


def test_a_folder_without_manifest_is_refused(tmp_path):
    with pytest.raises(UserError, match="wince prepare"):
        read_manifest(tmp_path)
