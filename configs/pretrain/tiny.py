"""A tiny video transformer for a laptop: the encoder of `wince demo`. Pairwise objective only.

    wince pretrain configs/pretrain/tiny.py --clips CLIPS --out RUN

Hardware: 2 CPU cores, 2 GB of memory.
Time: about 2 minutes.
Expect: on the 30 held-out people of the demo, MAE 2.16 [1.88, 2.47] for the population model and 1.59 [1.33, 1.90]
for neutral reference + ridge at k = 5 (ratings 0-10); the untrained encoder has 2.53 and 2.21, the bare measures 2.14
and 1.56. Pairwise loss 0.97 at step 50, 0.61 at the end.
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
    steps=700,
    log_every=50,
    evaluate_every=350,
)
