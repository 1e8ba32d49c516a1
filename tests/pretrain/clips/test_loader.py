"""The global batch is a pure function of the step, whoever asks for which part of it."""

from dataclasses import replace

import numpy as np
import pytest

from pretrain.clips.dataset import MEASURES, read_clips
from pretrain.clips.loader import BatchConfig, ClipLoader, FrameReader, stretches
from pretrain.clips.tracks import ClipShape, index_tracks
from pretrain.errors import UserError

pytestmark = pytest.mark.usefixtures("compile_quickly")

SHAPE = ClipShape(frames=4, fps=10)
BATCH = BatchConfig(tracks=4, clips_per_track=3)


def loader(clips, **options):
    options = {"batch": BATCH, "shape": SHAPE, "channels": 1, "views": 2, "seed": 0} | options
    return ClipLoader(clips, **options)


def take(batches, count):
    return [next(batches) for _ in range(count)]


def same(a, b):
    return all((a[k] == b[k]).all() for k in a)


def test_shapes(drawn_clips):
    batch = next(loader(drawn_clips).batches())
    assert batch["frames"].shape == (4, 3, 2, 4, 32, 32, 1)
    assert batch["measures"].shape == (4, 3, len(MEASURES))
    assert batch["known"].all()
    assert len(set(batch["track"])) == 4


def test_resumes_at_any_step(drawn_clips):
    through = take(loader(drawn_clips).batches(), 7)
    again = take(loader(drawn_clips).batches(4), 3)
    assert all(same(a, b) for a, b in zip(through[4:], again, strict=True))
    assert not same(through[0], through[1])


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_share_one_global_batch(drawn_clips, processes):
    """Each has an unbroken block of its rows, which is what `place` takes."""
    whole = take(loader(drawn_clips).batches(2), 3)
    parts = [take(loader(drawn_clips, process=p, processes=processes).batches(2), 3) for p in range(processes)]
    for step, batch in enumerate(whole):
        assert same(batch, {key: np.concatenate([part[step][key] for part in parts]) for key in batch})


def test_threads_change_nothing(drawn_clips):
    streams = [loader(drawn_clips, batch=replace(BATCH, threads=threads)).batches(3) for threads in (0, 1, 2)]
    for a, b, c in zip(*(take(stream, 4) for stream in streams), strict=True):
        assert same(a, b)
        assert same(a, c)


@pytest.mark.slow
def test_workers_change_nothing(drawn_clips):
    for first in (0, 3):
        plain = take(loader(drawn_clips).batches(first), 5)
        shared = loader(drawn_clips, batch=replace(BATCH, workers=2), process=1, processes=2).batches(first)
        for a, b in zip(plain, take(shared, 5), strict=True):
            assert same({key: value[2:] for key, value in a.items()}, b)


def test_an_epoch_draws_from_every_stretch_once(drawn_clips):
    source = loader(drawn_clips)
    steps = source.examples_per_epoch // (BATCH.tracks * BATCH.clips_per_track)
    assert steps * BATCH.tracks == len(source.parts)
    tracks = np.concatenate([batch["track"] for batch in take(source.batches(), steps)])
    assert sorted(tracks) == sorted(part.track.number for part in source.parts)


def test_seed_changes_the_draw(drawn_clips):
    assert not same(next(loader(drawn_clips).batches()), next(loader(drawn_clips, seed=1).batches()))


def test_clips_of_a_row_are_apart_and_views_are_near(drawn_clips):
    for batch in take(loader(drawn_clips).batches(), 5):
        assert (np.diff(batch["time"], axis=1) > 0.2).all()


def test_measures_are_standardised_within_the_stretch(drawn_clips):
    for part in loader(drawn_clips).parts:
        np.testing.assert_allclose(part.measures.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(part.measures.std(0), 1, atol=1e-4)


def test_unknown_measures_are_marked_and_standardise_nothing(drawn_clips):
    track = index_tracks(drawn_clips)[0]
    measures = track.measures.copy()
    measures[:50, 0] = np.nan  # not estimated in the first half
    measures[20, 1] = np.nan  # one frame only: the clip's other frames tell
    measures[:, 2] = 0.3  # does not vary
    (part,) = stretches([replace(track, measures=measures)], SHAPE, 3)
    blind = part.windows.max(1) < 50
    assert (part.known[:, 0] == ~blind).all()
    assert part.known[:, 1].all()
    assert not part.known[:, 2].any()
    assert (part.measures[~part.known] == 0).all()
    mean = np.array([np.nanmean(m) for m in measures[part.windows[~blind], 0]])
    np.testing.assert_allclose(part.measures[~blind, 0], (mean - mean.mean()) / mean.std(), rtol=1e-4, atol=1e-5)


def test_reader_decodes_the_crops_that_are_asked_for(drawn_clips):
    import cv2

    track = index_tracks(drawn_clips)[3]
    record = next(r for r in read_clips(drawn_clips) if r.source == track.source and r.segment == 1)
    expected = cv2.imdecode(np.frombuffer(record.frames[2], np.uint8), cv2.IMREAD_GRAYSCALE)
    read = FrameReader(drawn_clips, 1)(track, np.array([[66, 0], [66, 65]]))
    assert (read[0, 0, :, :, 0] == expected).all()
    assert (read[0, 0] == read[1, 0]).all()
    assert not (read[0, 0] == read[0, 1]).all()


def test_too_little_footage_is_one_line(drawn_clips):
    with pytest.raises(UserError, match="0 of 8 tracks are long enough"):
        ClipLoader(drawn_clips, BATCH, ClipShape(frames=400, fps=10), channels=1, views=1, seed=0)
