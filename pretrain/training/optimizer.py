"""AdamW with warm-up and cosine decay."""

from typing import Annotated

import optax
from annotated_types import Ge, Gt, Interval
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class OptimizerConfig:
    """Optimizer of a pretraining run."""

    learning_rate: Annotated[float, Gt(0)] = 1.5e-3
    weight_decay: Annotated[float, Ge(0)] = 0.05
    warmup: Annotated[float, Interval(ge=0, lt=1)] = 0.05
    """Share of the steps in which the rate rises linearly from 0."""
    clip_norm: Annotated[float, Gt(0)] = 1.0
    """Largest norm of a gradient."""


def make_schedule(config: OptimizerConfig, steps: int) -> optax.Schedule:
    """Learning rate by step: linear warm-up, then a cosine to 0 at `steps`."""
    warmup = max(1, round(config.warmup * steps))
    return optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, warmup, max(steps, warmup + 1))


def make_optimizer(config: OptimizerConfig, steps: int) -> optax.GradientTransformation:
    """The gradient transformation of a run of `steps` steps."""
    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        optax.adamw(make_schedule(config, steps), b2=0.95, weight_decay=config.weight_decay),
    )
