"""Which rows every step learns from: a pure function of seed and step, made before training starts."""

import math
from dataclasses import field
from typing import Annotated, Literal, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Interval
from jaxtyping import Int, Shaped
from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from personalize.heads.networks.stages import Positive


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Optimizer:
    """How parameters are changed."""

    name: Literal["adam", "sgd"] = "adam"
    rate: Annotated[float, Gt(0)] = 1e-3
    momentum: Annotated[float, Interval(ge=0, lt=1)] = 0.9
    """Of `sgd`."""
    decay: Annotated[float, Interval(gt=0, le=1)] = 1.0
    """What the rate is multiplied by every `decay_epochs` epochs."""
    decay_epochs: Positive = 20


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Training:
    """How long and on what a network is trained."""

    optimizer: Optimizer = field(default_factory=Optimizer)
    epochs: Positive | None = 20
    steps: Positive | None = None
    """Instead of epochs."""
    batch: Positive = 32
    """Rows of a step; where there are fewer to learn from, some are in it more than once."""
    batch_of: Literal["everybody", "one person"] = "everybody"
    undersample: bool = False
    """An epoch takes as many rows of every class as the rarest has, others each time; classes of the first label."""
    validate_on: Literal["nothing", "people", "tail"] = "nothing"
    """What is held back of the rows to learn from, to keep the best checkpoint: `share` of the participants, or the
    last `share` of every recording."""
    share: Annotated[float, Interval(gt=0, lt=1)] = 0.2
    checks: Positive = 20
    """Checkpoints, evenly spread over training."""
    patience: Annotated[int, Ge(1)] | None = None
    """Checkpoints without a better one after which training stops; needs something to validate on."""
    freeze: tuple[str, ...] = ()
    """Patterns of parameters that do not change, such as "stages/parts/block_*"."""

    @model_validator(mode="after")
    def _consistent(self) -> "Training":
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("training takes either epochs or steps: set the other one to None")
        if self.patience is not None and self.validate_on == "nothing":
            raise ValueError("patience needs validate_on='people' or 'tail'")
        if self.undersample and self.batch_of == "one person":
            raise ValueError("undersample draws from everybody: set batch_of='everybody'")
        return self


class Pool(NamedTuple):
    """What may be learnt from."""

    rows: Int[np.ndarray, "n"]
    person: Shaped[np.ndarray, "n"]
    label: Shaped[np.ndarray, "n"]
    """Codes of classes, or anything where nothing is undersampled."""


def schedule(pool: Pool, training: Training, seed: int) -> tuple[Int[np.ndarray, "steps batch"], float]:
    """The rows of every step, and how many steps an epoch has.

    Every epoch takes all its rows once, in an order that (seed, epoch) gives, and steps cut this stream into batches:
    step s is the same however many steps there are, and every batch is full.
    """
    batch = training.batch
    first = epoch_rows(pool, training, seed, 0)
    per_epoch = len(first) / batch
    steps = training.steps or math.ceil((training.epochs or 0) * per_epoch)
    epochs = -(-steps * batch // len(first))
    stream = np.concatenate([first, *(epoch_rows(pool, training, seed, e) for e in range(1, epochs))])
    return stream[: steps * batch].reshape(steps, batch), per_epoch


def epoch_rows(pool: Pool, training: Training, seed: int, epoch: int) -> Int[np.ndarray, "m"]:
    """The rows of one epoch in order."""
    rng = np.random.default_rng([seed, epoch])
    if training.batch_of == "one person":
        return _by_person(pool, training.batch, rng)
    order = rng.permutation(len(pool.rows))
    if training.undersample:
        codes, counts = np.unique(pool.label, return_counts=True)
        kept = [order[pool.label[order] == code][: counts.min()] for code in codes]
        order = rng.permutation(np.concatenate(kept))
    return pool.rows[order].astype(np.int32)


def _by_person(pool: Pool, batch: int, rng: np.random.Generator) -> Int[np.ndarray, "m"]:
    """Batches of one person each, in random order; a person's last batch is filled up from their first rows."""
    batches = []
    for person in np.unique(pool.person):
        own = rng.permutation(pool.rows[pool.person == person])
        batches.append(np.resize(own, (math.ceil(len(own) / batch), batch)))
    return rng.permutation(np.concatenate(batches)).ravel().astype(np.int32)
