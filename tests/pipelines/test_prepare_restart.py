"""Work that stops goes on: nothing is done twice, nothing half done stays, the bytes are the same."""

import errno
import fcntl
import json
import os
from pathlib import Path

import pytest

from pipelines.prepare import command, merge, prepare
from pipelines.prepare.partial import BEGUN, FILES, pair, partial_folder, write_whole
from pretrain.clips.dataset import read_clips
from pretrain.errors import RunFailure, UserError
from pretrain.footage.manifest import read_manifest
from scripts.soak.kills import digest
from tests.support.quick_prepare import Hands, write_footage

NAMES = ["a.mp4", "sub-01/b.mp4", "sub-01/c.mp4", "sub-02/d.mp4", "e.mp4"]


@pytest.fixture
def hands(monkeypatch):
    hands = Hands()
    monkeypatch.setattr(command, "run_pool", hands)
    return hands


@pytest.fixture
def footage(tmp_path):
    return write_footage(tmp_path / "footage", NAMES)


@pytest.fixture
def whole(hands, footage, tmp_path):
    """The clips as one run makes them."""
    assert prepare([footage], tmp_path / "whole") == 0
    hands.did.clear()
    return digest(tmp_path / "whole")


def stop_after(hands, files, footage, out, **options):
    hands.until = files
    with pytest.raises(KeyboardInterrupt):
        prepare([footage], out, **options)
    hands.until = None
    return partial_folder(out)


def test_the_same_command_goes_on_and_ends_with_the_same_bytes(hands, footage, whole, tmp_path, capsys):
    out = tmp_path / "clips"
    folder = stop_after(hands, 2, footage, out)
    assert not out.exists()
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / FILES / "x.records.abc.tmp").write_text("half")
    (folder / FILES / "y.records").write_text("records without a row")
    assert prepare([footage], out) == 0
    assert sorted(hands.did) == sorted(NAMES)  # each once
    assert "2 of 5 files are done already" in capsys.readouterr().out
    assert digest(out) == whole
    assert not folder.exists()


def test_shards_of_any_order_merge_to_the_same_bytes(hands, footage, whole, tmp_path, capsys):
    out = tmp_path / "clips"
    for i in (3, 1):
        assert prepare([footage], out, shard=f"{i}/3") == 0
    with pytest.raises(RunFailure, match="2 of 5 files are not done"):
        prepare([footage], out, merge=True)
    assert capsys.readouterr().err.count("not done: ") == 2
    assert not out.exists()
    prepare([footage], out, shard="2/3")
    assert prepare([footage], out, merge=True) == 0
    assert sorted(hands.did) == sorted(NAMES)
    assert digest(out) == whole


def test_new_files_are_done_and_changed_ones_again(hands, footage, tmp_path):
    out = tmp_path / "clips"
    stop_after(hands, 3, footage, out)
    changed = footage / hands.did[0]
    changed.write_text("another film")
    write_footage(footage, ["new.mp4"])
    prepare([footage], out)
    assert hands.did.count(hands.did[0]) == 2
    prepare([footage], tmp_path / "at once")
    assert digest(out) == digest(tmp_path / "at once")
    assert "new.mp4" in {row.file for row in read_manifest(out)}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda footage: {"size": 64}, "size is 112 there and 64 here"),
        (lambda footage: {"every": 5}, "sampling.every is 1 there and 5 here"),
        (lambda footage: {"private": footage.parent / "key"}, "private is None there"),
        (lambda footage: (footage / "a.mp4").unlink() or {}, "'a.mp4'; give the same footage, or delete"),
    ],
)
def test_other_options_or_footage_are_refused(hands, footage, tmp_path, change, says):
    folder = stop_after(hands, 4, footage, tmp_path / "clips")
    before = digest(folder / FILES)
    with pytest.raises(UserError, match=says):
        prepare([footage], tmp_path / "clips", **change(footage))
    assert digest(folder / FILES) == before
    assert len(hands.did) == 4


def test_damaged_records_are_noticed_and_made_again(hands, footage, whole, tmp_path):
    out = tmp_path / "clips"
    folder = stop_after(hands, 4, footage, out)
    cut, flipped = (pair(folder, name)[0] for name in hands.did[:2])
    cut.write_bytes(cut.read_bytes()[:-1])
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    with pytest.raises(RunFailure, match="damaged: the same command makes them again"):
        prepare([footage], out)
    assert prepare([footage], out) == 0
    assert digest(out) == whole


def test_two_at_the_same_work_are_refused_but_shards_share(hands, footage, tmp_path):
    out = tmp_path / "clips"
    folder = stop_after(hands, 1, footage, out, shard="1/2")
    with (folder / "lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_SH)  # a shard at work elsewhere
        prepare([footage], out, shard="1/2")
        for options in ({}, {"merge": True}):
            with pytest.raises(UserError, match="another `wince prepare` is at work"):
                prepare([footage], out, **options)
    with (folder / "lock.1-of-2").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another `wince prepare` is at work"):
            prepare([footage], out, shard="1/2")


def test_finished_clips_are_left_alone(hands, footage, tmp_path):
    out = tmp_path / "clips"
    prepare([footage], out)
    before = digest(out)
    for options in ({}, {"size": 64}, {"shard": "1/2"}, {"merge": True}):
        with pytest.raises(UserError, match="is finished already; choose another --out"):
            prepare([footage], out, **options)
    assert digest(out) == before
    assert not partial_folder(out).exists()


def test_a_kill_after_everything_leaves_only_tidying(hands, footage, tmp_path, monkeypatch):
    out = tmp_path / "clips"
    with monkeypatch.context() as broken, pytest.raises(AttributeError):
        broken.setattr(command, "shutil", None)  # fails where it would remove the folder of work in progress
        prepare([footage], out)
    assert partial_folder(out).exists()
    before = digest(out)
    assert prepare([footage], out) == 0
    assert not partial_folder(out).exists()
    assert digest(out) == before


def test_a_full_disk_is_one_line_and_costs_nothing(hands, footage, whole, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    out = tmp_path / "clips"
    with monkeypatch.context() as broken:
        broken.setattr(merge, "write_clips", full)
        with pytest.raises(RunFailure, match=r"No space left on device.*what is finished is kept in"):
            prepare([footage], out)
    assert not out.exists()
    assert prepare([footage], out) == 0
    assert len(hands.did) == len(NAMES)
    assert digest(out) == whole


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"shard": "0/3"}, "1 <= i <= n"),
        ({"shard": "4/3"}, "1 <= i <= n"),
        ({"shard": "x"}, "1 <= i <= n"),
        ({"shard": "1/2", "merge": True}, "give one of them"),
        ({"merge": True}, "nothing to merge"),
        ({"merge": True, "beam": ["runner=DirectRunner"]}, "exclude each other"),
        ({"sise": 64}, "did you mean 'size'"),
        ({"every": 0}, "--every 0"),
        ({"every": 2, "fps": 5.0}, "exclude each other"),
    ],
)
def test_contradictions_are_refused_before_anything_is_written(hands, footage, tmp_path, options, says):
    with pytest.raises(UserError, match=says):
        prepare([footage], tmp_path / "clips", **options)
    assert [p.name for p in tmp_path.iterdir()] == ["footage"]


@pytest.mark.parametrize("out", [".", ".."])
def test_clips_need_a_folder_of_their_own(hands, footage, out):
    with pytest.raises(UserError, match="name a folder that is not there yet"):
        prepare([footage], Path(out))


def test_two_machines_may_begin_at_once_with_the_same_process_number(tmp_path, monkeypatch):
    file, rename = tmp_path / BEGUN, Path.rename

    def meanwhile(path, target):
        monkeypatch.setattr(Path, "rename", rename)
        write_whole(file, b"same")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", meanwhile)
    write_whole(file, b"same")
    assert [p.name for p in tmp_path.iterdir()] == [BEGUN]
    assert file.read_bytes() == b"same"


def contents(folder):
    """Names and bytes of all files, and the records of a dataset in the clear."""
    found = [part for p in folder.rglob("*") if p.is_file() for part in (p.name.encode(), p.read_bytes())]
    if (folder / "features.json").is_file():
        found += [repr(vars(record)).encode() for record in read_clips(folder)]
    return found


def test_private_work_holds_no_name_anywhere(hands, tmp_path, capfd):
    names = ["sub-Meier/ses-Heim/sub-Meier_ses-Heim_video.mp4", "Meier.mp4", "Huber/Film.mov", "Huber/Film.mp4"]
    footage, key, out = write_footage(tmp_path / "footage", names), tmp_path / "key", tmp_path / "clips"
    folder = stop_after(hands, 2, footage, out, private=key)
    written = contents(folder)
    prepare([footage], out, private=key)
    written += contents(out)
    said = "".join(capfd.readouterr()).replace(str(tmp_path), "")
    for word in ("Meier", "Huber", "Heim", "Film"):
        assert word not in said
        assert not [part for part in written if word.encode() in part]
    assert any(b"JFIF" in part for part in written)  # records are compressed, and nowhere else would this test look
    sources = {record.source for record in read_clips(out)}
    assert sources == {row.file for row in read_manifest(out)}
    assert len(sources) == len(names)
    assert not any(word in source for word in ("Meier", "mp4") for source in sources)
    assert key.stat().st_mode & 0o777 == 0o600
    assert json.loads((out / "config.json").read_text())["private"]


def test_private_checksums_need_the_key(hands, footage, tmp_path):
    for name, private in (("plain", None), ("one", "key1"), ("same", "key1"), ("other", "key2")):
        prepare([footage], tmp_path / name, private=tmp_path / private if private else None)
    sums = {n: {row.sha256 for row in read_manifest(tmp_path / n)} for n in ("plain", "one", "same", "other")}
    assert sums["one"] == sums["same"]
    assert not (sums["plain"] & sums["one"] or sums["one"] & sums["other"])
    assert digest(tmp_path / "one") == digest(tmp_path / "same")
