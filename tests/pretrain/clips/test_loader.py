"""The global batch is a pure function of the step, whoever asks for which part of it."""

import numpy as np
import pytest

from pretrain.clips.dataset import read_clips
from pretrain.clips.loader import BatchConfig, ClipLoader, FrameReader
from pretrain.clips.tracks import ClipShape, index_tracks
from pretrain.errors import UserError

SHAPE = ClipShape(frames=4, fps=10)
BATCH = BatchConfig(tracks=4, clips_per_track=3)


def loader(clips, **options):
    return ClipLoader(clips, BATCH, SHAPE, **{"channels": 1, "views": 2, "seed": 0} | options)


def take(batches, count):
    return [next(batches) for _ in range(count)]


def same(a, b):
    return all((a[k] == b[k]).all() for k in a)


def test_shapes(drawn_clips):
    batch = next(loader(drawn_clips).batches())
    assert batch["frames"].shape == (4, 3, 2, 4, 32, 32, 1)
    assert batch["measures"].shape == (4, 3, 5)
    assert len(set(batch["track"])) == 4


def test_resumes_at_any_step(drawn_clips):
    through = take(loader(drawn_clips).batches(), 7)
    again = take(loader(drawn_clips).batches(4), 3)
    assert all(same(a, b) for a, b in zip(through[4:], again, strict=True))
    assert not same(through[0], through[1])


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_share_one_global_batch(drawn_clips, processes):
    whole = take(loader(drawn_clips).batches(), 3)
    parts = [take(loader(drawn_clips, process=p, processes=processes).batches(), 3) for p in range(processes)]
    for step, batch in enumerate(whole):
        for key, value in batch.items():
            woven = np.stack([part[step][key] for part in parts], 1).reshape(value.shape)
            assert (woven == value).all()


def test_seed_changes_the_draw(drawn_clips):
    assert not same(next(loader(drawn_clips).batches()), next(loader(drawn_clips, seed=1).batches()))


def test_clips_of_a_row_are_apart_and_views_are_near(drawn_clips):
    for batch in take(loader(drawn_clips).batches(), 5):
        assert (np.diff(batch["time"], axis=1) > 0.2).all()


def test_measures_are_standardised_within_the_stretch(drawn_clips):
    for part in loader(drawn_clips).parts:
        np.testing.assert_allclose(part.measures.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(part.measures.std(0), 1, atol=1e-4)


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
