"""What a study trains: networks, what comes before them, and whose rows they learn from."""

from typing import Annotated, Literal

from annotated_types import Gt
from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from personalize.heads.networks.network import NetworkConfig
from personalize.heads.training.pairs import PairTerm
from personalize.heads.training.schedule import Training
from personalize.heads.training.weights import Weights

Positive = Annotated[int, Gt(0)]
_strict = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_strict)
class Bottleneck:
    """A network that is trained first, on the single frames of films; the principal components of its outputs, frame by
    frame, are what comes next."""

    network: NetworkConfig
    components: Positive
    training: Training
    weights: Weights | None = None


@dataclass(frozen=True, config=_strict)
class Reference:
    """Rows go in with others of the same person, which the slot's neutral moment gives."""

    train: Positive = 1
    """How many for each row that is learnt from, drawn by chance."""
    test: Positive = 3
    """How many for each row that is tested; the answer is the mean over them."""


@dataclass(frozen=True, config=_strict)
class Model:
    """One row of the comparison."""

    network: NetworkConfig
    training: Training
    loss: Literal["mse", "huber", "bce", "ce"] | None = "mse"
    """On the target; None: pairs alone."""
    balanced: bool = False
    """Classes weigh as if they were equally frequent among what is learnt from."""
    pairs: tuple[PairTerm, ...] = ()
    least: float | int | None = None
    """Answers are raised to this."""
    learns_from: Literal["train", "own", "everybody"] = "train"
    """The protocol's training people; the tested person's own calibration units; both."""
    tuned: Annotated[int, Gt(0)] | None = None
    """Goes on with so many of the person's calibration units (of every class)."""
    tuning: Training | None = None
    """... how."""
    reference: Reference | None = None
    bottleneck: Bottleneck | None = None
    per_person: bool = False
    """Features are standardised by all that there is of a person; transductive."""
    columns: tuple[str, ...] = ()
    """Only these features; () for all."""
    select: Positive | None = None
    """Only so many features: those that correlate most with the target."""
    background: bool = False
    """Sees pictures whose face is covered: what light and pose alone tell."""
    like_one: bool = False
    """Learns from no more rows than one person has, drawn by chance: what more rows alone are worth."""
    weights: Weights | None = None
    """A local file to start from; None: from scratch."""

    @model_validator(mode="after")
    def _consistent(self) -> "Model":
        if (self.tuned is None) != (self.tuning is None):
            raise ValueError("tuned and tuning go together")
        if self.reference is None and self.network.difference is not None:
            raise ValueError("a network with a difference needs a reference")
        if self.reference is not None and self.network.difference is None:
            raise ValueError("a reference needs a network with a difference")
        return self

    def labels_used(self) -> int:
        """k: labels of the tested person, 0 where there is no fixed number of them."""
        return self.tuned or 0
