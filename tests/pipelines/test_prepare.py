import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.prepare import prepare
from pretrain.clips.dataset import crop_size, read_clips
from pretrain.errors import UserError
from pretrain.footage.manifest import check_manifest, read_manifest
from tests.support.filmed import film_phantoms, plain, write_film

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    root = tmp_path_factory.mktemp("footage")
    one, two = film_phantoms(root / "cohort", seconds=4)
    films = root / "films"
    (films / "ward").mkdir(parents=True)
    write_film(films / "a.mp4", one)
    write_film(films / "ward/b \N{SMILING FACE WITH SUNGLASSES}.mkv", two)
    write_film(films / "both.mp4", np.concatenate([one, two], axis=2))
    write_film(films / "nobody.mp4", plain(10))
    (films / "notes.txt").write_text("x")
    return films


@pytest.fixture(scope="module")
def clips(footage, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "clips"
    assert prepare([footage], out, size=48, workers=2) == 0
    return out


def _digest(clips):
    shards = sorted(clips.glob("*array_record*"))
    assert shards
    return hashlib.sha256(b"".join(p.read_bytes() for p in [*shards, clips / "manifest.csv"])).hexdigest()


def test_manifest_and_records_agree(clips):
    assert check_manifest(clips) == []
    rows = {row.file: row for row in read_manifest(clips)}
    assert {name: row.status for name, row in rows.items()} == {
        "a.mp4": "ok",
        "both.mp4": "ok",
        "nobody.mp4": "no_face",
        "ward/b \N{SMILING FACE WITH SUNGLASSES}.mkv": "ok",
    }
    assert rows["both.mp4"].tracks == 2
    assert {r.source for r in read_clips(clips)} == {name for name, row in rows.items() if row.crops}
    assert crop_size(clips) == 48


def test_a_manifest_off_by_one_is_caught(clips, tmp_path):
    copy = tmp_path / "clips"
    copy.mkdir()
    for file in clips.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    with (copy / "manifest.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    rows[1][6] = str(int(rows[1][6]) + 1)
    with (copy / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    assert [line.split(":")[0] for line in check_manifest(copy)] == [rows[1][0]]


def test_only_the_owner_can_look(clips):
    assert clips.stat().st_mode & 0o777 == 0o700
    assert (clips / "manifest.csv").stat().st_mode & 0o777 == 0o600
    assert json.loads((clips / "config.json").read_text())["size"] == 48
    assert not list(clips.parent.glob(".*"))  # no scratch is left


def test_the_number_of_workers_does_not_matter(footage, clips, tmp_path):
    prepare([footage], tmp_path / "one", size=48, workers=1)
    assert _digest(tmp_path / "one") == _digest(clips)


def test_bad_files_do_not_stop_the_rest_but_show_in_the_exit_code(footage, tmp_path, capsys):
    films = tmp_path / "films"
    films.mkdir()
    good = (footage / "a.mp4").read_bytes()
    (films / "good.mp4").write_bytes(good)
    (films / "empty.mp4").write_bytes(b"")
    (films / "half.mp4").write_bytes(good[: len(good) // 2])
    assert prepare([films], tmp_path / "clips", size=48, workers=2) == 1
    assert check_manifest(tmp_path / "clips") == []
    statuses = {row.file: row.status for row in read_manifest(tmp_path / "clips")}
    assert statuses == {"good.mp4": "ok", "empty.mp4": "corrupt", "half.mp4": "corrupt"}
    assert "3 files: 1 ok, 2 corrupt" in capsys.readouterr().out


def test_footage_without_any_face_is_a_result(footage, tmp_path):
    assert prepare([footage / "nobody.mp4"], tmp_path / "clips", workers=1) == 0
    assert [row.status for row in read_manifest(tmp_path / "clips")] == ["no_face"]


def test_an_out_that_holds_something_is_refused(footage, tmp_path):
    (tmp_path / "precious").write_text("x")
    with pytest.raises(UserError, match="not empty"):
        prepare([footage], tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"faces": "netz"}, "did you mean 'nets'"), ({"size": 10}, "--size 10"), ({"workers": 0}, "--workers 0")],
)
def test_wrong_options_are_refused_before_anything_is_written(footage, tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        prepare([footage], tmp_path / "clips", **options)
    assert not list(tmp_path.iterdir())


def test_missing_footage_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        prepare([tmp_path / "films"], tmp_path / "clips")
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_real_clips(tmp_path):
    """A crowd, a cut to a title without a face, and a title alone."""
    videos = Path(__file__).resolve().parents[2] / "../shared/real/videos"
    if not videos.is_dir():
        pytest.skip("the real clips are not here")
    names = ("facenet_street_crowd.mp4", "pyfeat_face_noface.mov", "pyfeat_no_face.mp4")
    assert prepare([videos / n for n in names], tmp_path / "clips", workers=2) == 0
    assert check_manifest(tmp_path / "clips") == []
    rows = {row.file: row for row in read_manifest(tmp_path / "clips")}
    assert rows["facenet_street_crowd.mp4"].tracks >= 2
    assert (rows["pyfeat_face_noface.mov"].frames_face, rows["pyfeat_face_noface.mov"].tracks) == (72, 1)
    assert rows["pyfeat_no_face.mp4"].status == "no_face"
