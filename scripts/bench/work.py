"""What is timed: configs, and clips and batches to go with them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from configs.pretrain.tiny import config as tiny
from pretrain.clips.dataset import MEASURES, QUALITY, ClipRecord, write_clips
from pretrain.clips.loader import BatchConfig
from pretrain.clips.tracks import ClipShape
from pretrain.config import PretrainConfig
from pretrain.encoders.vit import SIZES, VideoViTConfig
from pretrain.objectives.contrastive import ContrastiveConfig

SPARE = 1.25
"""Side of the crops over that of the encoder's input: a view of 0.8."""


def video_vit(size: str, *, frames: int, side: int, tracks: int, clips_per_track: int, **of_the_run: Any) -> Any:
    """A config with a joint ViT of a usual size on 2 x 16 x 16 tubelets, and the pairwise objective."""
    width, depth, heads = (SIZES[size][name] for name in ("width", "depth", "heads"))
    return PretrainConfig(
        encoder=VideoViTConfig(width=width, depth=depth, heads=heads, frames=frames, size=side, tubelet=(2, 16, 16)),
        clip=ClipShape(frames=frames),
        batch=BatchConfig(tracks=tracks, clips_per_track=clips_per_track),
        contrastive=ContrastiveConfig(weight=0.0),
        **of_the_run,
    )


CONFIGS: dict[str, PretrainConfig] = {
    "tiny": tiny,
    "ViT-Ti": video_vit("tiny", frames=16, side=112, tracks=2, clips_per_track=2),
    # divides among eight devices, and is small enough that eight of them do not fill two cores for minutes
    "scale": replace(tiny, encoder=replace(tiny.encoder, depth=4), batch=BatchConfig(tracks=16, clips_per_track=4)),
}


def in_steps(config: PretrainConfig) -> PretrainConfig:
    """The config with durations in steps, for which its number of clips does not matter."""
    return config.in_steps(examples_per_epoch=1)


def crop_side(config: PretrainConfig) -> int:
    """Pixels of the crops that belong to a config."""
    return round(config.encoder.size * SPARE)


def batch_of(config: PretrainConfig, seed: int = 0) -> dict[str, np.ndarray]:
    """A batch of noise in the shapes that the loader gives."""
    rng, side = np.random.default_rng(seed), crop_side(config)
    p, c = config.batch.tracks, config.batch.clips_per_track
    shape = (p, c, config.views, config.clip.frames, side, side, config.encoder.channels)
    return {
        "frames": rng.integers(0, 256, shape).astype(np.uint8),
        "measures": rng.normal(size=(p, c, len(MEASURES))).astype(np.float32),
        "known": rng.random((p, c, len(MEASURES))) < 0.9,
        "time": np.tile(np.arange(c, dtype=np.float32), (p, 1)),
        "track": np.arange(p),
    }


def draw_clips(folder: Path, side: int, *, tracks: int = 16, crops: int = 128) -> Path:
    """A clip dataset of smooth moving pictures with a little grain, whose JPEGs are as long as those of real crops."""
    rng, records = np.random.default_rng(0), []
    for number in range(tracks):
        base = cv2.resize(
            rng.integers(40, 215, (10, 10, 3)).astype(np.uint8), (side, side), interpolation=cv2.INTER_CUBIC
        )
        frames = []
        for n in range(crops):
            noise = rng.normal(0, 5, (side, side, 3))
            picture = np.clip(np.roll(base, n, 1) + noise, 0, 255).astype(np.uint8)
            frames.append(cv2.imencode(".jpg", picture)[1].tobytes())
        records.append(
            ClipRecord(
                source=f"sub-{number:02d}/video.mp4",
                track=0,
                segment=0,
                frames=frames,
                frame_index=np.arange(crops),
                time=np.arange(crops) / 10,
                box=np.zeros((crops, 4), np.float32),
                measures=rng.normal(size=(crops, len(MEASURES))).astype(np.float32),
                landmarks=np.zeros((crops, 68, 2), np.float32),
                points=np.zeros((crops, 5, 2), np.float32),
                quality=np.zeros((crops, len(QUALITY)), np.float32),
            )
        )
    folder.mkdir()
    write_clips(records, folder, side)
    return folder
