"""A tiny video transformer for a laptop. Pairwise objective only; `compact` is the better recipe.

    wince pretrain configs/pretrain/tiny.py --clips CLIPS --out RUN

Hardware: 2 CPU cores, 2 GB of memory.
Time: about 2.5 minutes.
Expect: pairwise loss 1.17 at step 1, 0.59 at the end; on 30 phantoms of the demo as it was when the measures came from
optical flow (25 November 2026), MAE 1.87 [1.67, 2.08] for the population model.
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
