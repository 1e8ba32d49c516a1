"""A pretraining config small enough for tests on the drawn clips."""

from pipelines.configuration import override
from pretrain.config import PretrainConfig

SMALL = {
    "encoder.width": "32",
    "encoder.depth": "2",
    "encoder.heads": "2",
    "encoder.size": "32",
    "encoder.view": "1.0",
    "encoder.frames": "4",
    "encoder.tubelet": "[4, 8, 8]",
    "clip.frames": "4",
    "batch.tracks": "4",
    "batch.clips_per_track": "4",
    "steps": "30",
    "optimizer.warmup": "2",
    "log_every": "5",
    "evaluate_every": "15",
    "checkpoint_every": "5",
}


def small(**changes):
    """The config with changes, `__` for a dot; durations have to be in steps."""
    return override(PretrainConfig(), SMALL | {k.replace("__", "."): str(v) for k, v in changes.items()})
