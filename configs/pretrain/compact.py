"""A compact convolutional encoder for a laptop, with the recipe that was best on development people: `wince demo`'s.

    wince pretrain configs/pretrain/compact.py --clips CLIPS --out RUN

Pairwise differences of the expression measures, and a tenth of contrast between clips whose features are taken relative
to their track and whose targets are how alike their measures are (`scripts/ablation/README.md`).

Hardware: 2 CPU cores, 2 GB of memory.
Time: 2 to 4.5 minutes, as busy as the machine is.
Expect: on the 30 held-out people of the demo (25 November 2026), MAE 1.89 [1.64, 2.17] for the population model and
1.70 [1.45, 1.99] for the personal one at k = 5 (ratings 0-10); the untrained encoder has 2.25 and 2.17, the bare
measures 1.81 and 1.68. Pairwise loss 1.20 at step 1, 0.57 at the end.
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
