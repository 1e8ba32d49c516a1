"""Batches without a dataset."""

import numpy as np

from pretrain.clips.dataset import MEASURES

SMALL = {
    "encoder.width": "32",
    "encoder.depth": "1",
    "encoder.heads": "2",
    "encoder.size": "16",
    "encoder.view": "1.0",
    "encoder.frames": "4",
    "encoder.tubelet": "[2, 4, 4]",
    "clip.frames": "4",
    "batch.tracks": "4",
    "batch.clips_per_track": "3",
    "masked.decoder_width": "32",
    "masked.decoder_depth": "1",
}
"""Changes that make a config small."""


def random_batch(config, side=20, seed=0):
    """What `ClipLoader` yields in form, with nothing in it; a fifth of the measures is unknown."""
    rng = np.random.default_rng(seed)
    p, c = config.batch.tracks, config.batch.clips_per_track
    shape = (p, c, config.views, config.encoder.frames, side, side, config.encoder.channels)
    known = rng.random((p, c, len(MEASURES))) < 0.8
    return {
        "frames": rng.integers(0, 256, shape, dtype=np.uint8),
        "measures": np.where(known, rng.normal(size=known.shape), 0).astype(np.float32),
        "known": known,
        "time": (np.arange(c) + 0.5 * rng.random((p, c))).astype(np.float32),
        "track": np.arange(p, dtype=np.int32),
    }
