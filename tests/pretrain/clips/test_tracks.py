"""Where clips can be cut: true times, gaps, tails."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.clips.dataset import write_clips
from pretrain.clips.tracks import ClipShape, clip_windows, index_tracks, tile
from pretrain.errors import UserError
from tests.support.drawn import moving_records

SHAPE = ClipShape(frames=4, fps=10)


def test_windows_follow_the_camera_rate():
    chosen, whole = clip_windows(np.arange(90) / 30, SHAPE)
    assert chosen[0].tolist() == [0, 3, 6, 9]
    assert whole[:80].all()
    assert not whole[-1]


def test_no_clip_runs_over_a_gap():
    time = np.concatenate([np.arange(10), np.arange(20, 30)]) / 10
    chosen, whole = clip_windows(time, SHAPE)
    assert not any(9 in c and 10 in c for c, w in zip(chosen, whole, strict=True) if w)
    assert whole[0]
    assert whole[10]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.02, 0.4), min_size=1, max_size=120))
def test_tiles_cover_every_gapless_run_that_is_long_enough(steps):
    time = np.cumsum([0.0, *steps])
    windows = tile(time, SHAPE)
    assert (np.diff(windows[:, 0]) > 0).all() if len(windows) > 1 else True
    _, whole = clip_windows(time, SHAPE)
    assert whole[windows[:, 0]].all()
    assert (np.diff(windows, axis=1) >= 0).all()


def test_tiles_of_an_even_track_leave_no_tail():
    windows = tile(np.arange(103) / 10, SHAPE)
    covered = np.unique(windows)
    assert covered.tolist() == list(range(103))
    assert (np.diff(windows[:-1, 0]) == 4).all()


def test_short_track_has_no_clip():
    assert len(tile(np.arange(2) / 10, SHAPE)) == 0


def test_index_joins_segments_in_order(tmp_path):
    write_clips(moving_records(tracks=2, crops=150), tmp_path, 32)
    tracks = index_tracks(tmp_path)
    assert [t.source for t in tracks] == ["sub-00/video.mp4", "sub-01/video.mp4"]
    for track in tracks:
        assert track.frame_index.tolist() == list(range(150))
        assert (np.diff(track.time) > 0).all()


def test_missing_segment_is_refused(tmp_path):
    records = [r for r in moving_records(tracks=2, crops=150) if r.key != "sub-01/video.mp4#0000#000001"]
    write_clips(records, tmp_path, 32)
    with pytest.raises(UserError, match="lacks a segment"):
        index_tracks(tmp_path)
