"""What a `wince personalize` run is made of."""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from personalize.adaptation.names import parts, takes_labels
from personalize.evaluation.claims import ClaimConfig, check_claim
from personalize.protocols.config import KShotConfig, ProtocolConfig
from personalize.protocols.population import PopulationConfig
from pretrain.errors import UserError

_strict = ConfigDict(extra="forbid")


def _known(name: str) -> str:
    parts(name)
    return name


@dataclass(frozen=True, config=_strict)
class AdaptationConfig:
    """One row of the comparison: how to adapt, with how many labels of the person."""

    name: Annotated[str, AfterValidator(_known)]
    k: Annotated[int, Field(ge=0)] = 0
    """Labels in total; per class for class targets."""


@dataclass(frozen=True, config=_strict)
class FirstSeconds:
    """The neutral moment is how a recording begins; no label."""

    kind: Literal["first_seconds"] = "first_seconds"
    seconds: Annotated[float, Field(gt=0)] = 2.0
    """Rows, in a table without time."""


@dataclass(frozen=True, config=_strict)
class MarkedRest:
    """The neutral moment is what somebody has marked: intervals on the scale `scale`, whatever their value."""

    kind: Literal["marked_rest"] = "marked_rest"
    scale: str = "rest"


@dataclass(frozen=True, config=_strict)
class LowestPredicted:
    """The `count` units of a recording that the population model predicts lowest; transductive."""

    kind: Literal["lowest_predicted"] = "lowest_predicted"
    count: Annotated[int, Field(ge=1)] = 3


@dataclass(frozen=True, config=_strict)
class LabelZero:
    """Units of the person that are labelled `zero` or lower, among the k given; with `oracle`, among all."""

    kind: Literal["label_zero"] = "label_zero"
    zero: float = 0.0
    oracle: bool = False


KINDS = {"number": ("numeric",), "class": ("class", "probability"), "ordinal": ("ordinal",)}
"""What a kind of ratings may be to `evaluation.targets`: two classes are scored by the probability of the second."""

NeutralConfig = FirstSeconds | MarkedRest | LowestPredicted | LabelZero

DEFAULT_ADAPTATIONS = (
    AdaptationConfig("none"),
    AdaptationConfig("reference"),
    AdaptationConfig("ridge", k=5),
    AdaptationConfig("reference+ridge", k=5),
    AdaptationConfig("participant_prior", k=5),
)


@dataclass(frozen=True, config=_strict)
class PersonalizeConfig:
    """Leave people out, adapt to each from k labels, test on their later units."""

    target: str | None = "vas"
    """Rating scale to predict; None means the cohort's only one."""
    kind: Literal["number", "class", "ordinal"] | None = None
    """What the ratings are; None: numbers if they are numbers, else classes. k is counted per class for classes."""
    threshold: float | None = 4.0
    """Ratings from here on count as pain for AUROC and F1; None leaves those undefined. Not used for classes."""
    adaptations: Annotated[tuple[AdaptationConfig, ...], Field(min_length=1)] = DEFAULT_ADAPTATIONS
    """Each is compared with `none`, which is always there."""
    protocol: ProtocolConfig = field(default_factory=KShotConfig)
    neutral: NeutralConfig = field(default_factory=FirstSeconds)
    """How `reference` finds a person's neutral moment."""
    components: Annotated[int, Field(ge=0)] = 8
    """Directions beside offset and gain in which a person may differ under `ridge`."""
    harm: Annotated[float, Field(gt=0)] | None = None
    """A person is harmed whose error grows by more: MAE in units of the target, or share of wrong classes. None: a
    tenth of the standard deviation of all ratings, or 0.05.
    """
    draws: Annotated[int, Field(ge=2000)] = 2000
    """Bootstrap resamples of participants."""
    seed: Annotated[int, Field(ge=0)] = 0
    population: PopulationConfig | None = None
    """Adapts to a new population instead of to each person, with labels of other people of it; the adaptations and the
    protocol of persons are then not looked at.
    """
    claims: tuple[ClaimConfig, ...] = ()
    """Written down before anybody is tested, and answered with the results."""

    def __post_init__(self) -> None:
        for a in self.adaptations:
            labels = takes_labels(a.name) or (parts(a.name).referenced and isinstance(self.neutral, LabelZero))
            if a.k and not labels:
                raise UserError(f"adaptation {a.name!r} uses no labels: its k must be 0, not {a.k}")
        keys = [(a.name, a.k) for a in self.adaptations]
        for name, k in keys:
            if keys.count((name, k)) > 1:
                raise UserError(f"adaptation {name!r} with k={k} is named twice")
        if self.claims and self.population is not None:
            raise UserError("claims compare adaptations to persons, of which a run with `population` has none")
        kinds = [kind for name, some in KINDS.items() if self.kind in (None, name) for kind in some]
        for claim in self.claims:
            check_claim(claim, [(a.name, a.k) for a in self.cells()], kinds)

    def cells(self) -> tuple[AdaptationConfig, ...]:
        """The adaptations with the comparator `none` in front."""
        others = tuple(a for a in self.adaptations if a.name != "none")
        return (AdaptationConfig("none"), *others)
