"""The config of a pretraining run."""

from dataclasses import field, replace
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval
from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from pretrain.clips.augment import AugmentConfig
from pretrain.clips.loader import BatchConfig
from pretrain.clips.tracks import ClipShape
from pretrain.encoders.encoder import EncoderConfig
from pretrain.encoders.vit import VideoViTConfig
from pretrain.objectives.contrastive import ContrastiveConfig
from pretrain.objectives.masked import MaskedConfig
from pretrain.objectives.pairwise import PairwiseConfig
from pretrain.training.durations import Duration, parse, to_steps
from pretrain.training.optimizer import OptimizerConfig

Positive = Annotated[int, Gt(0)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class PretrainConfig:
    """Everything that decides the result of a pretraining run, besides the clips."""

    encoder: EncoderConfig = field(default_factory=VideoViTConfig)
    clip: ClipShape = field(default_factory=ClipShape)
    batch: BatchConfig = field(default_factory=BatchConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    contrastive: ContrastiveConfig = field(default_factory=ContrastiveConfig)
    pairwise: PairwiseConfig = field(default_factory=PairwiseConfig)
    masked: MaskedConfig = field(default_factory=MaskedConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    precision: Literal["float32", "bfloat16"] = "float32"
    """What the encoder computes in; parameters, losses and statistics are float32 always, which CPUs are faster in."""
    ema: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    """Decay per step of the running mean of the parameters, which is then what is evaluated and embeds; 0 for none."""
    steps: Duration = 1000
    """Length of the run. Durations are steps, or text: "20 epochs", "1e6 examples" or (of the run) "5 percent"."""
    seed: Annotated[int, Ge(0)] = 0
    log_every: Duration = 20
    evaluate_every: Duration = 200
    checkpoint_every: Duration = 100
    keep: Positive = 3
    """Newest checkpoints that are kept, beside the untrained one (step 0)."""
    keep_every: Annotated[int, Ge(0)] = 0
    """Checkpoints of every so many steps are kept for good; 0 for none."""
    keep_best: Annotated[int, Ge(0)] = 0
    """Best checkpoints that are kept; every evaluated step is then saved. `wince embed RUN@best` takes the best."""
    best: str = "ridge_measures"
    """The evaluator's value, as the log names it after `eval/`, by which checkpoints are best: higher is better."""

    @model_validator(mode="after")
    def _consistent(self) -> "PretrainConfig":
        if self.clip.frames != self.encoder.frames:
            raise ValueError(f"clip.frames={self.clip.frames} but encoder.frames={self.encoder.frames}")
        if parse(self.steps).unit == "percent":
            raise ValueError(f"steps={self.steps!r} needs steps, epochs or examples; percent are of the run")
        if self.batch.tracks % self.batch.accumulate:
            raise ValueError(
                f"batch.accumulate={self.batch.accumulate} does not divide batch.tracks={self.batch.tracks}"
            )
        if not (self.contrastive.weight or self.pairwise.weight or self.masked.weight):
            raise ValueError("contrastive.weight, pairwise.weight and masked.weight are all 0: nothing to learn")
        if self.masked.weight and not self.encoder.can_drop:
            raise ValueError(f"masked.weight={self.masked.weight} needs an encoder that can leave out cells: use a ViT")
        if self.augment.token_share < 1 and not self.encoder.can_drop:
            raise ValueError(
                f"augment.token_share={self.augment.token_share} needs an encoder that can leave out cells: use a ViT"
            )
        return self

    @property
    def views(self) -> int:
        """Views per clip: the contrastive objective needs two."""
        return 2 if self.contrastive.weight else 1

    def in_steps(self, examples_per_epoch: int) -> "PretrainConfig":
        """The same config with every duration as a number of steps, which is what training takes."""

        def steps(duration: int | str, total: int | None) -> int:
            examples = self.batch.tracks * self.batch.clips_per_track
            return to_steps(duration, total=total, examples_per_step=examples, examples_per_epoch=examples_per_epoch)

        total = steps(self.steps, None)
        return replace(
            self,
            steps=total,
            log_every=steps(self.log_every, total),
            evaluate_every=steps(self.evaluate_every, total),
            checkpoint_every=steps(self.checkpoint_every, total),
            optimizer=replace(self.optimizer, warmup=steps(self.optimizer.warmup, total)),
        )
