"""A compact convolutional encoder for a laptop, with the recipe that was best on development people: `wince demo`'s.

    wince pretrain configs/pretrain/compact.py --clips CLIPS --out RUN

Pairwise differences of the expression measures, and a tenth of contrast between clips whose features are taken relative
to their track and whose targets are how alike their measures are (`scripts/ablation/results.md`).

Hardware: 2 CPU cores, 2 GB of memory.
Time: TIME
Expect: EXPECT
"""

from pretrain.clips.loader import BatchConfig
from pretrain.clips.tracks import ClipShape
from pretrain.config import PretrainConfig
from pretrain.encoders.conv import ConvConfig
from pretrain.objectives.contrastive import ContrastiveConfig

config = PretrainConfig(
    encoder=ConvConfig(frames=4, size=48),
    clip=ClipShape(frames=4, fps=5.0),
    batch=BatchConfig(tracks=12, clips_per_track=6),
    contrastive=ContrastiveConfig(weight=0.1, centred=True, targets="measures"),
    steps=1000,
    log_every=50,
    evaluate_every=500,
)
