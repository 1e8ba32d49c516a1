"""A tiny video transformer for a laptop: the encoder of `wince demo`. Pairwise objective only.

    wince pretrain configs/pretrain/tiny.py --clips CLIPS --out RUN

Hardware: 2 CPU cores, 2 GB of memory.
Time: about 2.5 minutes.
Expect: on the 30 held-out people of the demo (25 November 2026), MAE 1.87 [1.67, 2.08] for the population model and
1.71 [1.50, 1.95] for the personal one at k = 5 (ratings 0-10); the untrained encoder has 2.41 and 2.34, the bare
measures 2.21 and 2.12. Pairwise loss 1.17 at step 1, 0.59 at the end.
"""

from pretrain.clips.augment import AugmentConfig
from pretrain.config import PretrainConfig
from pretrain.encoders.vit import VideoViTConfig
from pretrain.objectives.contrastive import ContrastiveConfig
from pretrain.training.optimizer import OptimizerConfig

config = PretrainConfig(
    encoder=VideoViTConfig(width=96, depth=3, heads=3, tubelet=(8, 8, 8), frames=8, size=48),
    # a short run learns more from mild augmentation
    augment=AugmentConfig(zoom=0.08, ramp=0.3, noise=0.02, cutout=0.0),
    contrastive=ContrastiveConfig(weight=0.0),
    optimizer=OptimizerConfig(learning_rate=3e-3),
    steps=1000,
    log_every=50,
    evaluate_every=500,
)
