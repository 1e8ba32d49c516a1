"""The config of a pretraining run."""

from dataclasses import field
from typing import Annotated

from annotated_types import Ge, Gt
from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from pretrain.clips.augment import AugmentConfig
from pretrain.clips.loader import BatchConfig
from pretrain.clips.tracks import ClipShape
from pretrain.encoders.vit import VideoViTConfig
from pretrain.objectives.contrastive import ContrastiveConfig
from pretrain.objectives.pairwise import PairwiseConfig
from pretrain.training.optimizer import OptimizerConfig

Positive = Annotated[int, Gt(0)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class PretrainConfig:
    """Everything that decides the result of a pretraining run, besides the clips."""

    encoder: VideoViTConfig = field(default_factory=VideoViTConfig)
    clip: ClipShape = field(default_factory=ClipShape)
    batch: BatchConfig = field(default_factory=BatchConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    contrastive: ContrastiveConfig = field(default_factory=ContrastiveConfig)
    pairwise: PairwiseConfig = field(default_factory=PairwiseConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    steps: Positive = 1000
    seed: Annotated[int, Ge(0)] = 0
    log_every: Positive = 20
    evaluate_every: Positive = 200
    checkpoint_every: Positive = 100
    keep: Positive = 3
    """Newest checkpoints that are kept, beside the untrained one (step 0)."""

    @model_validator(mode="after")
    def _consistent(self) -> "PretrainConfig":
        if self.clip.frames != self.encoder.frames:
            raise ValueError(f"clip.frames={self.clip.frames} but encoder.frames={self.encoder.frames}")
        if not (self.contrastive.weight or self.pairwise.weight):
            raise ValueError("contrastive.weight and pairwise.weight are both 0: nothing to learn")
        return self

    @property
    def views(self) -> int:
        """Views per clip: the contrastive objective needs two."""
        return 2 if self.contrastive.weight else 1
