"""Plain progress lines: how far, how long still, counted from where the work really began."""

import os

import pytest

from pipelines import progress as module
from pipelines.prepare.gauge import DESCRIPTORS, Gauge, Reading, Tally, read_so_far
from pipelines.progress import duration, progress
from pretrain.footage.manifest import ManifestRow


def lines(monkeypatch, capsys, points):
    """What is printed when each (clock, done) of `points` is reported, of a total of 100."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with progress("work", 100) as meter:
        for clock, done in points:
            now[0] = clock
            meter.update(done)
    return capsys.readouterr().err.splitlines()


def test_time_left_is_extrapolated(monkeypatch, capsys):
    assert lines(monkeypatch, capsys, [(0, 0), (5, 10), (20, 40)]) == ["work 40/100, about 30 s left"]


def test_resumed_work_does_not_count_what_was_done_before(monkeypatch, capsys):
    assert lines(monkeypatch, capsys, [(0, 60), (20, 80)]) == ["work 80/100, about 20 s left"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(7.4, "7 s"), (119, "119 s"), (150, "2 min"), (3599, "1 h 0 min"), (12_000, "3 h 20 min"), (200_000, "2 d 7 h")],
)
def test_lengths_of_time_have_the_unit_that_suits_them(seconds, text):
    assert duration(seconds) == text


def test_files_are_measured_by_bytes_and_shown_by_number(monkeypatch, capsys):
    """Two files of 100 and 300 bytes, of ten of which eight were done before; a quarter of the second is read."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    gauge = Gauge([100, 300], 10, lambda: now[0])
    with progress("prepare", gauge.total) as meter:
        meter.update(gauge.done, gauge.note(), gauge.shown())
        now[0] = 20.0
        gauge.finished(0, ManifestRow("a", "ok", "", 500, 500, 0, 500, 1, 20.0, ""))
        gauge.running(1, Reading(seconds=980.0, faces=1500, bytes=100))
        meter.update(gauge.done, gauge.note(), gauge.shown())
    assert capsys.readouterr().err.splitlines() == [
        "prepare 9/10 files, about 20 s left, 0.3 h of video, 50.0 x real time, 100 faces/s"
    ]


def test_an_index_at_the_end_of_a_file_is_not_taken_for_its_end():
    gauge = Gauge([1000], 1, lambda: 0.0)
    gauge.running(0, Reading(0.0, 0, 1000))
    assert gauge.done < gauge.total


def test_the_system_tells_where_a_file_is_read(tmp_path):
    path = tmp_path / "film"
    path.write_bytes(bytes(1000))
    assert read_so_far(path) == 0
    with path.open("rb", buffering=0) as file:
        file.read(300)
        assert read_so_far(path) == (300 if DESCRIPTORS.is_dir() else 0)


def test_what_is_read_before_the_first_frame_is_no_progress(tmp_path):
    """The checksum reads the whole file first. A descriptor that was closed meanwhile does not hide the open one."""
    path = tmp_path / "film"
    path.write_bytes(bytes(1000))
    closed = os.open(os.devnull, os.O_RDONLY)
    with path.open("rb", buffering=0) as file:
        os.close(closed)
        file.read(300)
        tally = Tally(path)
        assert tally.read() == Reading(0.0, 0, 0)
        tally.seconds = 1.0
        assert tally.read() == Reading(1.0, 0, 300 if DESCRIPTORS.is_dir() else 0)
