"""Evaluators without labels: batches of one size, and features as if every clip were embedded by itself."""

import numpy as np

from pretrain.clips.loader import ClipLoader
from pretrain.evaluators import CLIPS_PER_STRETCH, STRETCHES_AT_ONCE, clip_gauges
from tests.support.small import small


def test_all_batches_have_one_size_and_each_clip_its_own_features(drawn_clips, monkeypatch):
    config = small()
    loader = ClipLoader(drawn_clips, config.batch, config.clip, channels=1, views=1, seed=0)
    parts = loader.parts * 2 + loader.parts[:3]  # not a multiple of what is embedded at once
    sizes, seen = [], []
    monkeypatch.setattr("pretrain.evaluators.uniformity", lambda f: seen.append(np.asarray(f)) or 0.0)

    def embed(frames):
        sizes.append(len(frames))
        return frames.reshape(len(frames), -1)[:, ::64].astype(np.float32)

    values = clip_gauges(parts, loader.read)(0, embed)
    assert set(sizes) == {CLIPS_PER_STRETCH * STRETCHES_AT_ONCE}
    assert len(sizes) == 2 * -(-len(parts) // STRETCHES_AT_ONCE)
    wanted = []
    for part in parts:
        for window in part.windows[np.linspace(0, len(part.starts) - 1, CLIPS_PER_STRETCH).astype(int)]:
            wanted.append(embed(loader.read(part.track, window[None]))[0])
    np.testing.assert_array_equal(seen[0], np.stack(wanted))
    assert 0 < values["alignment"] < 0.5
