"""What a study is: one published system as data. Nothing here, nor in what runs it, knows a study by name."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Len
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from personalize.cohorts.schemes import SCHEMES
from personalize.config import FirstSeconds, LabelZero
from personalize.evaluation.claims import ClaimConfig, check_claim
from personalize.evaluation.metrics import METRICS
from personalize.evaluation.statistics import POOLINGS
from personalize.protocols.config import ProtocolConfig
from personalize.studies.inputs import InputConfig
from personalize.studies.models import Model
from pretrain.errors import UserError, nearest

MARKS = ("paper", "paper·abs", "paper2", "code", "2nd", "seed", "recall+", "recall", "recall-", "inferred", "unknown")
"""Of the dossiers, how well a fact is known: read in the paper, in its abstract, in somebody else's summary, ...,
half remembered, filled in, looked for and not found."""
Sizes = Literal["smoke", "default", "full"]
Positive = Annotated[int, Gt(0)]
_strict = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_strict)
class Reported:
    """A number as it was published."""

    what: str
    text: str
    mark: str
    """One of `MARKS`."""
    metric: str | None = None
    """The name that it has here, None where there is none like it."""
    value: float | int | None = None

    def __post_init__(self) -> None:
        if self.mark not in MARKS:
            raise UserError(f"unknown confidence mark {self.mark!r}{nearest(self.mark, MARKS)}")
        if self.metric is not None and self.metric not in METRICS:
            raise UserError(f"unknown metric {self.metric!r}{nearest(self.metric, METRICS)}")


@dataclass(frozen=True, config=_strict)
class System:
    """Whose system it was, and how much of it is known."""

    number: Positive
    """In the review's list of references."""
    authors: str
    year: int
    title: str
    reported: tuple[Reported, ...]
    """The first one is the headline."""
    status: Literal["exact", "partial", "underspecified"]
    inferred: tuple[str, ...] = ()
    """What had to be filled in, each as "field: what, why"."""
    data_substitute: str | None = None
    """What stands for data that cannot be had."""


@dataclass(frozen=True, config=_strict)
class Phantoms:
    """A cohort of phantoms; see `wince phantom --list`."""

    scenario: str
    world: str = ""
    seed: Annotated[int, Ge(0)] = 0


@dataclass(frozen=True, config=_strict)
class World:
    """Where a study is run, and what is true there."""

    cohort: Phantoms
    about: str
    truths: tuple[bool | None, ...] = ()
    """Whether each of the claims holds here, by how the world was made; None (or nothing) where nobody knows."""
    train_cohort: Phantoms | None = None
    """Learn from this cohort, test on the other; every slot's protocol is then `external`."""


@dataclass(frozen=True, config=_strict)
class Labels:
    """What is predicted."""

    target: str
    """A label scheme by name, else a scale whose ratings are numbers."""
    ordered: bool = False
    """Take the scheme's classes as levels of one number."""
    heads: str | None = None
    """A column of `participants.tsv`: an output for each of its values, trained on these people alone; the answer is
    the mean of all."""
    auxiliary: tuple[str, ...] = ()
    """Action units to predict beside, where frames are coded."""
    auxiliary_weight: Annotated[float | int, Gt(0)] = 1.0
    threshold: float | int | None = None
    """Numbers from here on count as pain for AUROC."""


@dataclass(frozen=True, config=_strict)
class Slot:
    """One protocol under which all is run."""

    protocol: ProtocolConfig
    because: str | None = None
    """Why it leaks, where it does."""
    finds: tuple[str, ...] = ()
    """The reasons that the leak audit has to find; none for an honest one."""
    neutral: FirstSeconds | LabelZero = field(default_factory=FirstSeconds)
    """How a reference is found."""
    fitted_on_all: bool = False
    """LEAKY: scalers, selectors and components are fitted on the people who are tested, too."""
    models: tuple[str, ...] = ()
    """Which of the study's models; () for all."""


@dataclass(frozen=True, config=_strict)
class Size:
    """What of a study is run. None: as the study or the scenario has it; (): all."""

    participants: Positive
    seeds: Annotated[tuple[int, ...], Len(1)] = (0, 1, 2)
    recordings: Positive | None = None
    seconds: Annotated[float | int, Gt(0)] | None = None
    pixels: Positive | None = None
    folds: Annotated[int, Ge(2)] | None = None
    """At most, of protocols that have a number of folds."""
    steps: Positive | None = None
    """Of every training; one on a person's own labels may have fewer."""
    worlds: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    honest: tuple[int, ...] = ()
    """Positions of the honest slots."""
    as_reported: tuple[int, ...] = ()
    permuted: bool = True
    """Train the first model on permuted labels, too: what is left is no reading of faces."""


@dataclass(frozen=True, config=_strict)
class Study:
    """One system, its comparison and the protocols: everything that tells it from the others."""

    system: System
    worlds: Annotated[dict[str, World], Len(1)]
    input: Annotated[InputConfig, Field(discriminator="kind")]
    labels: Labels
    models: Annotated[dict[str, Model], Len(1)]
    """By name; the first one is what the others are compared with."""
    as_reported: Annotated[tuple[Slot, ...], Len(1)]
    honest: Annotated[tuple[Slot, ...], Len(1)]
    """The claims are answered under the first of each; the gap is between these two."""
    metric: str
    sizes: dict[Sizes, Size]
    claims: Annotated[tuple[ClaimConfig, ...], Len(1)]
    pooling: str = "mean_over_participants"

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise UserError(f"unknown metric {self.metric!r}{nearest(self.metric, METRICS)}")
        if self.pooling not in POOLINGS:
            raise UserError(f"unknown pooling {self.pooling!r}{nearest(self.pooling, POOLINGS)}")
        if missing := {"smoke", "default", "full"} - self.sizes.keys():
            raise UserError(f"a study has sizes smoke, default and full; {sorted(missing)[0]!r} is not there")
        for slot in (*self.as_reported, *self.honest):
            _known(slot.models, self.models, "model")
        for size in self.sizes.values():
            _known(size.models, self.models, "model")
            _known(size.worlds, self.worlds, "world")
        for name, world in self.worlds.items():
            if len(world.truths) not in (0, len(self.claims)):
                raise UserError(f"world {name!r} says the truth of {len(world.truths)} of {len(self.claims)} claims")
        sides = [(name, model.labels_used()) for name, model in self.models.items()]
        for claim in self.claims:
            check_claim(claim, [*sides, *_BASELINES], [self.metric_kind()])

    def metric_kind(self) -> str:
        """Kind of target of the metrics; see `evaluation.targets`."""
        scheme = SCHEMES.get(self.labels.target)
        if scheme is None:
            return "numeric"
        if self.labels.ordered:
            return "ordinal"
        return "probability" if len(scheme.classes) == 2 else "class"


_BASELINES = [("pspi", 0), ("elapsed_time", 0), ("majority", 0)]
"""Baselines that a claim may name: no training, no label of the test."""


def _known(names: tuple[str, ...], choices: Mapping[str, Any], what: str) -> None:
    for name in names:
        if name not in choices:
            raise UserError(f"the study has no {what} {name!r}{nearest(name, choices)}")
