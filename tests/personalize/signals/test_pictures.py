"""Crops of a cohort as one pool, from clips whose crops tell by their brightness who they are."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.cohorts.features import KEYS
from personalize.cohorts.joining import join
from personalize.cohorts.layout import read_cohort
from personalize.phantom.unbc import Sequence, write_sequence
from personalize.signals.mean_shape import SIDE, mean_shape, to_mean_shape
from personalize.signals.pictures import SLACK, at_rate, durations, read_pictures
from pretrain.clips.dataset import MEASURES, QUALITY, ClipRecord, write_clips
from pretrain.errors import UserError
from tests.personalize.cohorts.cohort_worlds import write_events
from tests.personalize.signals.signal_worlds import new_cohort

SIZE = 40


def crop(shade: float) -> np.ndarray:
    """A picture with structure, red at the left and blue at the right; brighter for higher shades."""
    row, column = np.indices((SIZE, SIZE))
    channels = [shade + 40 * (column < 10), shade + 20 * np.sin(row / 4), shade + 40 * (column > 30)]
    return np.clip(np.stack(np.broadcast_arrays(*channels), axis=-1), 0, 255).astype(np.uint8)


def records(source: str, time, shades, track: int = 0, at_a_time: int = 4):
    """A track, its crops stored without loss."""
    time, rng = np.asarray(time, float), np.random.default_rng(track)
    for segment, start in enumerate(range(0, len(time), at_a_time)):
        part = slice(start, start + at_a_time)
        n = len(time[part])
        frames = [cv2.imencode(".png", crop(shade)[..., ::-1])[1].tobytes() for shade in shades[part]]
        points = mean_shape() / SIDE * SIZE + rng.normal(0, 1, (n, 68, 2))
        yield ClipRecord(
            source, track, segment, frames, np.arange(n, dtype=np.int64) + start, time[part],
            np.zeros((n, 4), np.float32), points.astype(np.float32), np.zeros((n, 5, 2), np.float32),
            np.zeros((n, len(MEASURES)), np.float32), np.zeros((n, len(QUALITY)), np.float32),
        )  # fmt: skip


TRACKS = {
    ("sub-10/sub-10_video.mp4", 0): np.arange(11) / 10,
    ("sub-10/sub-10_video.mp4", 1): np.array([0.5, 0.6, 0.7, 2.0, 2.1]),
    ("sub-9/sub-9_video.mp4", 0): np.arange(6) / 10,
    ("sub-9/sub-9_video.mp4", 2): np.array([4.0]),
    ("another/film.mp4", 0): np.arange(3) / 10,
}


def shade_of(source: str, track: int, place: int) -> int:
    return 40 + 13 * ([*TRACKS].index((source, track)) + 1) + place


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two people with a film, one without; and clips of a film that is nobody's."""
    root = tmp_path_factory.mktemp("pictures")
    for stem, name in zip(new_cohort(root / "c", 3), ("sub-9", "sub-10", "sub-11"), strict=True):
        stem.parent.rename(stem.parent.with_name(name))
        (root / "c" / name / f"{name}_video.mp4").touch()
        write_events(root / "c" / name / f"{name}_events.tsv", [0.0], [1], duration=9.0)
    (root / "c/participants.tsv").write_text("participant_id\nsub-9\nsub-10\nsub-11\n")
    (root / "clips").mkdir()
    parts = [
        record
        for (source, track), time in TRACKS.items()
        for record in records(source, time, [shade_of(source, track, i) for i in range(len(time))], track)
    ]
    write_clips(parts, root / "clips", SIZE)
    return read_cohort(root / "c"), root / "clips"


def expected(rate=None):
    """(participant, track, t0, shade), as the cohort lists its people: by number."""
    return [
        (name, track, time[i], shade_of(source, track, i))
        for name in ("sub-9", "sub-10")
        for (source, track), time in TRACKS.items()
        if source.startswith(f"{name}/")
        for i in at_rate(time, rate)
    ]


@pytest.mark.parametrize("rate", [None, 5, 1])
def test_each_crop_has_its_keys(world, rate):
    (pool, keys), counts = read_pictures(*world, SIZE, rate=rate, color=True)
    wanted = expected(rate)
    assert list(keys.columns) == [*KEYS] and list(keys.index) == list(range(len(wanted)))
    assert keys["participant"].tolist() == keys["recording"].tolist() == [row[0] for row in wanted]
    assert keys["track"].tolist() == [row[1] for row in wanted]
    np.testing.assert_allclose(keys["t0"], [row[2] for row in wanted], atol=1e-6)
    np.testing.assert_array_equal(pool, np.stack([crop(row[3]) for row in wanted]))
    assert counts == {
        "videos": 3,
        "videos_without_pictures": 1,
        "pictures": len(wanted),
        "pictures_of_other_sources": 3,
    }


def test_crops_last_until_the_next_one(world):
    keys = read_pictures(*world, 8)[0].keys
    last = {key: (own["t1"] - own["t0"]).to_numpy() for key, own in keys.groupby(["participant", "track"])}
    np.testing.assert_allclose(last["sub-10", 0], 0.1, atol=1e-5)
    np.testing.assert_allclose(last["sub-10", 1], [0.1, 0.1, 0.15, 0.1, 0.1], atol=1e-5)
    np.testing.assert_allclose(last["sub-9", 2], 1 / 25)
    slow = read_pictures(*world, 8, rate=2)[0].keys
    last = {key: (own["t1"] - own["t0"]).to_numpy() for key, own in slow.groupby(["participant", "track"])}
    np.testing.assert_allclose(last["sub-10", 0], 0.5, atol=1e-5)
    np.testing.assert_allclose(last["sub-9", 2], 0.5)


def test_keys_join_ratings(world):
    pictures, _ = read_pictures(*world, 8)
    rows, _ = join(world[0], pictures.keys.assign(f0=pictures.pool.mean(axis=(1, 2))), "vas")
    assert len(rows.y) == len(pictures.pool) and rows.valid.all()


@pytest.mark.parametrize("pixels", [1, 7, 20, SIZE, 64])
def test_grey_is_that_of_the_colors_at_any_size(world, pixels):
    grey, colored = (read_pictures(*world, pixels, color=color)[0].pool for color in (False, True))
    assert grey.shape == (len(expected()), pixels, pixels) and colored.shape == (*grey.shape, 3)
    assert grey.dtype == colored.dtype == np.uint8
    luma = colored @ np.array([0.299, 0.587, 0.114])
    assert np.abs(luma - grey).max() < 2.5


def test_shrinking_averages(world):
    pool = read_pictures(*world, SIZE // 4, color=True)[0].pool.astype(float)
    blocks = np.stack([crop(row[3]) for row in expected()]).reshape(-1, SIZE // 4, 4, SIZE // 4, 4, 3)
    assert np.abs(pool - blocks.mean(axis=(2, 4))).max() <= 0.51


def test_warped_faces_are_in_the_mean_shape(world):
    pool = read_pictures(*world, SIDE, warp=True)[0].pool
    name, track, _, shade = expected()[8]
    source = f"{name}/{name}_video.mp4"
    place = [row[:2] for row in expected()[:8]].count((name, track))
    shades = [shade_of(source, track, i) for i in range(len(TRACKS[source, track]))]
    points = np.concatenate([r.landmarks for r in records(source, TRACKS[source, track], shades, track)])
    np.testing.assert_array_equal(pool[8], to_mean_shape(crop(shade), points[place]))
    small = read_pictures(*world, SIDE // 2, warp=True)[0].pool
    assert small.shape == (len(pool), SIDE // 2, SIDE // 2)
    assert np.abs(small - pool.reshape(len(pool), SIDE // 2, 2, SIDE // 2, 2).mean(axis=(2, 4))).max() <= 0.76


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"pixels": 0}, "pixels=0; the least is 1"),
        ({"rate": 0}, "rate=0 a second; it must be above 0"),
        ({"color": True, "warp": True}, "color=True needs warp=False"),
    ],
)
def test_what_cannot_be_is_refused(world, said, words):
    with pytest.raises(UserError, match=words):
        read_pictures(*world, **{"pixels": 8, **said})


def test_clips_of_other_videos_are_refused(world, tmp_path):
    write_clips(records("another/film.mp4", [0.0], [90]), tmp_path, SIZE)
    with pytest.raises(UserError, match=r"has nothing of the videos in .*first source: another/film.mp4"):
        read_pictures(world[0], tmp_path, 8)
    with pytest.raises(UserError, match="is not a clip dataset"):
        read_pictures(world[0], Path(tmp_path / "none"), 8)


def test_sequences_of_pictures_are_videos_too(tmp_path):
    """Those of UNBC-McMaster are called by their folder, and listed by their person's number."""
    frames, aus, landmarks = np.zeros((3, 8, 8, 3), np.uint8), np.zeros((3, 19)), np.zeros((3, 68, 2), np.float32)
    ratings = dict.fromkeys(("VAS", "SEN", "AFF", "OPR"), 1.0)
    for person in (2, 1):
        write_sequence(tmp_path / "a", Sequence(person, 1, "a", True, frames, aus, landmarks, ratings))
    cohort = read_cohort(Path(f"unbc:{tmp_path / 'a'}"))
    (tmp_path / "clips").mkdir()
    videos = cohort.recordings["video"].tolist()
    parts = [r for video in reversed(videos) for r in records(video, np.arange(3) / 25, [90, 91, 92])]
    write_clips(parts, tmp_path / "clips", SIZE)
    pictures, counts = read_pictures(cohort, tmp_path / "clips", 8)
    assert pictures.keys["recording"].tolist() == np.repeat(cohort.recordings["recording"], 3).tolist()
    assert counts["videos_without_pictures"] == 0
    np.testing.assert_allclose(pictures.keys["t1"] - pictures.keys["t0"], 1 / 25, atol=1e-6)


times = st.lists(st.integers(1, 900), min_size=1, max_size=40).map(lambda gaps: np.cumsum(gaps) / 1000)


@given(times, st.floats(0.5, 60))
def test_kept_crops_are_apart_and_none_is_left_out_without_need(time, rate):
    kept = at_rate(time, rate)
    assert kept[0] == 0
    least = 1 / rate - SLACK
    assert (np.diff(time[kept]) >= least - 1e-9).all()
    for place in np.setdiff1d(np.arange(len(time)), kept):
        before = time[kept[kept < place][-1]]
        assert time[place] - before < least + 1e-9
    assert at_rate(time, None).tolist() == list(range(len(time)))


@pytest.mark.parametrize(("fps", "rate", "every"), [(30, 15, 2), (25, 5, 5), (60, 10, 6), (24, 24, 1), (29.97, 10, 3)])
@pytest.mark.parametrize("digits", [3, 6])
def test_a_rate_that_fits_keeps_every_so_many_crops(fps, rate, every, digits):
    """Also where a film's times are rounded to milliseconds."""
    kept = at_rate(np.round(np.arange(300) / fps, digits), rate)
    np.testing.assert_array_equal(kept, np.arange(0, 300, every))


@given(times)
def test_crops_abut_but_for_gaps(time):
    t1 = time + durations(time, 0.04)
    if len(time) == 1:
        assert t1[0] == time[0] + 0.04
        return
    usual = np.median(np.diff(time))
    naive = [min(after, now + 1.5 * usual) for now, after in pairwise(time)]
    np.testing.assert_allclose(t1, [*naive, time[-1] + usual])
