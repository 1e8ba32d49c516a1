import errno
import os

import pytest

from pretrain.errors import UserError
from pretrain.footage.discover import discover, sequence_images


def _touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_search_finds_videos_by_ending_and_image_sequences_and_counts_the_rest(tmp_path):
    _touch(tmp_path, "b/two.MKV", "a.mp4", "notes.txt", "b/table.csv", *(f"seq/f{i}.png" for i in range(9, 15)))
    found = discover([tmp_path])
    assert [s.name for s in found.sources] == ["a.mp4", "b/two.MKV", "seq"]
    assert found.ignored == 2


def test_images_of_a_sequence_come_in_the_order_of_their_numbers(tmp_path):
    _touch(tmp_path, *(f"f{i}.png" for i in range(8, 13)))
    assert [p.name for p in sequence_images(tmp_path)] == ["f8.png", "f9.png", "f10.png", "f11.png", "f12.png"]


def test_what_macos_leaves_beside_files_is_no_footage(tmp_path):
    _touch(tmp_path, *(f"seq/{mark}f{i}.png" for i in range(9, 15) for mark in ("", "._")), "a.mp4", "._a.mp4")
    found = discover([tmp_path])
    assert [s.name for s in found.sources] == ["a.mp4", "seq"]
    assert found.ignored == 7


def test_portraits_of_many_people_are_no_sequence(tmp_path):
    _touch(tmp_path, *(f"{person:03d}_03.jpg" for person in range(20)), "a.mp4")
    found = discover([tmp_path])
    assert [s.name for s in found.sources] == ["a.mp4"]
    assert found.ignored == 20


def test_a_named_file_is_taken_whatever_its_ending(tmp_path):
    _touch(tmp_path, "film.dat")
    assert [s.name for s in discover([tmp_path / "film.dat"]).sources] == ["film.dat"]


def test_an_empty_folder_called_like_a_video_gets_a_row(tmp_path):
    _touch(tmp_path, "a.mp4")
    (tmp_path / "x.mp4").mkdir()
    assert [s.name for s in discover([tmp_path]).sources] == ["a.mp4", "x.mp4"]


def test_missing_path_names_the_nearest(tmp_path):
    _touch(tmp_path, "recordings/a.mp4")
    with pytest.raises(UserError, match="did you mean 'recordings'"):
        discover([tmp_path / "recording"])


def test_folder_without_footage_is_refused(tmp_path):
    _touch(tmp_path, "a.txt")
    with pytest.raises(UserError, match=r"no footage in .*1 other files"):
        discover([tmp_path])


def test_two_files_of_one_name_are_refused(tmp_path):
    _touch(tmp_path, "one/a.mp4", "two/a.mp4")
    with pytest.raises(UserError, match=r"both be called 'a.mp4'"):
        discover([tmp_path / "one", tmp_path / "two"])


def test_the_same_file_twice_is_refused(tmp_path):
    _touch(tmp_path, "one/a.mp4")
    with pytest.raises(UserError, match="named twice"):
        discover([tmp_path, tmp_path / "one"])


def test_a_folder_called_like_a_video_that_holds_no_footage_gets_a_row(tmp_path):
    _touch(tmp_path, "a.mp4", "x.mp4/notes.txt", "y.mp4/deep/b.mkv")
    found = discover([tmp_path])
    assert [s.name for s in found.sources] == ["a.mp4", "x.mp4", "y.mp4/deep/b.mkv"]
    assert found.ignored == 1


def test_links_that_go_in_circles_get_a_row_and_are_not_followed(tmp_path):
    _touch(tmp_path, "a.mp4")
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    (tmp_path / "up").symlink_to("..")
    assert [s.name for s in discover([tmp_path]).sources] == ["a.mp4", "loop.mp4"]
    assert [s.name for s in discover([tmp_path / "loop.mp4"]).sources] == ["loop.mp4"]


def test_a_folder_that_cannot_be_opened_gets_a_row(tmp_path, monkeypatch):
    """Simulated, since the superuser can open everything."""
    _touch(tmp_path, "a.mp4", "closed/b.mp4")
    walk = os.scandir

    def guarded(path):
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return walk(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert [s.name for s in discover([tmp_path]).sources] == ["a.mp4", "closed"]


def test_names_may_hold_anything(tmp_path):
    names = ["a\nb \N{GRINNING FACE}.mp4", '"quoted", and; more.mkv', " .avi"]
    _touch(tmp_path, *names)
    assert sorted(s.name for s in discover([tmp_path]).sources) == sorted(names)
