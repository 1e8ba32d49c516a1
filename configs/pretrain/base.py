"""A base-size video transformer for one accelerator or a cluster of them, on hundreds of hours of footage.

    wince pretrain configs/pretrain/base.py --clips CLIPS --out RUN
    scripts/slurm_pretrain.sh configs/pretrain/base.py CLIPS RUN --fsdp 8

Hardware: 8 accelerators with 40 GB of memory or more; fewer do with `--batch.accumulate 8`, and `--dry-run` says what
fits. Clips of 224 px (`wince prepare --size 224`).
Time: not measured.
Expect: not measured.
"""

from pretrain.clips.loader import BatchConfig
from pretrain.clips.tracks import ClipShape
from pretrain.config import PretrainConfig
from pretrain.encoders.vit import SIZES, VideoViTConfig
from pretrain.objectives.contrastive import ContrastiveConfig
from pretrain.training.optimizer import OptimizerConfig

config = PretrainConfig(
    encoder=VideoViTConfig(**SIZES["base"], tubelet=(2, 16, 16), frames=16, size=160, channels=3, remat=True),
    clip=ClipShape(frames=16, fps=12.5),
    batch=BatchConfig(tracks=64, clips_per_track=6, threads=16),
    contrastive=ContrastiveConfig(weight=0.1, centred=True, targets="measures"),
    optimizer=OptimizerConfig(learning_rate=5e-4),
    precision="bfloat16",
    ema=0.999,
    steps="100 epochs",
    log_every=50,
    evaluate_every="2 percent",
    checkpoint_every=500,
    keep_best=1,
)
